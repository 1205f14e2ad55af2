"""Certificates directly under an anchor: judged here only where the library would say the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from asn1crypto import core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.verification.specimens import (
    AUTHORITY,
    DAY,
    NOW,
    Extensions,
    PrivateKey,
    certificate,
    private_key,
)
from verification.x509 import path
from verification.x509.anchors import Anchors
from verification.x509.direct import direct_links
from verification.x509.path import CertificatePath, find_path

CODE = ExtendedKeyUsageOID.CODE_SIGNING
KEY, OTHER_KEY = private_key("p384", "anchor"), private_key("p384", "another anchor")
SIGNER_KEY = private_key("p256", "directly issued")
ANCHOR = certificate("anchor", "anchor", KEY, KEY, AUTHORITY)
PURPOSE = x509.ExtendedKeyUsage([CODE])
NAMES = x509.SubjectAlternativeName([x509.RFC822Name("dev@example.com")])
ORDINARY: Extensions = ((PURPOSE, False), (NAMES, True))
NEWEST = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.99"), b"\x0c\x01a")
FOREIGN = x509.NameConstraints([x509.RFC822Name("example.org")], None)
MAPPED = x509.UnrecognizedExtension(
    x509.ObjectIdentifier("2.5.29.33"), bytes.fromhex("300a300806022a0306022a04")
)
DEMAND = x509.PolicyConstraints(require_explicit_policy=0, inhibit_policy_mapping=None)
SIGNS = x509.KeyUsage(True, *([False] * 8))


def leaf(extensions: Extensions = ORDINARY, issuer_key: PrivateKey = KEY) -> x509.Certificate:
    return certificate("signer", "anchor", SIGNER_KEY, issuer_key, extensions)


def signed_with(hashed: hashes.SHA384 | hashes.SHA512) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(ANCHOR.subject)
        .issuer_name(ANCHOR.subject)
        .public_key(SIGNER_KEY.public_key())
        .serial_number(7)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .add_extension(NAMES, critical=True)
    )
    assert isinstance(KEY, ec.EllipticCurvePrivateKey)
    return builder.sign(KEY, hashed)


def altered(
    change: Callable[[asn1_x509.Certificate], None],
    *,
    anew: bool = True,
    of: x509.Certificate | None = None,
) -> x509.Certificate:
    """Return an ordinary certificate with a change, its signature made anew or left as it was."""
    read = asn1_x509.Certificate.load((of or leaf()).public_bytes(Encoding.DER))
    change(read)
    if anew:
        assert isinstance(KEY, ec.EllipticCurvePrivateKey)
        body = read["tbs_certificate"].dump(force=True)
        read["signature_value"] = KEY.sign(body, ec.ECDSA(hashes.SHA256()))
    return x509.load_der_x509_certificate(read.dump(force=True))


def another_hash_outside(read: asn1_x509.Certificate) -> None:
    read["signature_algorithm"]["algorithm"] = "sha384_ecdsa"


def another_hash_inside(read: asn1_x509.Certificate) -> None:
    read["tbs_certificate"]["signature"]["algorithm"] = "sha384_ecdsa"


def another_serial(read: asn1_x509.Certificate) -> None:
    read["tbs_certificate"]["serial_number"] = 99


def long_serial(read: asn1_x509.Certificate) -> None:
    read["tbs_certificate"]["serial_number"] = 2**200


def negative_serial(read: asn1_x509.Certificate) -> None:
    read["tbs_certificate"]["serial_number"] = -1


def another_time(read: asn1_x509.Certificate) -> None:
    read["tbs_certificate"]["validity"]["not_after"] = asn1_x509.Time(
        "general_time", NOW + 300 * DAY
    )


def another_spelling(read: asn1_x509.Certificate) -> None:
    named = read["tbs_certificate"]["issuer"].chosen[0][0]
    assert named["value"].name == "utf8_string"
    name = core.PrintableString(named["value"].native)
    named["value"] = asn1_x509.DirectoryString("printable_string", name)


def no_issuer(read: asn1_x509.Certificate) -> None:
    read["tbs_certificate"]["issuer"] = asn1_x509.Name("", asn1_x509.RDNSequence([]))


def version_one(read: asn1_x509.Certificate) -> None:
    read["tbs_certificate"]["version"] = "v1"


# What is judged here, and what is left to the library whatever it says of it.
HERE: dict[str, Callable[[], x509.Certificate]] = {
    "ordinary": leaf,
    "without extensions": lambda: leaf(()),
    "a claim that is not known": lambda: leaf((*ORDINARY, (NEWEST, False))),
    "usage": lambda: leaf((*ORDINARY, (SIGNS, True))),
    "SHA-384": lambda: signed_with(hashes.SHA384()),
    "SHA-512": lambda: signed_with(hashes.SHA512()),
}
LEFT: dict[str, Callable[[], x509.Certificate]] = {
    "a critical extension that is not known": lambda: leaf((*ORDINARY, (NEWEST, True))),
    "names constrained by a signer": lambda: leaf((*ORDINARY, (FOREIGN, True))),
    "a policy demanded by a signer": lambda: leaf((*ORDINARY, (DEMAND, True))),
    "signed by another": lambda: leaf(issuer_key=OTHER_KEY),
    "a name that the anchor has not": lambda: certificate(
        "signer", "elsewhere", SIGNER_KEY, KEY, ORDINARY
    ),
    "the anchor itself": lambda: ANCHOR,
    "another hash outside": lambda: altered(another_hash_outside),
    "another hash inside": lambda: altered(another_hash_inside),
    "another serial number": lambda: altered(another_serial, anew=False),
    "a serial number too long": lambda: altered(long_serial),
    "a serial number below zero": lambda: altered(negative_serial),
    "a time spelled otherwise": lambda: altered(another_time),
    "its issuer's name spelled otherwise": lambda: altered(another_spelling),
    "extensions in version 1": lambda: altered(version_one),
}
ANCHORS: dict[str, Extensions] = {  # of the same name and key, none of which lets it be judged here
    "names constrained": (*AUTHORITY, (FOREIGN, True)),
    "a policy demanded": (*AUTHORITY, (DEMAND, True)),
    "no authority": (),
    "no certificates signed": (*AUTHORITY, (SIGNS, True)),
    "policies mapped": (*AUTHORITY, (MAPPED, True)),
}
ODD_ANCHORS = {
    each.__name__: each
    for each in (
        another_hash_outside,
        long_serial,
        negative_serial,
        another_time,
        no_issuer,
        version_one,
    )
}


def by_the_library(
    signer: x509.Certificate, anchors: Anchors, monkeypatch: pytest.MonkeyPatch
) -> CertificatePath | None:
    monkeypatch.setattr(path, "direct_links", lambda *_: None)
    path._found.cache_clear()
    return find_path(signer, (), anchors, CODE, NOW)


@pytest.mark.parametrize("name", HERE)
def test_ordinary_certificate_is_judged_here_as_by_the_library(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    signer, anchors = HERE[name](), Anchors.of([ANCHOR])
    assert direct_links(signer, anchors) == (signer, ANCHOR)
    found = find_path(signer, (), anchors, CODE, NOW)
    assert found is not None
    assert found == by_the_library(signer, anchors, monkeypatch)


@pytest.mark.parametrize("name", LEFT)
def test_attack_09_what_is_out_of_the_ordinary_is_left_to_the_library(name: str) -> None:
    assert direct_links(LEFT[name](), Anchors.of([ANCHOR])) is None


@pytest.mark.parametrize("name", ANCHORS)
def test_attack_09_anchor_that_limits_what_it_issues_is_left_to_the_library(name: str) -> None:
    anchor = certificate("anchor", "anchor", KEY, KEY, ANCHORS[name])
    assert direct_links(leaf(), Anchors.of([anchor])) is None


@pytest.mark.parametrize("name", ODD_ANCHORS)
def test_anchor_that_the_library_refuses_is_left_to_it(name: str) -> None:
    anchor = altered(ODD_ANCHORS[name], of=ANCHOR)
    assert direct_links(leaf(), Anchors.of([anchor])) is None
    assert find_path(leaf(), (), Anchors.of([anchor]), CODE, NOW) is None


@pytest.mark.parametrize("kind", ["p256", "p521", "ed25519", "rsa-2048"])
def test_other_kinds_of_keys_are_left_to_the_library(kind: str) -> None:
    key = private_key(kind, "anchor")
    anchor = certificate("anchor", "anchor", key, key, AUTHORITY)
    assert direct_links(leaf(issuer_key=key), Anchors.of([anchor])) is None


def test_life_of_both_counts() -> None:
    signer, anchors = leaf(), Anchors.of([ANCHOR])
    for moment in (NOW - 2 * DAY, NOW + 2 * DAY):
        assert find_path(signer, (), anchors, CODE, moment) is None
    short = certificate("anchor", "anchor", KEY, KEY, AUTHORITY, until=NOW + DAY / 4)
    assert find_path(signer, (), Anchors.of([short]), CODE, NOW + DAY / 2) is None


def test_one_of_two_anchors_of_a_name_issued_it() -> None:
    twin = certificate("anchor", "anchor", OTHER_KEY, OTHER_KEY, AUTHORITY)
    signer = leaf()
    assert direct_links(signer, Anchors.of([twin, ANCHOR])) == (signer, ANCHOR)


def test_of_two_anchors_of_a_key_the_first_is_taken_as_by_the_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fit = x509.NameConstraints([x509.RFC822Name("example.com")], None)
    limited = certificate("anchor", "anchor", KEY, KEY, (*AUTHORITY, (fit, True)))
    signer = leaf()
    for given in ([limited, ANCHOR], [ANCHOR, limited]):
        anchors = Anchors.of(given)
        path._found.cache_clear()
        found = find_path(signer, (), anchors, CODE, NOW)
        assert found is not None
        assert found.links == (signer, given[0])
        with monkeypatch.context() as patched:
            assert found == by_the_library(signer, anchors, patched)


def test_attack_20_every_altered_bit_of_a_certificate_is_refused() -> None:
    encoded, refused = leaf().public_bytes(Encoding.DER), 0
    anchors = Anchors.of([ANCHOR])
    for place in range(len(encoded)):
        mutant = bytearray(encoded)
        mutant[place] ^= 1
        try:
            signer = x509.load_der_x509_certificate(bytes(mutant))
            links = direct_links(signer, anchors)
        except (ValueError, x509.InvalidVersion):
            links = None
        assert links is None, f"byte {place}"
        refused += 1
    assert refused == len(encoded)
