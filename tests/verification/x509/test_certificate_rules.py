"""What an authority above forbids or demands, where the library reads less than RFC 5280."""

from __future__ import annotations

import time

import pytest
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, ObjectIdentifier

from tests.verification.specimens import (
    AUTHORITY,
    DAY,
    NOW,
    Extensions,
    PrivateKey,
    authority_entry,
    certificate,
    private_key,
    setting,
)
from verification.x509 import diagnosis, path
from verification.x509.certificates import alternative_names, is_issued_by
from verification.x509.chain import Fault, given_authorities, verify_chain

ROOT_KEY, LINK_KEY, LEAF_KEY = (private_key("p256", f"rules {each}") for each in range(3))
ROOT = certificate("root", "root", ROOT_KEY, ROOT_KEY, AUTHORITY)
BESIDE: Extensions = ((x509.SubjectAlternativeName([x509.DNSName("ci.example")]), False),)
POLICIES = x509.CertificatePolicies([x509.PolicyInformation(ObjectIdentifier("1.2.3.4"), None)])
MAPPINGS = x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.33"), b"\x30\x00")


def link(*extensions: x509.ExtensionType, critical: bool = True) -> x509.Certificate:
    stated = tuple((each, critical) for each in extensions)
    return certificate("link", "root", LINK_KEY, ROOT_KEY, (*AUTHORITY, *stated))


def leaf(extensions: Extensions = (), *, address: str = "") -> x509.Certificate:
    """Return a signer's certificate, with an e-mail address in its subject."""
    named = [x509.NameAttribute(NameOID.COMMON_NAME, "signer")]
    named += [x509.NameAttribute(NameOID.EMAIL_ADDRESS, address)] if address else []
    return signer_named(named, extensions)


def signer_named(
    named: list[x509.NameAttribute[str]], extensions: Extensions = ()
) -> x509.Certificate:
    assert isinstance(LINK_KEY, ec.EllipticCurvePrivateKey)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(named))
        .issuer_name(link().subject)
        .public_key(LEAF_KEY.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(LINK_KEY, hashes.SHA256())


def judged(*chain: x509.Certificate, root: x509.Certificate = ROOT) -> tuple[str, str]:
    """Return reason and detail of what is said of the chain."""
    found = verify_chain(chain, given_authorities(setting(authority_entry(root)).trust), NOW)
    return (found.reason, found.detail) if isinstance(found, Fault) else ("accepted", "")


def names(permitted: str = "", excluded: str = "") -> x509.NameConstraints:
    """Return constraints on one kind of e-mail address each."""
    return x509.NameConstraints(
        [x509.RFC822Name(permitted)] if permitted else None,
        [x509.RFC822Name(excluded)] if excluded else None,
    )


CONSTRAINED = {  # constraints, the subject's address → whether that may be
    "other host": (names("acme.example"), "ceo@other.example", False),
    "host": (names("acme.example"), "ceo@acme.example", True),
    "host in capitals": (names("acme.example"), "ceo@ACME.example", True),
    "host below it": (names("acme.example"), "ceo@mail.acme.example", False),
    "host that ends alike": (names("acme.example"), "ceo@evilacme.example", False),
    "domain": (names(".acme.example"), "ceo@mail.acme.example", True),
    "domain itself": (names(".acme.example"), "ceo@acme.example", False),
    "domain that ends alike": (names(".acme.example"), "ceo@evilacme.example", False),
    "mailbox": (names("ci@acme.example"), "ci@acme.example", True),
    "other mailbox": (names("ci@acme.example"), "ceo@acme.example", False),
    "mailbox in capitals": (names("ci@acme.example"), "CI@acme.example", False),
    "two at signs": (names("acme.example"), "ceo@other.example@acme.example", True),
    "no address": (names("acme.example"), "acme.example", False),
    "host longer than hosts are": (names(".a"), "ceo@" + "b." * 126 + "a", True),
    "host too long": (names(".a"), "ceo@" + "b." * 127 + "a", False),
    "excluded": (names(excluded="acme.example"), "ceo@acme.example", False),
    "excluded in capitals": (names(excluded="acme.example"), "ceo@Acme.Example", False),
    "not excluded": (names(excluded="acme.example"), "ceo@other.example", True),
    "excluded, with a dot behind": (names(excluded="acme.example"), "ceo@acme.example.", False),
    "excluded, blank behind": (names(excluded="acme.example"), "ceo@acme.example ", False),
    "in letters that no host has": (names(excluded="xn--bcher-kva.de"), "ceo@bücher.de", False),
    "excluded, unreadable": (names(excluded="acme.example"), "acme.example", False),
    "both": (names(".acme.example", "ex.acme.example"), "ceo@ex.acme.example", False),
    "of another kind": (
        x509.NameConstraints([x509.DNSName("acme.example")], None),
        "ceo@other.example",
        True,
    ),
}


@pytest.mark.parametrize(("stated", "address", "fits"), CONSTRAINED.values(), ids=CONSTRAINED)
def test_attack_09_address_in_the_subject_keeps_to_the_constraints(
    stated: x509.NameConstraints, address: str, *, fits: bool
) -> None:
    reason, detail = judged(leaf(address=address), link(stated))
    assert reason == ("accepted" if fits else "CERT_UNTRUSTED")
    assert fits or "address in the subject (nameConstraints)" in detail


def test_attack_09_constraints_of_the_anchor_hold_for_every_address_below() -> None:
    root = certificate(
        "root", "root", ROOT_KEY, ROOT_KEY, (*AUTHORITY, (names("acme.example"), True))
    )
    assert judged(leaf(address="ci@acme.example"), link(), root=root)[0] == "accepted"
    assert judged(leaf(address="ci@other.example"), link(), root=root)[0] == "CERT_UNTRUSTED"
    beside = leaf(BESIDE, address="ci@other.example")
    assert judged(beside, link(), root=root)[0] == "CERT_UNTRUSTED"


@pytest.mark.parametrize("beside", [(), ("ceo@other.example",)])
def test_attack_09_empty_address_is_within_no_constraints(beside: tuple[str, ...]) -> None:
    """One in front of another hid that other from the constraints once."""
    kind = NameOID.EMAIL_ADDRESS
    signer = signer_named(
        [x509.NameAttribute(kind, each, _validate=False) for each in ("", *beside)]
    )
    assert judged(signer, link())[0] == "accepted"
    assert judged(signer, link(names("acme.example")))[0] == "CERT_UNTRUSTED"


def test_attack_16_addresses_are_not_each_compared_with_each_constraint() -> None:
    """A subject and an authority above it may state thousands; four seconds were once lost."""
    many = 4000
    hosts = [x509.RFC822Name(f"h{each}.example") for each in range(many)]
    last = f"@h{many - 1}.example"
    named = [x509.NameAttribute(NameOID.EMAIL_ADDRESS, f"u{each}{last}") for each in range(many)]
    signer, above = signer_named(named), link(x509.NameConstraints(hosts, None))
    began = time.process_time()
    assert judged(signer, above)[0] == "accepted"
    assert time.process_time() - began < 1


CONFUSED = {
    "address as URI": x509.UniformResourceIdentifier("ceo@acme.example"),
    "address as DNS name": x509.DNSName("ceo@acme.example"),
    "host as URI": x509.UniformResourceIdentifier("ci.acme.example"),
    "host as address": x509.RFC822Name._init_without_validation("ci.acme.example"),
    "URI as DNS name": x509.DNSName("https://acme.example/ci"),
    "URI as address": x509.RFC822Name("https://acme.example/ci@refs/heads/main"),
    "subject as DNS name": x509.DNSName("CN=ceo"),
}
OF_THEIR_KIND = {
    "address": x509.RFC822Name("ci+x/y@acme.example"),
    "address at a host without a name": x509.RFC822Name("ci@[IPv6:2001:db8::1]"),
    "workflow": x509.UniformResourceIdentifier("https://acme.example/w.yml@refs/heads/main"),
    "workload": x509.UniformResourceIdentifier("spiffe://acme.example/ci"),
    "name without a host": x509.UniformResourceIdentifier("urn:acme:ci"),
    "hosts": x509.DNSName("*.ci_1.acme.example"),
}


@pytest.mark.parametrize("name", CONFUSED.values(), ids=CONFUSED)
def test_attack_06_name_that_reads_as_one_of_another_kind_names_nobody(
    name: x509.GeneralName,
) -> None:
    """An authority held to `other.example` in one kind of names may say what it will in another."""
    stated = names("other.example")
    signer = leaf(((x509.SubjectAlternativeName([name]), False),))
    held_to_addresses = judged(signer, link(stated))[0]
    assert held_to_addresses == "accepted" or isinstance(name, x509.RFC822Name)
    assert alternative_names(signer) == ()


@pytest.mark.parametrize("name", OF_THEIR_KIND.values(), ids=OF_THEIR_KIND)
def test_name_that_reads_as_one_of_its_kind_is_stated(name: x509.GeneralName) -> None:
    signer = leaf(((x509.SubjectAlternativeName([name]), False),))
    assert alternative_names(signer) == (name.value,)


FOLLOWED = {  # extensions about policies → what is said of a chain with one of them
    "policies": (POLICIES, "accepted"),
    "inhibit any": (x509.InhibitAnyPolicy(0), "accepted"),
    "inhibit mapping": (x509.PolicyConstraints(None, 0), "accepted"),
    "demand": (x509.PolicyConstraints(0, None), "FORMAT_UNSUPPORTED"),
    "later demand": (x509.PolicyConstraints(4, None), "FORMAT_UNSUPPORTED"),
    "demand and inhibit": (x509.PolicyConstraints(0, 0), "FORMAT_UNSUPPORTED"),
}


@pytest.mark.parametrize("critical", [True, False])
@pytest.mark.parametrize(("stated", "reason"), FOLLOWED.values(), ids=FOLLOWED)
def test_policies_are_not_asked_for_and_a_demand_for_one_is_not_judged(
    stated: x509.ExtensionType, reason: str, *, critical: bool
) -> None:
    assert judged(leaf(), link(stated, critical=critical))[0] == reason
    assert judged(leaf(((stated, critical),)), link())[0] == reason


def test_critical_mappings_of_policies_are_not_judged() -> None:
    assert judged(leaf(), link(MAPPINGS, critical=False))[0] == "accepted"
    reason, detail = judged(leaf(), link(MAPPINGS))
    assert (reason, "policyMappings" in detail) == ("FORMAT_UNSUPPORTED", True)


NARROW = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "acme")])
UNJUDGED = {
    "directory names": x509.NameConstraints([x509.DirectoryName(NARROW)], None),
    "excluded directory names": x509.NameConstraints(None, [x509.DirectoryName(NARROW)]),
}


@pytest.mark.parametrize("stated", UNJUDGED.values(), ids=UNJUDGED)
def test_names_that_the_library_does_not_compare_are_not_judged(
    stated: x509.NameConstraints,
) -> None:
    reason, detail = judged(leaf(), link(stated))
    assert (reason, "DirectoryName (nameConstraints)" in detail) == ("FORMAT_UNSUPPORTED", True)


def test_key_that_an_authority_renewed_itself_is_not_counted_by_us() -> None:
    """RFC 5280 section 4.2.1.9: self-issued certificates do not count; the library counts them."""
    new = private_key("p256", "renewed")
    for most, reason in ((0, "FORMAT_UNSUPPORTED"), (None, "accepted")):
        length = ((x509.BasicConstraints(ca=True, path_length=most), True),)
        root = certificate("root", "root", ROOT_KEY, ROOT_KEY, length)
        renewed = certificate("root", "root", new, ROOT_KEY, AUTHORITY)
        signer = certificate("signer", "root", LEAF_KEY, new)
        assert judged(signer, renewed, root=root)[0] == reason
        # One below that is another authority's breaks the length all the same.
        below = certificate("below", "root", LINK_KEY, ROOT_KEY, AUTHORITY)
        deeper = certificate("signer", "below", LEAF_KEY, LINK_KEY)
        wrong = "CERT_UNTRUSTED" if most == 0 else "accepted"
        assert judged(deeper, below, root=root)[0] == wrong


def test_addresses_of_the_web_are_not_judged() -> None:
    stated = x509.NameConstraints([x509.UniformResourceIdentifier("acme.example")], None)
    name = x509.UniformResourceIdentifier("https://acme.example/ci")
    signer = leaf(((x509.SubjectAlternativeName([name]), False),))
    assert judged(signer, link(stated))[0] == "FORMAT_UNSUPPORTED"


def test_attack_09_what_is_not_judged_is_told_only_of_a_way_that_leads_to_an_authority() -> None:
    """A stranger must not turn a refusal into a mere gap of ours."""
    stranger = private_key("p256", "stranger")
    forged = certificate("link", "root", LINK_KEY, stranger, (*AUTHORITY, (MAPPINGS, True)))
    edwards = private_key("ed25519")
    own = certificate("e", "e", edwards, edwards, AUTHORITY)
    assert judged(leaf(), forged)[0] == "CERT_UNTRUSTED"
    assert judged(certificate("s", "e", LEAF_KEY, edwards), own)[0] == "CERT_UNTRUSTED"


def test_stranger_with_a_key_of_an_unknown_kind_is_no_fault_of_ours() -> None:
    """Such a certificate is read; only its key cannot be."""
    stranger = certificate("link", "root", LINK_KEY, LINK_KEY, AUTHORITY)
    encoded = stranger.public_bytes(Encoding.DER).replace(
        bytes.fromhex("06072a8648ce3d0201"), bytes.fromhex("06072a8648ce3d0203")
    )
    strange = x509.load_der_x509_certificate(encoded)
    with pytest.raises((UnsupportedAlgorithm, ValueError)):
        strange.public_key()
    other = certificate("link", "link", LINK_KEY, LINK_KEY, AUTHORITY)
    assert judged(leaf(), strange, other)[0] == "CERT_UNTRUSTED"
    assert judged(leaf(), other, strange)[0] == "CERT_UNTRUSTED"
    assert judged(leaf(), strange, link())[0] == "accepted"


LOOP = [private_key("p256", f"loop {each}") for each in range(28)]
STRANGERS = {  # keys of the authorities of one name that came along → signatures checked
    "issue each other": (LOOP[:1] * 28, LOOP[0], 3 + 1),
    "share a name": (LOOP, ROOT_KEY, 3 + 8),
}


@pytest.mark.parametrize(("keys", "issuer", "checks"), STRANGERS.values(), ids=STRANGERS)
def test_attack_16_certificates_of_strangers_are_not_searched_among_themselves(
    keys: list[PrivateKey], issuer: PrivateKey, checks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = tuple(certificate("loop", "loop", key, key, AUTHORITY) for key in keys)
    named = tuple(certificate("loop", "root", key, key, AUTHORITY) for key in keys[:3])
    checked: list[int] = []
    searched: list[object] = []

    def counted(one: x509.Certificate, above: x509.Certificate) -> bool:
        checked.append(one.serial_number)
        return is_issued_by(one, above)

    for module in (path, diagnosis):
        monkeypatch.setattr(module, "is_issued_by", counted)
    monkeypatch.setattr(path, "_search", lambda *given: searched.append(given))
    signer = certificate("s", "loop", LEAF_KEY, issuer)
    assert judged(signer, *loop, *named)[0] == "CERT_UNTRUSTED"
    assert (len(searched), len(checked)) == (0, checks)
