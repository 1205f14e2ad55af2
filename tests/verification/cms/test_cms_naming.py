"""Which certificates a SignedData brings along, and how they belong together."""

from __future__ import annotations

from itertools import permutations

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.verification.specimens import certificate, private_key
from tests.verification.x509.x509_material import SHA256_ALGORITHM, identity, tlv
from verification.cms.naming import Certificates
from verification.cms.signer_info import Algorithm, SignerInfo
from verification.readers.der import DerReader


def made(name: str, issuer: str) -> x509.Certificate:
    return certificate(name, issuer, private_key("p256", name), private_key("p256", issuer))


def test_chain_leads_upwards_whatever_the_order_of_the_set() -> None:
    leaf, below, above = made("leaf", "below"), made("below", "above"), made("above", "root")
    stranger = made("stranger", "root")
    for order in permutations((leaf, below, above, stranger)):
        held = Certificates([one.public_bytes(Encoding.DER) for one in order])
        assert held.chain(leaf) == (leaf, below, above)


def test_chain_of_authorities_that_issued_each_other_ends() -> None:
    one, other = made("one", "other"), made("other", "one")
    held = Certificates([each.public_bytes(Encoding.DER) for each in (one, other)])
    assert held.chain(one) == (one, other)


def test_attack_16_certificates_within_a_certificate_are_none() -> None:
    stranger = made("stranger", "root").public_bytes(Encoding.PEM)
    noted = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), stranger * 3)
    key = private_key("p256", "holder")
    holder = certificate("holder", "root", key, key, ((noted, False),))
    assert Certificates([holder.public_bytes(Encoding.DER)]).members == [holder]


def test_certificate_with_a_number_of_any_length_costs_the_others_nothing() -> None:
    who = identity().certificate
    signed = DerReader(who.tbs_certificate_bytes, "made").inside(0x30)
    parts = [signed.element() for _ in range(8)]
    parts[1] = tlv(0x02, b"\x01" * 2000)
    odd = tlv(0x30, tlv(0x30, *parts[:7]), SHA256_ALGORITHM, tlv(0x03, b"\0" + who.signature))
    held = Certificates([odd, who.public_bytes(Encoding.DER)])
    assert (len(held.members), held.broken) == (2, [])
    key_identifier = who.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    none = Algorithm("1.2.3")
    named = SignerInfo(b"", 0, key_identifier, none, none, b"", b"", b"", {}, ())
    assert held.of(named) == who
