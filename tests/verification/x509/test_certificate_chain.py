"""The chain of a signer's certificate: what a signer must be, and to whom it must lead."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed448
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from core.errors import MalformedError
from core.limits import Limits
from core.model import Trust, TrustEntry, TrustKind
from tests.verification.specimens import (
    AUTHORITY,
    DAY,
    NOW,
    Extensions,
    authority_entry,
    certificate,
    openssl,
    pem,
    private_key,
    private_pem,
    setting,
)
from verification.trust import describe
from verification.x509 import anchors
from verification.x509.certificates import (
    certificate_claims,
    certificate_digest,
    certificate_key_algorithm,
    certificate_signer,
    certified_key,
    read_certificates,
)
from verification.x509.chain import Chain, Fault, given_authorities, verify_chain

ROOT_KEY = private_key("p256", "root")
LINK_KEY = private_key("p256", "link")
LEAF_KEY = private_key("p256", "leaf")
ROOT = certificate("root", "root", ROOT_KEY, ROOT_KEY, AUTHORITY)
LINK = certificate("link", "root", LINK_KEY, ROOT_KEY, AUTHORITY)


def leaf(*extensions: tuple[x509.ExtensionType, bool]) -> x509.Certificate:
    return certificate("signer", "root", LEAF_KEY, ROOT_KEY, extensions)


def usage(*allowed: str) -> x509.KeyUsage:
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: name in allowed for name in names})


def purpose(*oids: x509.ObjectIdentifier) -> x509.ExtendedKeyUsage:
    return x509.ExtendedKeyUsage(oids)


def judged(
    *chain: x509.Certificate, given: tuple[x509.Certificate, ...] = (ROOT,)
) -> Chain | Fault:
    authorities = given_authorities(setting(authority_entry(*given)).trust)
    return verify_chain(chain, authorities, NOW)


def reason(judgement: Chain | Fault) -> str:
    return judgement.reason if isinstance(judgement, Fault) else "accepted"


UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
CODE, SERVER = ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.SERVER_AUTH
LEAVES: dict[str, tuple[Extensions, str]] = {
    "no extension": ((), "accepted"),
    "digitalSignature": (((usage("digital_signature"), True),), "accepted"),
    "keyEncipherment only": (((usage("key_encipherment"), True),), "CERT_USAGE"),
    "codeSigning": (((purpose(CODE), False),), "accepted"),
    "codeSigning and serverAuth": (((purpose(SERVER, CODE), False),), "accepted"),
    "any purpose": (
        ((purpose(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE), False),),
        "accepted",
    ),
    "serverAuth only": (((purpose(SERVER), False),), "CERT_USAGE"),
    "emailProtection only": (
        ((purpose(ExtendedKeyUsageOID.EMAIL_PROTECTION), False),),
        "CERT_USAGE",
    ),
    "unknown critical extension": (((UNKNOWN, True),), "CERT_USAGE"),
    "unknown extension": (((UNKNOWN, False),), "accepted"),
    "authority": (AUTHORITY, "CERT_USAGE"),
    "authority that may issue": (
        (*AUTHORITY, (usage("digital_signature", "key_cert_sign"), True)),
        "CERT_USAGE",
    ),
    "authority that cannot issue": ((*AUTHORITY, (usage("digital_signature"), True)), "accepted"),
}


@pytest.mark.parametrize(("extensions", "expected"), LEAVES.values(), ids=LEAVES.keys())
def test_attack_09_signer_must_be_allowed_to_sign_code(
    extensions: Extensions, expected: str
) -> None:
    assert reason(judged(leaf(*extensions))) == expected


def test_chain_names_its_anchor_and_the_first_end() -> None:
    short = certificate("signer", "link", LEAF_KEY, LINK_KEY, until=NOW + timedelta(hours=1))
    chain = judged(short, LINK)
    assert isinstance(chain, Chain)
    assert (chain.anchor, chain.length) == (certificate_digest(ROOT), 3)
    assert chain.due_at == NOW + timedelta(hours=1, seconds=1)
    assert chain.pinned == ""


def test_anchor_is_a_name_and_a_key_whatever_else_its_certificate_says() -> None:
    """RFC 5280 section 6.1.1; below the anchor, what is critical has to be understood."""
    odd = (*AUTHORITY, (UNKNOWN, True))
    root = certificate("root", "root", ROOT_KEY, ROOT_KEY, odd)
    link = certificate("link", "root", LINK_KEY, ROOT_KEY, AUTHORITY)
    signed = certificate("signer", "link", LEAF_KEY, LINK_KEY)
    for chain in ((signed, link), (signed, link, root)):
        judgement = judged(*chain, given=(root,))
        assert isinstance(judgement, Chain), judgement
        assert judgement.anchor == certificate_digest(root)
        assert judgement.links[-1] == root
    between = certificate("link", "root", LINK_KEY, ROOT_KEY, odd)
    refused = judged(signed, between)
    assert (reason(refused), refused.found) == ("CERT_USAGE", "1.2.3.4")  # type: ignore[union-attr]
    assert reason(judged(signed, between, given=(between,))) == "accepted"
    stranger = certificate("root", "root", LEAF_KEY, LEAF_KEY, odd)
    assert reason(judged(signed, link, given=(stranger,))) == "CERT_UNTRUSTED"
    limited = (*odd, (x509.NameConstraints(None, [x509.RFC822Name("acme.test")]), True))
    bound = certificate("root", "root", ROOT_KEY, ROOT_KEY, limited)
    mail = ((x509.SubjectAlternativeName([x509.RFC822Name("eve@acme.test")]), False),)
    named = certificate("signer", "link", LEAF_KEY, LINK_KEY, mail)
    assert reason(judged(named, link, given=(root,))) == "accepted"
    assert reason(judged(named, link, given=(bound,))) != "accepted"


def test_attack_09_certificate_that_the_library_sees_for_an_anchor_is_nobodys_own() -> None:
    """Anybody can make it: without what is critical, a key would sign what it may not."""
    for extensions in (((UNKNOWN, True),), (*AUTHORITY, (UNKNOWN, True))):
        given = certificate("signer", "signer", LEAF_KEY, LEAF_KEY, extensions)
        bare = anchors._without_unknown(given)
        assert bare != given
        assert reason(judged(given, given=(given,))) == "CERT_USAGE"
        assert reason(judged(bare, given=(given,))) != "accepted"
        assert reason(judged(bare, bare, given, given=(given,))) != "accepted"


def test_attack_02_window_of_the_trust_entry_ends_the_chain() -> None:
    for until, expected in ((NOW, "accepted"), (NOW - timedelta(seconds=1), "CERT_UNTRUSTED")):
        authorities = given_authorities(setting(authority_entry(ROOT, until=until)).trust)
        judgement = verify_chain((leaf(),), authorities, NOW)
        assert reason(judgement) == expected
        if isinstance(judgement, Chain):
            assert judgement.due_at == NOW + timedelta.resolution
            assert judgement.due_reason == "CERT_UNTRUSTED"


def test_missing_link_is_untrusted() -> None:
    signed = certificate("signer", "link", LEAF_KEY, LINK_KEY)
    assert reason(judged(signed)) == "CERT_UNTRUSTED"
    assert reason(judged(signed, LINK)) == "accepted"
    assert reason(judged(signed, given=(LINK,))) == "accepted"


IMPOSTOR_KEY = private_key("p256", "impostor")
NO_ISSUER: Extensions = ((x509.BasicConstraints(ca=False, path_length=None), True),)
GAPS: dict[str, tuple[tuple[x509.Certificate, ...], tuple[x509.Certificate, ...], str, str]] = {
    "the issuer's certificate is missing": (
        (certificate("signer", "link", LEAF_KEY, LINK_KEY),),
        (ROOT,),
        "the certificate of CN=link, which issued CN=signer, is not at hand",
        "issued by CN=link",
    ),
    "a link above is missing": (
        (certificate("signer", "link", LEAF_KEY, LINK_KEY), LINK),
        (certificate("other", "other", IMPOSTOR_KEY, IMPOSTOR_KEY, AUTHORITY),),
        "the certificate of CN=root, which issued CN=link, is not at hand",
        "issued by CN=root",
    ),
    "another key of the same name": (
        (certificate("signer", "root", LEAF_KEY, IMPOSTOR_KEY),),
        (ROOT,),
        "a certificate named CN=root is at hand, but its key did not issue CN=signer",
        "issued by another key under the name CN=root",
    ),
    "the signer vouches for itself": (
        (certificate("signer", "signer", LEAF_KEY, LEAF_KEY),),
        (ROOT,),
        "CN=signer vouches for itself, and is no authority that was given",
        "self-issued by CN=signer",
    ),
    "an issuer that is no authority": (
        (
            certificate("signer", "link", LEAF_KEY, LINK_KEY),
            certificate("link", "root", LINK_KEY, ROOT_KEY, NO_ISSUER),
        ),
        (ROOT,),
        "CN=link may not issue CN=signer: it says that it is no authority (basicConstraints)",
        "issued by CN=link",
    ),
    "an issuer that may not sign certificates": (
        (
            certificate("signer", "link", LEAF_KEY, LINK_KEY),
            certificate(
                "link", "root", LINK_KEY, ROOT_KEY, (*AUTHORITY, (usage("digital_signature"), True))
            ),
        ),
        (ROOT,),
        "CN=link may not issue CN=signer: its key may not sign certificates (keyUsage)",
        "issued by CN=link",
    ),
    "more links than the authority allows": (
        (certificate("signer", "link", LEAF_KEY, LINK_KEY), LINK),
        (
            certificate(
                "root", "root", ROOT_KEY, ROOT_KEY,
                ((x509.BasicConstraints(ca=True, path_length=0), True),),
            ),
        ),
        "CN=root may not issue CN=link: it allows 0 authorities below it (pathLenConstraint)",
        "issued by CN=root",
    ),
    "names that the authority may not vouch for": (
        (
            leaf((x509.SubjectAlternativeName([x509.DNSName("ci.evil.example")]), False)),
        ),
        (
            certificate(
                "root", "root", ROOT_KEY, ROOT_KEY,
                (
                    *AUTHORITY,
                    (x509.NameConstraints([x509.DNSName("acme.example")], None), True),
                ),
            ),
        ),
        "the certificates lead to a given authority, but the chain breaks a rule for chains",
        "CN=signer, issued by CN=root",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("chain", "given", "detail", "found"),
    GAPS.values(),
    ids=[name.replace(" ", "-") for name in GAPS],
)
def test_refusal_names_the_link_that_is_missing(
    chain: tuple[x509.Certificate, ...],
    given: tuple[x509.Certificate, ...],
    detail: str,
    found: str,
) -> None:
    judgement = judged(*chain, given=given)
    assert isinstance(judgement, Fault)
    assert judgement.reason == "CERT_UNTRUSTED"
    assert judgement.detail.startswith(detail), judgement
    assert judgement.found == found
    assert judgement.expected.startswith("a chain to a given authority: CN=")


def test_authorities_outside_their_window_are_said_to_be_none() -> None:
    authorities = given_authorities(setting(authority_entry(ROOT, until=NOW - DAY)).trust)
    judgement = verify_chain((leaf(),), authorities, NOW)
    assert isinstance(judgement, Fault)
    assert judgement.detail == "no authority of the trust given counts at this time"


def test_same_name_with_another_key_is_untrusted() -> None:
    impostor = private_key("p256", "impostor")
    forged_root = certificate("root", "root", impostor, impostor, AUTHORITY)
    forged = certificate("signer", "root", LEAF_KEY, impostor)
    assert reason(judged(forged, forged_root)) == "CERT_UNTRUSTED"


@pytest.mark.parametrize("link", ["leaf", "middle", "root"])
def test_every_certificate_must_be_valid_now(link: str) -> None:
    past, now = (NOW - 3 * DAY, NOW - DAY), (NOW - 3 * DAY, NOW + DAY)
    root, middle, signer = (past if link == each else now for each in ("root", "middle", "leaf"))
    anchor = certificate("r", "r", ROOT_KEY, ROOT_KEY, AUTHORITY, since=root[0], until=root[1])
    issuer = certificate("m", "r", LINK_KEY, ROOT_KEY, AUTHORITY, since=middle[0], until=middle[1])
    holder = certificate("s", "m", LEAF_KEY, LINK_KEY, since=signer[0], until=signer[1])
    assert reason(judged(holder, issuer, given=(anchor,))) == "CERT_EXPIRED_AT_SIGNING"


def test_bounds_of_validity_are_closed_and_the_future_is_not_now() -> None:
    last = certificate("s", "root", LEAF_KEY, ROOT_KEY, since=NOW - DAY, until=NOW)
    first = certificate("s", "root", LEAF_KEY, ROOT_KEY, since=NOW, until=NOW + DAY)
    later = certificate("s", "root", LEAF_KEY, ROOT_KEY, since=NOW + timedelta(seconds=1))
    assert [reason(judged(each)) for each in (last, first, later)] == [
        "accepted",
        "accepted",
        "CERT_EXPIRED_AT_SIGNING",
    ]


def test_attack_09_issuer_must_be_an_authority() -> None:
    plain = certificate("link", "root", LINK_KEY, ROOT_KEY)
    denied: Extensions = ((x509.BasicConstraints(ca=False, path_length=None), True),)
    leaf_only = certificate("link", "root", LINK_KEY, ROOT_KEY, denied)
    signing_only: Extensions = (*AUTHORITY, (usage("digital_signature"), True))
    no_certificates = certificate("link", "root", LINK_KEY, ROOT_KEY, signing_only)
    unknown = certificate("link", "root", LINK_KEY, ROOT_KEY, (*AUTHORITY, (UNKNOWN, True)))
    signed = certificate("signer", "link", LEAF_KEY, LINK_KEY)
    links = (plain, leaf_only, no_certificates, unknown)
    assert [reason(judged(signed, each)) for each in links] == [
        "CERT_UNTRUSTED",
        "CERT_UNTRUSTED",
        "CERT_UNTRUSTED",
        "CERT_USAGE",
    ]


def test_attack_09_path_length_is_kept() -> None:
    none_below: Extensions = ((x509.BasicConstraints(ca=True, path_length=0), True),)
    root = certificate("root", "root", ROOT_KEY, ROOT_KEY, none_below)
    signed = certificate("signer", "link", LEAF_KEY, LINK_KEY)
    assert reason(judged(signed, LINK, given=(root,))) == "CERT_UNTRUSTED"
    assert reason(judged(leaf(), given=(root,))) == "accepted"


def test_attack_09_name_constraints_are_kept() -> None:
    narrow = x509.NameConstraints([x509.DNSName("acme.example")], None)
    root = certificate("root", "root", ROOT_KEY, ROOT_KEY, (*AUTHORITY, (narrow, True)))
    names = {"ci.acme.example": "accepted", "ci.evil.example": "CERT_UNTRUSTED"}
    for name, expected in names.items():
        signed = leaf((x509.SubjectAlternativeName([x509.DNSName(name)]), False))
        assert reason(judged(signed, given=(root,))) == expected


def test_short_key_of_the_signer_is_weak() -> None:
    short = certificate("signer", "root", private_key("rsa-1024"), ROOT_KEY)
    assert reason(judged(short)) == "ALGORITHM_WEAK"


def test_certificate_that_was_given_itself_is_accepted_as_pinned() -> None:
    own = certificate("me", "me", LEAF_KEY, LEAF_KEY, AUTHORITY)
    chain = judged(own, given=(own,))
    assert isinstance(chain, Chain)
    assert "given as an authority" in chain.pinned
    assert reason(judged(own)) == "CERT_UNTRUSTED"
    ended = certificate("me", "me", LEAF_KEY, LEAF_KEY, since=NOW - 3 * DAY, until=NOW - DAY)
    assert reason(judged(ended, given=(ended,))) == "CERT_EXPIRED_AT_SIGNING"


def test_ed25519_signer_is_accepted_and_ed25519_authority_is_not() -> None:
    edwards = private_key("ed25519")
    assert reason(judged(certificate("s", "root", edwards, ROOT_KEY))) == "accepted"
    root = certificate("e", "e", edwards, edwards, AUTHORITY)
    signed = certificate("s", "e", LEAF_KEY, edwards)
    assert reason(judged(signed, given=(root,))) == "FORMAT_UNSUPPORTED"


def test_every_changed_byte_of_a_certificate_is_refused() -> None:
    der = read_der(leaf())
    accepted = []
    for place in range(len(der)):
        changed = der[:place] + bytes([der[place] ^ 1]) + der[place + 1 :]
        try:
            (read,) = read_certificates(changed)
        except MalformedError:
            continue
        if reason(judged(read)) == "accepted":
            accepted.append(place)
    assert accepted == []


def test_signature_with_unused_bits_is_malformed() -> None:
    """Most signatures with a low bit of zero may be written in a second way."""
    signed = next(each for each in iter(leaf, None) if each.signature[-1] % 2 == 0)
    der = read_der(signed)
    place = len(der) - len(signed.signature) - 1
    assert der[place] == 0
    with pytest.raises(MalformedError, match="whole number of bytes"):
        read_certificates(der[:place] + b"\x01" + der[place + 1 :])


@pytest.mark.parametrize("number", [b"\x00", b"\xff"])
def test_root_whose_serial_number_is_not_positive_is_an_authority_like_others(
    number: bytes,
) -> None:
    """RFC 5280 section 4.1.2.2; Go Daddy's, Starfield's and SECOM's roots have the number zero."""
    builder = x509.CertificateBuilder().subject_name(ROOT.subject).issuer_name(ROOT.subject)
    builder = builder.not_valid_before(NOW - DAY).not_valid_after(NOW + DAY).serial_number(1)
    builder = builder.public_key(ROOT_KEY.public_key())
    own = x509.AuthorityKeyIdentifier(b"root", [x509.DirectoryName(ROOT.subject)], 1)
    builder = builder.add_extension(own, critical=False)
    der = read_der(builder.add_extension(*AUTHORITY[0]).sign(ROOT_KEY, hashes.SHA256()))
    assert der.count(b"\x02\x01\x01") == 1
    odd = der.replace(b"\x02\x01\x01", b"\x02\x01" + number).replace(
        b"\x82\x01\x01", b"\x82\x01" + number
    )
    (root,) = read_certificates(odd)
    assert root.serial_number < 1
    both = pem(LINK) + pem(root)
    given = given_authorities(Trust((TrustEntry("all", TrustKind.AUTHORITY, both, "test"),)))
    assert given.broken == ()
    # The library finds no path through a negative one: it breaks nothing beside it.
    found = verify_chain((leaf(),), given, NOW)
    assert isinstance(found, Chain) == (number == b"\x00")
    assert not isinstance(found, Fault) or found.reason == "FORMAT_UNSUPPORTED"


def test_time_in_the_longer_form_before_its_years_is_not_judged() -> None:
    """RFC 5280 section 4.1.2.5: readers have to cope with it, and the library does not."""
    until = datetime(2050, 1, 1, tzinfo=UTC)
    der = read_der(certificate("root", "root", ROOT_KEY, ROOT_KEY, AUTHORITY, until=until))
    assert der.count(b"\x18\x0f20500101") == 1
    (early,) = read_certificates(der.replace(b"\x18\x0f20500101", b"\x18\x0f20490101"))
    assert isinstance(judged(leaf(), given=read_certificates(der)), Chain)
    found = judged(leaf(), given=(early,))
    assert isinstance(found, Fault)
    assert (found.reason, "GeneralizedTime" in found.detail) == ("FORMAT_UNSUPPORTED", True)


def test_certificates_that_are_never_valid_all_at_once_are_said_to_be() -> None:
    ahead = certificate(
        "root", "root", ROOT_KEY, ROOT_KEY, AUTHORITY, since=NOW + 9 * DAY, until=NOW + 10 * DAY
    )
    found = judged(leaf(), given=(ahead,))
    assert isinstance(found, Fault)
    assert (found.reason, "all at once" in found.detail) == ("CERT_UNTRUSTED", True)


def read_der(one: x509.Certificate) -> bytes:
    return one.public_bytes(Encoding.DER)


def test_certificates_are_read_as_pem_der_and_base64_of_pem() -> None:
    both = pem(leaf()) + b"text between\n" + pem(LINK)
    assert len(read_certificates(both)) == 2
    assert len(read_certificates(base64.b64encode(both) + b"\n")) == 2
    assert read_certificates(read_der(ROOT)) == (ROOT,)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x30\x00",
        b"hello",
        b"-----BEGIN CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----" * 40,
        b"\x30" * 300_000,
    ],
    ids=lambda content: repr(content[:12]) + str(len(content)),
)
def test_what_is_no_certificate_is_malformed(content: bytes) -> None:
    with pytest.raises(MalformedError):
        read_certificates(content)


UNREAD = {  # what the library raises errors of its own kinds on
    "x400Address": (x509.SubjectAlternativeName.oid, "3004a3023000"),
    "feature of TLS": (x509.TLSFeature.oid, "3003020106"),
}


@pytest.mark.parametrize(("kind", "value"), UNREAD.values(), ids=UNREAD)
def test_certificate_with_something_that_the_library_does_not_read_is_malformed(
    kind: x509.ObjectIdentifier, value: str
) -> None:
    odd = leaf((x509.UnrecognizedExtension(kind, bytes.fromhex(value)), False))
    with pytest.raises(MalformedError, match="not a certificate"):
        read_certificates(read_der(odd))
    given = given_authorities(Trust((authority_entry(ROOT), authority_entry(odd))))
    assert len(given.broken) == 1
    assert isinstance(verify_chain((leaf(), LINK), given, NOW), Chain)


def test_attack_10_certificate_signed_with_parameters_that_are_none_is_weak() -> None:
    """RSASSA-PSS without its parameters (RFC 4055 section 3.1): nobody can say with which hash."""
    key = private_key("rsa-2048", "pss")
    stated, bare = "300d06092a864886f70d01010b0500", "300b06092a864886f70d01010a"
    der = read_der(certificate("signer", "link", key, key))
    der = der.replace(bytes.fromhex(stated), bytes.fromhex(bare))  # twice, two bytes less each
    inner = int.from_bytes(der[6:8]) - 2
    der = der[:2] + (len(der) - 4).to_bytes(2) + der[4:6] + inner.to_bytes(2) + der[8:]
    (odd,) = read_certificates(der)
    assert reason(judged(odd)) == "ALGORITHM_WEAK"


def test_too_many_certificates_are_malformed() -> None:
    with pytest.raises(MalformedError, match="more than 32"):
        read_certificates(pem(ROOT) * 33)


def test_claims_and_signer_come_from_the_certificate() -> None:
    names = x509.SubjectAlternativeName(
        [x509.RFC822Name("ci@acme.example"), x509.DNSName("ci.acme.example")]
    )
    signed = leaf((names, False))
    signer = certificate_signer(signed, certified_key(signed))
    claims = certificate_claims(signed)
    assert (signer.identity, signer.issuer) == ("ci@acme.example", "CN=root")
    assert claims["subject_alternative_names"] == '["ci@acme.example", "ci.acme.example"]'
    assert claims["subject"] == "CN=signer"
    assert signer.key_algorithm == "ECDSA-P256"


def test_broken_authority_is_set_aside_with_its_name() -> None:
    broken = TrustEntry("torn", TrustKind.AUTHORITY, b"-----BEGIN CERTIFICATE-----", "test")
    authorities = given_authorities(Trust((broken, authority_entry(ROOT))))
    assert len(authorities.members) == 1
    assert authorities.broken[0].startswith("torn: ")


def test_broken_certificate_of_a_collection_costs_the_others_nothing() -> None:
    """As in Microsoft's list of roots: of 555, four have texts in characters they cannot have."""
    strange = base64.encodebytes(b"\x30\x03\x02\x01\x01")
    torn = b"-----BEGIN CERTIFICATE-----\n" + strange + b"-----END CERTIFICATE-----\n"
    both = TrustEntry("all", TrustKind.AUTHORITY, torn + pem(ROOT), "test")
    authorities = given_authorities(Trust((both,)))
    assert [each.certificate for each in authorities.members] == [ROOT]
    assert len(authorities.broken) == 1
    assert authorities.broken[0].startswith("all: certificate 1: not a certificate")
    assert isinstance(verify_chain((leaf(),), authorities, NOW), Chain)
    with pytest.raises(MalformedError, match="certificate 1"):
        describe(both, Limits())  # whoever writes it into the settings is told
    chosen = replace(both, only=(certificate_digest(ROOT),))
    assert given_authorities(Trust((chosen,))).broken == ()
    assert len(describe(chosen, Limits())) == 1


def test_chain_lasts_as_long_as_the_longest_window_of_its_anchor() -> None:
    soon, later = (authority_entry(ROOT, until=NOW + each * timedelta(hours=1)) for each in (1, 2))
    for entries, due_at in (
        ((soon, later), NOW + timedelta(hours=2, microseconds=1)),
        ((soon, authority_entry(ROOT)), NOW + DAY + timedelta(seconds=1)),
    ):
        chain = verify_chain((leaf(),), given_authorities(setting(*entries).trust), NOW)
        assert isinstance(chain, Chain)
        assert chain.due_at == due_at


def test_certificate_that_never_ends_leaves_nothing_due() -> None:
    never = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    root = certificate("root", "root", ROOT_KEY, ROOT_KEY, AUTHORITY, until=never)
    chain = judged(certificate("s", "root", LEAF_KEY, ROOT_KEY, until=never), given=(root,))
    assert isinstance(chain, Chain)
    assert chain.due_at is None


def test_key_of_a_foreign_kind_is_not_judged() -> None:
    foreign = ed448.Ed448PrivateKey.generate()
    builder = x509.CertificateBuilder().subject_name(ROOT.subject).issuer_name(ROOT.subject)
    signed = (
        builder.public_key(foreign.public_key())
        .serial_number(7)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .sign(ROOT_KEY, hashes.SHA256())
    )
    assert reason(judged(signed)) == "FORMAT_UNSUPPORTED"
    assert certificate_key_algorithm(signed) == "unknown"


def certificate_of_another_root() -> x509.Certificate:
    return certificate("another", "another", LINK_KEY, LINK_KEY, AUTHORITY)


def test_attack_10_weak_link_of_the_chain_is_named(tmp_path: Path) -> None:
    (tmp_path / "root.key").write_bytes(private_pem(ROOT_KEY))
    (tmp_path / "link.key").write_bytes(private_pem(LINK_KEY))
    (tmp_path / "root.pem").write_bytes(pem(ROOT))
    (tmp_path / "extensions").write_text("basicConstraints=critical,CA:TRUE\n")
    words = "req -new -key link.key -subj /CN=link -out link.csr"
    openssl(tmp_path, *words.split())
    words = "x509 -req -sha1 -days 3650 -in link.csr -CA root.pem -CAkey root.key -set_serial 7"
    (link,) = read_certificates(
        openssl(tmp_path, *words.split(), "-extfile", "extensions"),
    )
    signed = certificate("signer", "link", LEAF_KEY, LINK_KEY)
    assert reason(judged(signed, link)) == "ALGORITHM_WEAK"
    assert reason(judged(signed, LINK, link)) == "accepted"
    # One that lies on no way of this signer says nothing of it.
    stray = certificate("signer", "elsewhere", LEAF_KEY, LINK_KEY)
    assert reason(judged(stray, link)) == "CERT_UNTRUSTED"
    assert reason(judged(signed, link, given=(certificate_of_another_root(),))) == "CERT_UNTRUSTED"


def test_attack_10_certificate_signed_with_a_forgeable_hash_is_weak(tmp_path: Path) -> None:
    (tmp_path / "root.key").write_bytes(private_pem(ROOT_KEY))
    (tmp_path / "leaf.key").write_bytes(private_pem(LEAF_KEY))
    (tmp_path / "root.pem").write_bytes(pem(ROOT))
    (tmp_path / "extensions").write_text("keyUsage=digitalSignature\n")
    words = "req -new -key leaf.key -subj /CN=signer -out leaf.csr"
    openssl(tmp_path, *words.split())
    words = "x509 -req -days 3650 -in leaf.csr -CA root.pem -CAkey root.key -set_serial 8"
    for hashed in ("-sha256", "-sha1"):  # valid from the day of the test on, whatever day it is
        made = openssl(tmp_path, *words.split(), "-extfile", "extensions", hashed)
        is_weak = reason(judged(*read_certificates(made))) == "ALGORITHM_WEAK"
        assert is_weak == (hashed == "-sha1")
