"""Which certificates a SignedData brings along, and how they belong together."""

from __future__ import annotations

from itertools import permutations

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.verification.specimens import certificate, private_key
from verification.cms.naming import Certificates


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
