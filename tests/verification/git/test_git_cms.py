"""X.509 signatures in commits: gitsign's, with the log's entry in it, and those of an authority."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import MalformedError
from core.model import Outcome, Role, SignerKind, TrustEntry, Verification
from tests.verification.cms.timestamp_specimens import token
from tests.verification.sigstore.sigstore_world import ACME, SIGNED_AT, Making, World
from tests.verification.specimens import NOW, authority_entry, key_entry, private_key, setting
from tests.verification.x509.x509_material import (
    EMAIL,
    ROOT,
    Identity,
    attribute,
    identity,
    oid,
    signature_of,
    signed_data,
    signer_info,
    tlv,
    with_unsigned,
)
from verification.cms import identifiers
from verification.formats.git_object import GitObjectSignature
from verification.git.cms import BEGIN, judge_git_cms
from verification.readers.der import DerReader
from verification.readers.protobuf import Message
from verification.trail import Trail

PAYLOAD = (
    b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"
    b"author A <a@acme.example> 1700000000 +0000\n"
    b"committer A <a@acme.example> 1700000000 +0000\n\nmessage\n"
)
KEYLESS = Making(name="gitsign", identity="dev@acme.example")


def varint(value: int) -> bytes:
    made = b""
    while value > 0x7F:
        made += bytes([0x80 | value & 0x7F])
        value >>= 7
    return made + bytes([value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def octets(field: int, value: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(value)) + value


def protobuf(entry: dict[str, object]) -> bytes:
    """Return a log entry as gitsign keeps it: a TransparencyLogEntry without its body."""

    def at(*names: str) -> str:
        found: object = entry
        for name in names:
            assert isinstance(found, dict)
            found = found[name]
        assert isinstance(found, str)
        return found

    made = number(1, int(at("logIndex")))
    made += octets(2, octets(1, base64.b64decode(at("logId", "keyId"))))
    kind = octets(1, at("kindVersion", "kind").encode())
    made += octets(3, kind + octets(2, at("kindVersion", "version").encode()))
    made += number(4, int(at("integratedTime")))
    if "inclusionPromise" in entry:
        promise = base64.b64decode(at("inclusionPromise", "signedEntryTimestamp"))
        made += octets(5, octets(1, promise))
    proof = entry.get("inclusionProof")
    if isinstance(proof, dict):
        body = number(1, int(proof["logIndex"])) + octets(2, base64.b64decode(proof["rootHash"]))
        body += number(3, int(proof["treeSize"]))
        body += b"".join(octets(4, base64.b64decode(each)) for each in proof["hashes"])
        body += octets(5, octets(1, proof["checkpoint"]["envelope"].encode()))
        made += octets(6, body)
    return made


def attributes_of(info: bytes) -> bytes:
    reader = DerReader(info, "made").inside(0x30)
    for _ in range(3):
        reader.element()
    return b"\x31" + reader.element()[1:]


def gitsign(
    payload: bytes = PAYLOAD, making: Making = KEYLESS, world: World = ACME, *, entry: bytes = b""
) -> bytes:
    """Return a signature as gitsign makes it; `entry` stands in for that of the log."""
    leaf = world.certificate(making)
    info = signer_info(Identity(world.signer_key(making), leaf), payload)
    if making.logged:
        signature, attributes = signature_of(info), attributes_of(info)
        digest = hashlib.sha256(attributes).digest()
        body = world.body(making, signature, leaf, digest, b"")
        logged = entry or protobuf(world.log_entry(making, body))
        info = with_unsigned(info, attribute(identifiers.REKOR_ENTRY, tlv(0x04, logged)))
    return signed_data((info,), (leaf,), None)


def judged(signature: bytes, *entries: TrustEntry, payload: bytes = PAYLOAD) -> Verification:
    trail = Trail("git-object", Role.SIGNATURE)
    return judge_git_cms(trail, signature, payload, setting(*(entries or (ACME.entry(),))))


def test_commit_signed_by_gitsign() -> None:
    verification = judged(gitsign())
    assert verification.reason == ""
    assert verification.outcome is Outcome.VERIFIED
    assert verification.signer is not None
    assert verification.signer.kind is SignerKind.KEYLESS
    assert verification.signer.identity == "dev@acme.example"
    assert verification.time_trusted
    assert verification.signed_at == KEYLESS.logged_at


@pytest.mark.parametrize("making", [
    replace(KEYLESS, proved=False), replace(KEYLESS, promised=True, proved=True)])  # fmt: skip
def test_promise_or_proof_of_the_log(making: Making) -> None:
    assert judged(gitsign(making=making)).outcome is Outcome.VERIFIED


def test_signature_without_its_log_entry_is_neither_right_nor_wrong() -> None:
    """The other way of gitsign: somebody would have to ask the log about the object."""
    unlogged = gitsign(making=replace(KEYLESS, logged=False))
    verification = judged(unlogged)
    assert verification.outcome is Outcome.UNVERIFIABLE
    assert verification.reason == "FORMAT_UNSUPPORTED"
    assert judged(unlogged, payload=PAYLOAD + b"x").reason == "DIGEST_MISMATCH"
    stranger = gitsign(making=replace(KEYLESS, logged=False), world=World("stranger"))
    assert judged(stranger).reason == "CERT_UNTRUSTED"
    without_logs = ACME.entry(ACME.root(tlogs=[]))
    for trust in ((without_logs,), (without_logs, ACME.entry())):
        assert judged(unlogged, *trust).outcome is Outcome.INVALID


def test_attack_01_log_entry_of_another_signature() -> None:
    other = gitsign(b"other")
    reader = other[other.index(bytes.fromhex("060a2b0601040183bf3003 01".replace(" ", ""))) :]
    listed = DerReader(reader[12:], "made").inside(0x31)
    entry = listed.octets()
    assert judged(gitsign(b"other"), payload=b"other").outcome is Outcome.VERIFIED
    swapped = judged(gitsign(entry=entry))
    assert swapped.outcome is Outcome.INVALID
    assert swapped.reason.startswith("LOG_")


def test_attack_03_time_of_the_log_counts_by_its_promise_alone() -> None:
    making = replace(KEYLESS, promised=False)
    assert judged(gitsign(making=making)).outcome is not Outcome.VERIFIED


def stamped(making: Making, over: bytes = b"") -> bytes:
    """Return a signature with a timestamp, which gitsign asks for where it is told to."""
    leaf = ACME.certificate(making)
    info = signer_info(Identity(ACME.signer_key(making), leaf), PAYLOAD)
    signature = signature_of(info)
    body = ACME.body(making, signature, leaf, hashlib.sha256(attributes_of(info)).digest(), b"")
    entry = tlv(0x04, protobuf(ACME.log_entry(making, body)))
    made = token(ACME.stamper, signed=over or signature, made_at=SIGNED_AT, accuracy=None)
    unsigned = attribute(identifiers.REKOR_ENTRY, entry), attribute(identifiers.TIMESTAMP, made)
    return signed_data((with_unsigned(info, *unsigned),), (leaf,), None)


def test_attack_03_timestamp_proves_the_time_or_refuses() -> None:
    """RFC 3161 appendix A: over the signature; a root that names its authority is believed."""
    making = replace(KEYLESS, promised=False)
    assert judged(gitsign(making=making)).reason == "TIMESTAMP_MISSING"
    found = judged(stamped(making))
    assert (found.reason, found.signed_at, found.time_trusted) == ("", SIGNED_AT, True)
    for case in (making, KEYLESS):
        assert judged(stamped(case, over=b"other")).reason == "TIMESTAMP_INVALID"


def test_certificate_that_had_ended() -> None:
    late = replace(KEYLESS, logged_at=SIGNED_AT + timedelta(hours=1))
    verification = judged(gitsign(making=late))
    assert verification.outcome is Outcome.UNTRUSTED


def test_other_trust() -> None:
    assert judged(gitsign(), World("other").entry()).outcome is not Outcome.VERIFIED
    assert judged(gitsign(), authority_entry(ROOT)).outcome is not Outcome.VERIFIED
    assert judged(gitsign(), payload=PAYLOAD + b"x").reason == "DIGEST_MISMATCH"


def test_no_changed_byte_verifies() -> None:
    signature = gitsign()
    assert judged(signature).outcome is Outcome.VERIFIED
    good = [
        place
        for place in range(len(signature))
        if judged(
            signature[:place] + bytes([signature[place] ^ 1]) + signature[place + 1 :]
        ).outcome
        is Outcome.VERIFIED
    ]
    assert good == []


# --- an authority's certificate, as gpgsm and smimesign use ---------------------------------------


def test_commit_signed_under_an_authority() -> None:
    who = identity("p256", EMAIL)
    made = signed_data((signer_info(who, PAYLOAD),), (who.certificate,), None)
    verification = judged(made, authority_entry(ROOT))
    assert verification.outcome is Outcome.VERIFIED
    assert verification.signer is not None
    assert verification.signer.kind is SignerKind.CERTIFICATE
    assert judged(made, key_entry(who.key)).outcome is Outcome.VERIFIED
    assert judged(made, key_entry(private_key("p384"))).reason == "KEY_UNKNOWN"
    assert judged(made, ACME.entry(), authority_entry(ROOT)).outcome is Outcome.VERIFIED


def test_what_the_signature_holds_must_be_nothing() -> None:
    who = identity("p256", EMAIL)
    info = signer_info(who, PAYLOAD)
    own = signed_data((info,), (who.certificate,), PAYLOAD)
    assert judged(own, authority_entry(ROOT)).reason == "SUBJECT_MISMATCH"
    other = signed_data((info,), (who.certificate,), None, content_type="1.2.3")
    assert judged(other, authority_entry(ROOT)).reason == "SUBJECT_MISMATCH"
    assert judged(b"hello", authority_entry(ROOT)).reason == "MALFORMED"
    two = signed_data((info, info), (who.certificate,), None)
    assert judged(two, ACME.entry()).reason == "MALFORMED"
    assert oid("1.2.3") == bytes.fromhex("06022a03")


def test_commit_object_with_an_x509_signature() -> None:
    from core.model import ARTIFACT_HEAD, Evidence, MemoryContent, Subject

    encoded = base64.encodebytes(gitsign()).replace(b"\n", b"\n ").rstrip()
    armored = b"gpgsig " + BEGIN + b"\n " + encoded + b"\n -----END SIGNED MESSAGE-----\n"
    head, tail = PAYLOAD.split(b"\n\n", 1)
    content = head + b"\n" + armored + b"\n" + tail
    subject = Subject("commit", (), MemoryContent(content))
    offered = Evidence(content, ARTIFACT_HEAD, "commit", subject)
    found = GitObjectSignature().verify(offered, setting(ACME.entry()))
    assert found.reason == ""
    assert found.claims["signature_scheme"] == "x509"
    assert NOW > SIGNED_AT


# --- the wire format ------------------------------------------------------------------------------

BROKEN = {
    "cut off": b"\x0a\x05ab",
    "a foreign form": b"\x0d\x00\x00\x00\x00",
    "field zero": b"\x02\x00",
    "out of order": number(2, 1) + number(1, 1),
    "a number in a long form": b"\x08\x80\x00",
    "a number without an end": b"\x08" + b"\xff" * 11,
    "a number twice": number(1, 1) + number(1, 1),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_broken_message(content: bytes) -> None:
    with pytest.raises(MalformedError):
        Message(content, "the message")


def test_message_is_read_as_it_was_written() -> None:
    read = Message(
        number(1, 300) + octets(2, b"a") + octets(2, b"b") + octets(3, "é".encode()), "m"
    )
    assert (read.number(1), read.number(9)) == (300, 0)
    assert read.all_octets(2) == [b"a", b"b"]
    assert read.text(3) == "é"
    for wrong in (lambda: read.octets(2), lambda: read.number(2), lambda: read.octets(1)):
        with pytest.raises(MalformedError):
            wrong()
    with pytest.raises(MalformedError):
        read.only(1, 2)
    with pytest.raises(MalformedError):
        Message(octets(1, b"\xff"), "m").text(1)


@settings(max_examples=200, deadline=None, database=None)
@given(content=st.binary(max_size=60))
def test_no_bytes_make_the_reader_raise_anything_else(content: bytes) -> None:
    try:
        Message(content, "the message").only(1, 2, 3)
    except MalformedError:
        return
