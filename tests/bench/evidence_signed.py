"""The worst evidence of the formats that are neither JSON nor an archive: DER, packets, text."""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Callable, Iterator

from core.model import Digest, MemoryContent, TrustEntry, TrustKind, digest_of
from tests.bench.evidence_case import LIMITS, Case, Worst, case
from tests.verification.openpgp.openpgp_material import gnupg
from tests.verification.specimens import (
    CONTENT,
    NOW,
    artifact,
    authority_entry,
    evidence,
    key_entry,
    pem,
    private_key,
    setting,
    sign,
)
from tests.verification.ssh.ssh_material import keys, line, signers
from tests.verification.x509 import x509_material
from tests.verification.x509.stranger_chains import (
    bundle_of_strangers,
    filling,
    one_signer_stamped_by_strangers,
    signers_under_strangers,
    stamped_by_strangers,
)
from verification.archives.pe_file import read_pe
from verification.cms import identifiers
from verification.cms.times import MAX_ALL_TIMES, MAX_TIMES
from verification.formats.authenticode import INDIRECT_DATA, PE_IMAGE
from verification.openpgp.armor import SIGNATURE, begin_line, end_line
from verification.openpgp.signature import MAX_SIGNATURE_BYTES

KEY = private_key("p256", "cost")
TRUST = authority_entry(x509_material.ROOT)
Parts = Callable[[int], tuple[bytes, ...]]
_ELEMENTS = LIMITS.json_items - 2_000
_NAME = "app-1.2.3.tgz"


# --- DER ------------------------------------------------------------------------------------------


def _filled(size: int) -> tuple[bytes, ...]:
    value = x509_material.tlv(0x04, b"x" * (size // 60))
    return tuple(x509_material.attribute(f"1.2.3.{number}", value) for number in range(60))


def _elements(element: bytes) -> Parts:
    value = x509_material.tlv(0x30, element * _ELEMENTS)
    return lambda _size: (x509_material.attribute("1.2.3.4", value),)


def _nested_elements(_size: int) -> tuple[bytes, ...]:
    one = b""
    for _ in range(50):
        one = x509_material.tlv(0x30, one)
    value = x509_material.tlv(0x30, one * (_ELEMENTS // 50))
    return (x509_material.attribute("1.2.3.4", value),)


DER: dict[str, Parts] = {
    "attributes": _filled,
    "elements": _elements(b"\x05\x00"),
    "empty sequences": _elements(b"\x30\x00"),
    "nested sequences": _nested_elements,
}


def _cms(parts: Parts) -> Callable[[int], Case]:
    def make(size: int) -> Case:
        who = x509_material.identity()
        info = x509_material.signer_info(who, CONTENT)
        info = x509_material.with_unsigned(info, *parts(size))
        return case(x509_material.signed_data((info,), (who.certificate,), None), TRUST)

    return make


def _stamped(size: int) -> Case:
    """Return a signature with as many timestamps as may be, each full of elements."""
    who = x509_material.identity()
    bare = x509_material.signer_info(who, CONTENT)
    tokens = x509_material.attribute(x509_material.TOKEN, *[_full_token(bare, size // 16)] * 16)
    info = x509_material.with_unsigned(bare, tokens)
    return case(x509_material.signed_data((info,), (who.certificate,), None), TRUST)


def _full_token(signed: bytes, size: int) -> bytes:
    over = x509_material.signature_of(signed)
    authority = x509_material.identity("p256", x509_material.TIMES, name="clock", critical=True)
    count = min(size // 2 - 4_000, _ELEMENTS // 16 - 200)
    filling = x509_material.attribute("1.2.3.4", x509_material.tlv(0x30, b"\x05\x00" * count))
    return x509_material.timestamp(authority, over, NOW, (filling,))


def _timestamp(parts: Parts) -> Callable[[int], Case]:
    def make(size: int) -> Case:
        authority = x509_material.identity("p256", x509_material.TIMES, name="clock", critical=True)
        return case(x509_material.timestamp(authority, CONTENT, NOW, parts(size)), TRUST)

    return make


def _program(parts: Parts, depth: int = 1) -> Callable[[int], Case]:
    """Return a program whose signature has further ones nested in it, the last of them filled."""

    def make(size: int) -> Case:
        who = x509_material.identity("p256", x509_material.CODE)
        plain = x509_material.program()
        placed = _with_table(plain, b"\x30\x00")
        pe = read_pe(MemoryContent(placed), LIMITS)
        stated = _indirect(pe.digests(("sha256",))["sha256"])
        unsigned = parts(size)
        for _ in range(depth):
            info = x509_material.signer_info(who, stated, content_type=INDIRECT_DATA)
            info = x509_material.with_unsigned(info, *unsigned)
            made = x509_material.signed_data(
                (info,), (who.certificate,), stated, content_type=INDIRECT_DATA, tag=0x30
            )
            unsigned = (x509_material.attribute(identifiers.NESTED_SIGNATURE, made),)
        return x509_material.inside(_with_table(plain, made), "app.exe"), setting(TRUST)

    return make


def _stamped_program(size: int) -> Case:
    """Return a program with a nested signature, and as many timestamps of strangers as may be."""
    who = x509_material.identity("p256", x509_material.CODE)
    plain = x509_material.program()
    pe = read_pe(MemoryContent(_with_table(plain, b"\x30\x00")), LIMITS)
    stated = _indirect(pe.digests(("sha256",))["sha256"])
    nested = (filling(size - 480_000),)
    for _ in range(MAX_ALL_TIMES // MAX_TIMES):
        info = x509_material.signer_info(who, stated, content_type=INDIRECT_DATA)
        info = x509_material.with_unsigned(info, stamped_by_strangers(info), *nested)
        made = x509_material.signed_data(
            (info,), (who.certificate,), stated, content_type=INDIRECT_DATA, tag=0x30
        )
        nested = (x509_material.attribute(identifiers.NESTED_SIGNATURE, made),)
    return x509_material.inside(_with_table(plain, made), "app.exe"), setting(TRUST)


def _strangers(make: Callable[[int], bytes]) -> Callable[[int], Case]:
    return lambda size: case(make(size), TRUST)


def _indirect(digest: Digest) -> bytes:
    """Return the contents of a SpcIndirectDataContent."""
    about = x509_material.tlv(0x30, x509_material.oid(PE_IMAGE))
    hashed = x509_material.tlv(0x30, x509_material.SHA256_ALGORITHM, b"\x04\x20" + digest.raw)
    return about + hashed


def _with_table(program: bytes, signature: bytes) -> bytes:
    padded = signature + bytes(-(len(signature) + 8) % 8)
    table = struct.pack("<L2H", len(padded) + 8, 0x0200, 2) + padded
    at = 0x40 + 24 + 112 + 32
    return program[:at] + struct.pack("<2L", len(program), len(table)) + program[at + 8 :] + table


# --- OpenPGP --------------------------------------------------------------------------------------


def _packets(size: int) -> Case:
    """Return as many signatures as may be, each as long as may be, of subpackets."""
    with gnupg() as gpg:
        gpg.key("cost", "ed25519")
        (gpg.home / "text").write_bytes(CONTENT)
        made, key = gpg.sign("cost"), gpg.export("cost")
    each = min(size * 3 // 4 // LIMITS.signatures, MAX_SIGNATURE_BYTES) - 400
    packet = _with_unsigned(made, b"\x01\x64" * (each // 2))
    return _armored(packet * LIMITS.signatures, key)


def _with_unsigned(packet: bytes, area: bytes) -> bytes:
    """Return a version 4 signature of gpg with this unsigned area in place of its own."""
    body = packet[2:]
    hashed_end = 6 + int.from_bytes(body[4:6])
    rest = hashed_end + 2 + int.from_bytes(body[hashed_end : hashed_end + 2])
    body = body[:hashed_end] + len(area).to_bytes(2) + area + body[rest:]
    return b"\xc2\xff" + len(body).to_bytes(4) + body


def _armored(binary: bytes, key: bytes, width: int = 64) -> Case:
    text = base64.b64encode(binary)
    lines = b"\n".join(text[at : at + width] for at in range(0, len(text), width))
    content = begin_line(SIGNATURE) + b"\n\n" + lines + b"\n" + end_line(SIGNATURE) + b"\n"
    return case(content, TrustEntry("ring", TrustKind.KEYRING, key, ""))


def _short_lines(size: int) -> Case:
    return _armored(b"\xc2\xff" + bytes(4) + bytes(size * 3 // 8), b"", 1)


def _helm(line: bytes) -> Callable[[int], Case]:
    def make(size: int) -> Case:
        held = b"name: app\nversion: 1.2.3\n" + line * (size // len(line))
        listed = b"\n...\nfiles:\n  %s: %s\n" % (_NAME.encode(), str(digest_of(CONTENT)).encode())
        with gnupg() as gpg:
            gpg.key("cost", "rsa2048")
            (gpg.home / "text").write_bytes(held + listed)
            made, key = gpg.sign("cost", mode="--clearsign"), gpg.export("cost")
        ring = TrustEntry("ring", TrustKind.KEYRING, key, "")
        return evidence(made, artifact(name=_NAME)), setting(ring)

    return make


# --- Git ------------------------------------------------------------------------------------------


def _commit(message: bytes, headers: bytes = b"") -> Case:
    people = b"author A <a@b> 1 +0000\ncommitter A <a@b> 1790000000 +0000\n"
    head = b"tree " + b"0" * 40 + b"\nparent " + b"1" * 40 + b"\n" + people + headers
    content = head + b"\n" + message
    signature = keys().sign("ed25519", namespace="git", content=content)
    folded = b"gpgsig " + signature.strip().replace(b"\n", b"\n ") + b"\n"
    return x509_material.inside(head + folded + b"\n" + message), setting(
        signers(line("ed25519", principal="a@b"))
    )


def _message(line: bytes) -> Callable[[int], Case]:
    return lambda size: _commit(line * (size // len(line)))


def _merged(signatures: int) -> Callable[[int], Case]:
    """Return a merge of as many signed tags as are looked at, with so many signatures each."""

    def make(size: int) -> Case:
        with gnupg() as gpg:
            gpg.key("tagger", "ed25519")
            tag = b"object " + b"1" * 40 + b"\ntype commit\ntag v1\ntagger A <a@b> 1 +0000\n\nv1\n"
            (gpg.home / "text").write_bytes(tag)
            made, key = gpg.sign("tagger"), gpg.export("tagger")
        text = base64.b64encode(made * signatures)
        lines = [text[at : at + 64] for at in range(0, len(text), 64)]
        block = b"\n".join((begin_line(SIGNATURE), b"", *lines, end_line(SIGNATURE), b""))
        folded = b"mergetag " + (tag + block).rstrip(b"\n").replace(b"\n", b"\n ") + b"\n"
        offered, under = _commit(b"x\n" * (size // 2 - len(folded) * 16), folded * 32)
        ring = TrustEntry("ring", TrustKind.KEYRING, key, "")
        return offered, setting(*under.trust.entries, ring)

    return make


def _headers(size: int) -> Case:
    count = 19_000
    return _commit(b"x\n", b"".join(b"x-%d %s\n" % (n, b"y" * (size // count - 12))
                                    for n in range(count)))  # fmt: skip


# --- text and bare signatures ---------------------------------------------------------------------


def _lines(line: bytes) -> Callable[[int], Case]:
    return lambda size: case(line * (size // len(line)), key_entry(KEY))


def _checksums(size: int) -> Case:
    lines = (f"{number:064x}  dist/{number:08d}.tar.gz\n" for number in range(size // 90))
    return case("".join(lines).encode(), key_entry(KEY))


def _one_checksum(size: int) -> Case:
    own = f"{hashlib.sha256(CONTENT).hexdigest()}  app.tar.gz\n".encode()
    return case(own + b"#\n" * (size // 2), key_entry(KEY))


def _beside(_size: int) -> Case:
    """Return a bare signature with as many certificates beside it as may be."""
    who = x509_material.identity("p256", x509_material.CODE)
    others = [x509_material.identity("p256", name=f"n{number}") for number in range(30)]
    hint = b"".join(pem(each.certificate) for each in (who, *others))
    hint += b"\n" * (256 * 1024 - len(hint))
    offered, under = case(sign(who.key, CONTENT), TRUST, hint=hint)
    return offered, under


def kinds() -> Iterator[Worst]:
    """Yield every case of this module."""
    for name, parts in DER.items():
        yield Worst("cms", name, _cms(parts))
        yield Worst("rfc3161", name, _timestamp(parts))
        yield Worst("authenticode", name, _program(parts))
        yield Worst("authenticode", f"{name}, nested", _program(parts, 5))
    yield Worst("cms", "16 timestamps", _stamped)
    yield Worst("cms", "16 timestamps of strangers", _strangers(one_signer_stamped_by_strangers))
    yield Worst("cms", "16 signers under strangers", _strangers(signers_under_strangers))
    yield Worst("authenticode", "2 times 16 timestamps of strangers", _stamped_program)
    yield Worst("sigstore-bundle", "32 timestamps of strangers", _strangers(bundle_of_strangers))
    yield Worst("openpgp-detached", "64 signatures", _packets)
    yield Worst("openpgp-detached", "short lines", _short_lines)
    yield Worst("helm-provenance", "lines", _helm(b"x" * 70 + b"\n"))
    yield Worst("helm-provenance", "short lines", _helm(b"x\n"))
    yield Worst("helm-provenance", "blanks", _helm(b"x \n"))
    yield Worst("git-object", "message", _message(b"x" * 70 + b"\n"))
    yield Worst("git-object", "short lines", _message(b"x\n"))
    yield Worst("git-object", "headers", _headers)
    yield Worst("git-object", "merged tags", _merged(1))
    yield Worst("git-object", "merged tags, 64 signatures each", _merged(LIMITS.signatures))
    yield Worst("checksum-list", "lines", _checksums)
    yield Worst("checksum-list", "comments", _one_checksum)
    yield Worst("ssh-signature", "lines", _lines(b"-----BEGIN SSH SIGNATURE-----\n"))
    yield Worst("minisign", "lines", _lines(b"untrusted comment: x\n"))
    yield Worst("raw-signature", "certificates beside it", _beside)
