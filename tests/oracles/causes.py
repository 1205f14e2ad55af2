"""What tells a case apart that we verify and an oracle refuses: each looks for one cause."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re

from core.errors import MalformedError
from core.limits import Limits
from core.model import MemoryContent, Verification
from tests.oracles.certificates import signature_table
from tests.oracles.changes import Value, families, read_values
from tests.oracles.oracle import Case
from verification.archives.rpm_package import read_package
from verification.openpgp.packets import split_packets
from verification.openpgp.signature import signed_part


def always(_case: Case, _verification: Verification) -> bool:
    return True


def of_a_timestamp(_case: Case, verification: Verification) -> bool:
    """Say whether a timestamp is what was refused."""
    return "timestamp" in verification.detail


def of_two_places(_case: Case, verification: Verification) -> bool:
    """Say whether a log's entry and its proof state different places."""
    return "different places" in verification.detail


def several_signatures(_: Case, verification: Verification) -> bool:
    return verification.claims.get("signatures", "1") != "1"


def key_begins_later(_: Case, verification: Verification) -> bool:
    return any("this copy of the key begins later" in one.detail for one in verification.checks)


def armor_checksum_differs(case: Case, _: Verification) -> bool:
    """Say whether the CRC-24 of the armor is not that of what it holds, or is not there."""
    armor = case.signature.partition(b"-----BEGIN PGP SIGNATURE-----")[2]
    if not armor:
        return False
    body, _mark, footer = armor.partition(b"\n=")
    held = re.sub(rb"\s", b"", body.rpartition(b"\n\n")[2])
    try:
        stated = base64.b64decode(footer[:4], validate=True)
        return _crc24(base64.b64decode(held)) != int.from_bytes(stated)
    except binascii.Error:
        return True


def _crc24(content: bytes) -> int:
    """Return the checksum of RFC 9580 section 6.1.1."""
    crc = 0xB704CE
    for byte in content:
        crc ^= byte << 16
        for _ in range(8):
            crc = (crc << 1) ^ (0x1864CFB if crc & 0x800000 else 0)
    return crc & 0xFFFFFF


def unsigned_area_overruns(case: Case, _: Verification) -> bool:
    """Say whether a subpacket in the area that nobody signs is longer than the area."""
    armor = case.signature.partition(b"-----BEGIN PGP SIGNATURE-----")[2]
    held = re.sub(rb"\s", b"", armor.partition(b"\n=")[0].rpartition(b"\n\n")[2])
    try:
        packets = list(split_packets(base64.b64decode(held) if armor else case.signature, most=9))
    except (binascii.Error, MalformedError):
        return False
    return any(_overruns(_unsigned_area(packet.body)) for packet in packets)


def _unsigned_area(body: bytes) -> bytes:
    start = len(signed_part(body)) + 2
    return body[start : start + int.from_bytes(body[start - 2 : start])]


def _overruns(area: bytes) -> bool:
    at = 0
    while at < len(area) and area[at] < 192:  # longer ones are not made here
        at += 1 + area[at]
    return at != len(area)


def quick_check_differs(case: Case, _: Verification) -> bool:
    """Say whether the two octets of the hash beside the signature of a package are others."""
    try:
        package = read_package(MemoryContent(case.artifact), Limits())
    except MalformedError:
        return False
    binary = package.signatures.binary(_RSA) or package.signatures.binary(_DSA) or b""
    (body,) = (packet.body for packet in split_packets(binary, most=1))
    signed = signed_part(body)
    trailer = b"\x04\xff" + len(signed).to_bytes(4)
    hashed = hashlib.new(_HASHES[body[3]], package.header.raw + signed + trailer).digest()
    start = len(signed) + 2 + len(_unsigned_area(body))
    return body[start : start + 2] != hashed[:2]


_RSA, _DSA = 268, 267
_HASHES = {2: "sha1", 8: "sha256", 9: "sha384", 10: "sha512"}


def hash_header_differs(case: Case, _: Verification) -> bool:
    headers = case.signature.partition(b"\n\n")[0]
    is_cleartext = headers.startswith(b"-----BEGIN PGP SIGNED MESSAGE-----")
    return is_cleartext and not re.search(rb"^Hash: SHA(256|384|512)$", headers, re.MULTILINE)


def _document(case: Case) -> dict[str, object]:
    document = json.loads(case.signature)
    assert isinstance(document, dict)
    return document


def digest_is_longer(case: Case, _: Verification) -> bool:
    """Say whether the bundle signs another digest than SHA-256."""
    return b'"SHA2_384"' in case.signature or b'"SHA2_512"' in case.signature


def digest_not_stated(case: Case, _: Verification) -> bool:
    message = _document(case).get("messageSignature")
    stated = message.get("messageDigest") if isinstance(message, dict) else None
    return isinstance(stated, dict) and len(stated) < 2


def field_is_null(case: Case, _: Verification) -> bool:
    return b": null" in case.signature


def base64_is_another(case: Case, _: Verification) -> bool:
    """Say whether some text is base64, but not in the standard alphabet with all its padding."""
    for text in re.findall(rb'"([A-Za-z0-9+/_-]{20,}=*)"', case.signature):
        if len(text) % 4 or b"-" in text or b"_" in text:
            return True
    return False


def promise_alone(case: Case, _: Verification) -> bool:
    document = _document(case)
    is_first = str(document["mediaType"]).endswith("version=0.1")
    return is_first and b'"signedEntryTimestamp"' in case.signature


def proof_repeats_less(case: Case, _: Verification) -> bool:
    """Say whether a proof of Rekor's second version leaves out what entry and checkpoint say."""
    material = _document(case)["verificationMaterial"]
    assert isinstance(material, dict)
    (entry,) = material["tlogEntries"]
    repeated = {"logIndex", "rootHash", "treeSize"}
    return entry["kindVersion"]["version"] == "0.0.2" and not repeated <= set(
        entry["inclusionProof"]
    )


def granted_with_changes(case: Case, _: Verification) -> bool:
    document: dict[str, object] = _document(case)
    material = document["verificationMaterial"]
    assert isinstance(material, dict)
    stamps = (material.get("timestampVerificationData") or {}).get("rfc3161Timestamps") or ()
    tokens = [base64.b64decode(stamp["signedTimestamp"]) for stamp in stamps]
    return any(b"\x30\x03\x02\x01\x01" in token[:10] for token in tokens)


def named_by_key(case: Case, _: Verification) -> bool:
    return case.recipe == "by key id"


def pss(case: Case, _: Verification) -> bool:
    return case.recipe == "pss"


def attributes_reordered(case: Case, _: Verification) -> bool:
    """Say whether signed attributes stand in another order than that of their encodings."""
    try:
        tree = read_values(case.signature or signature_table(case.artifact))
    except ValueError:
        return False
    listed = [
        [each.written() for each in value.inner]
        for family in families(tree)
        for value in family
        if value.tag == _ATTRIBUTES and all(_is_attribute(each) for each in value.inner)
    ]
    return any(encoded != sorted(encoded) for encoded in listed)


_ATTRIBUTES = 0xA0


def _is_attribute(value: Value) -> bool:
    return [each.tag for each in value.inner] == [0x06, 0x31]
