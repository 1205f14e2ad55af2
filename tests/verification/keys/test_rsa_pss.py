"""Parameters of RSASSA-PSS: each has a default, and a trailer that is stated is recognised."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from core.errors import MalformedError
from tests.verification.specimens import CONTENT, authority_entry, evidence, setting
from tests.verification.x509.x509_material import (
    CODE,
    ROOT,
    SHA256_ALGORITHM,
    identity,
    oid,
    signed_data,
    signer_info,
    tlv,
)
from verification.formats.cms_detached import CmsDetached
from verification.keys.rsa_pss import OID, PssParameters, read_parameters
from verification.readers import der
from verification.readers.der import DerReader

MASK = tlv(0xA1, tlv(0x30, oid("1.2.840.113549.1.1.8"), SHA256_ALGORITHM))
STATED = tlv(0xA0, SHA256_ALGORITHM) + MASK + tlv(0xA2, b"\x02\x01\x20")
TRAILER = tlv(0xA3, b"\x02\x01\x01")


@pytest.mark.parametrize("encoded", [STATED, STATED + TRAILER], ids=["absent", "stated"])
def test_trailer_is_recognised_whether_it_is_stated_or_not(encoded: bytes) -> None:
    """RFC 4055 section 3.1 asks it of whoever verifies."""
    read = read_parameters(DerReader(encoded, "made"), "made")
    assert read == PssParameters("sha256", "sha256", 32)


@pytest.mark.parametrize(
    "encoded",
    [
        tlv(0xA3, b"\x02\x01\x02"),
        tlv(0xA3, b"\x02\x01\x01\x02\x01\x01"),
        TRAILER + TRAILER,
        tlv(0xA4, b"\x02\x01\x01"),
    ],
    ids=["another", "two numbers", "twice", "a fifth part"],
)
def test_another_trailer_is_malformed(encoded: bytes) -> None:
    with pytest.raises(MalformedError):
        read_parameters(DerReader(STATED + encoded, "made"), "made")


def test_signature_that_states_its_trailer_holds() -> None:
    who = identity("rsa-2048", CODE)
    assert isinstance(who.key, rsa.RSAPrivateKey)
    reader = DerReader(signer_info(who, CONTENT), "made").inside(der.SEQUENCE)
    *head, attributes = (reader.element() for _ in range(4))
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    signature = who.key.sign(b"\x31" + attributes[1:], scheme, hashes.SHA256())
    for parameters in (STATED, STATED + TRAILER):
        algorithm = tlv(0x30, oid(OID), tlv(0x30, parameters))
        info = tlv(0x30, *head, attributes, algorithm, tlv(0x04, signature))
        offered = evidence(signed_data((info,), (who.certificate,), None))
        assert CmsDetached().verify(offered, setting(authority_entry(ROOT))).reason == ""
