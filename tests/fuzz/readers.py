"""Every reader of untrusted bytes, as a function that takes nothing else.

Each may return or raise an error of ours; anything else is a find. Those that have a law of their
own (what is rewritten reads the same again) assert it here.
"""

from __future__ import annotations

import atexit
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from collectors.apt_sources import APT, read_entries
from collectors.oci_manifest import children, layers, variants
from collectors.oci_manifest import read_manifest as read_oci_manifest
from core.checksums import is_checksum_list, read_checksums
from core.cleartext import read_cleartext
from core.cosign_container import read_container
from core.deb822 import listed_files, parse_date, read_stanza, read_stanzas, rows
from core.errors import CountersignError, MalformedError
from core.json_lines import attestations_in
from core.limits import Limits
from core.model import Evidence, MemoryContent, Subject, Trust, TrustEntry, TrustKind, digest_of
from core.repodata import is_primary, read_primary, read_repomd
from core.settings import parse as read_settings
from core.text import csv_cell, display
from core.wire import decode_base64, decode_base64_either, read_json
from core.yaml_places import read_yaml
from jobs.oci_layout import INDEX, LAYOUT, read_layout
from jobs.signed_lists import RefusedError, read_list
from net.address import follow, read_url
from net.bearer import read_challenges
from net.link import next_page
from policy.cel import compile_rule
from policy.engine import compile_policies
from tests.verification.specimens import NOW
from verification.archives.jar_manifest import read_manifest, stated_digests
from verification.archives.pe_file import read_pe
from verification.archives.rpm_package import begin_hash, read_package, wanted_digests
from verification.archives.zip_archive import ZipArchive, listed_names
from verification.cms.signed_data import read_signed_data
from verification.cms.timestamp_token import is_timestamp, read_timestamp
from verification.format import Setting
from verification.git.object import read_object
from verification.minisign import read_signature as read_minisign
from verification.models.manifest import read_manifest as read_model
from verification.npm_names import demand_package
from verification.openpgp.armor import SIGNATURE, armored_blocks, dearmor
from verification.openpgp.packets import split_packets
from verification.openpgp.signature import (
    read_signature,
    read_signatures,
    signed_part,
    tidy_signature,
)
from verification.predicates import view_of
from verification.python_names import read_python_name
from verification.readers import der
from verification.readers.ber import is_streamed, to_der
from verification.readers.cbor import read_cbor
from verification.readers.der import DerReader, check_der
from verification.readers.protobuf import Message
from verification.sigstore.checkpoint import read_checkpoint
from verification.ssh.certificate import is_certificate, read_certificate, unknown_options
from verification.ssh.envelope import read_envelope
from verification.ssh.key import read_key
from verification.ssh.key import read_signature as read_ssh_signature
from verification.ssh.revocation import given_revocations as given_ssh_revocations
from verification.ssh.revocation import is_revocation_list
from verification.statements import read_statement
from verification.trust import describe, kind_of
from verification.verifier import formats, verify
from verification.x509.certificates import alternative_names, certificate_claims, read_certificates

LIMITS = Limits()
SMALL = Limits(json_items=100, signatures=2)  # the counts are reached too
WHAT = "the input"
MOST = 1 << 20  # of what an archive unpacks to
Read = Callable[[bytes], object]


def _json(content: bytes) -> None:
    for limits in (SMALL, LIMITS):
        read_json(content, limits=limits)


def _base64(content: bytes) -> None:
    text = content.decode("latin-1")
    assert decode_base64(content, what=WHAT) == decode_base64(text, what=WHAT)
    assert decode_base64_either(text, what=WHAT) == decode_base64(text, what=WHAT)


def _der(content: bytes) -> None:
    check_der(content, LIMITS, WHAT)
    _walk(DerReader(content, WHAT))


def _walk(reader: DerReader) -> None:
    simple: dict[int, Callable[[DerReader], object]] = {
        der.INTEGER: DerReader.integer, der.OID: DerReader.oid, der.BOOLEAN: DerReader.boolean,
    }  # fmt: skip
    while reader.tag >= 0:
        tag = reader.tag
        if tag & 0x20:
            _walk(reader.inside(tag))
        elif tag in simple:
            simple[tag](reader)
        else:
            reader.element()
    reader.finish()


def _ber(content: bytes) -> None:
    if is_streamed(content):
        rewritten = to_der(content, LIMITS, WHAT)
        check_der(rewritten, LIMITS, WHAT)
        assert not is_streamed(rewritten)


def _cbor(content: bytes) -> None:
    read_cbor(content, limits=LIMITS, what=WHAT)


def _protobuf(content: bytes) -> None:
    message = Message(content, WHAT)
    for field in range(1, 8):
        for read in (message.number, message.octets, message.text, message.message):
            _attempted(read, field)


def _attempted(read: Callable[[int], object], field: int) -> None:
    try:
        read(field)
    except MalformedError:
        return


def _openpgp(content: bytes) -> None:
    for packet in split_packets(content, most=LIMITS.signatures):
        tidy = tidy_signature(packet)
        (again,) = split_packets(tidy, most=1)
        assert tidy_signature(again) == tidy
        signed_part(packet.body)
        _attempted(lambda _, body=packet.body: read_signature(body), 0)  # type: ignore[misc]
    read_signatures(content, limits=LIMITS)


def _armor(content: bytes) -> None:
    for block in armored_blocks(content, SIGNATURE):
        _attempted(lambda _, block=block: dearmor(block, SIGNATURE), 0)  # type: ignore[misc]
    dearmor(content, SIGNATURE)


def _zip(content: bytes) -> None:
    held = MemoryContent(content)
    listed_names(_inside(content))
    archive = ZipArchive(held, LIMITS)
    for entry in archive.entries:
        if entry.size <= MOST:
            archive.read(entry, MOST, WHAT)


def _rpm(content: bytes) -> None:
    package = read_package(MemoryContent(content), LIMITS)
    for wanted in wanted_digests(package):
        begin_hash(wanted, package)


def _pe(content: bytes) -> None:
    read = read_pe(MemoryContent(content), LIMITS)
    read.digests(("sha256",))


def _inside(content: bytes) -> Evidence:
    return Evidence(
        content, "", "fuzz", Subject("x", (digest_of(content),), MemoryContent(content))
    )


def _checksums(content: bytes) -> None:
    is_checksum_list(content)
    read_checksums(content, LIMITS)


def _deb822(content: bytes) -> None:
    pieces = [content[at : at + 7] for at in range(0, len(content), 7)]
    deque(rows(pieces, ("Package", "SHA256"), substitutes=("MD5sum",), limit=4096), maxlen=0)
    read_stanzas(content, comment="#")
    fields = read_stanza(content)
    listed_files(fields)
    parse_date(fields.get("date", ""))


def _jar_manifest(content: bytes) -> None:
    manifest = read_manifest(content, WHAT)
    for section in (manifest.main, *manifest.sections.values()):
        stated_digests(section, "-digest")


def _repodata(content: bytes) -> None:
    pieces = [content[at : at + 50] for at in range(0, len(content), 50)]
    read = read_primary if is_primary(content) else read_repomd
    deque(read(iter(pieces), LIMITS), maxlen=0)


def _certificates(content: bytes) -> None:
    for certificate in read_certificates(content):
        alternative_names(certificate)
        certificate_claims(certificate)


def _timestamp(content: bytes) -> None:
    is_timestamp(content)
    read_timestamp(content, LIMITS)


def _statement(content: bytes) -> None:
    statement = read_statement(content, LIMITS)
    view = view_of(statement.predicate_type)
    if view is not None:
        view(statement.predicate)


def _ssh_wire(content: bytes) -> None:
    for read in (read_envelope, read_key, read_ssh_signature):
        _attempted(lambda _, read=read: read(content), 0)  # type: ignore[misc]
    if is_certificate(content):
        unknown_options(read_certificate(content))


def _ssh_revocations(content: bytes) -> None:
    if is_revocation_list(content):
        given_ssh_revocations(Trust((_entry(TrustKind.REVOCATION, content),)))


def _oci_manifest(content: bytes) -> None:
    manifest = read_oci_manifest(content, "", digest_of(content), LIMITS)
    if manifest.is_index:
        variants(children(manifest))
    else:
        layers(manifest)


def _any_format(content: bytes) -> str:
    evidence = _inside(content)
    for each in formats():
        each.recognises(evidence)
    return verify(evidence, Setting(Trust(()), NOW, LIMITS)).reason


def _listed(content: bytes) -> str:
    try:
        deque(read_list(MemoryContent(content), LIMITS).entries, maxlen=0)
    except RefusedError as error:
        return error.reason
    return "read"


@cache
def _folder(*parts: str) -> Path:
    """Return a folder that stays until the end: to make one takes longer than to read it."""
    made = tempfile.TemporaryDirectory()
    atexit.register(made.cleanup)
    folder = Path(made.name).joinpath(*parts)
    folder.mkdir(parents=True)
    return folder


@contextmanager
def _written(files: Mapping[Path, bytes]) -> Iterator[None]:
    """Hold the files there; to write over them would wait for the disk."""
    for path, content in files.items():
        path.write_bytes(content)
    try:
        yield
    finally:
        for path in files:
            path.unlink()


def _oci_layout(content: bytes) -> None:
    blobs = _folder("blobs", "sha256")
    folder = blobs.parent.parent
    lines = content.split(b"\n")[:8]
    files = {blobs / digest_of(line).value: line for line in lines}
    files |= {folder / LAYOUT: b'{"imageLayoutVersion": "1.0.0"}', folder / INDEX: lines[0]}
    with _written(files):
        read_layout(folder, "", "x", LIMITS)


def _apt_sources(content: bytes) -> str:
    folder = _folder(*APT.parts, "sources.list.d")
    with _written({folder / "a.list": content, folder / "a.sources": content}):
        entries = list(read_entries(folder.parents[len(APT.parts)]))
    return " ".join(sorted({type(each).__name__ for each in entries}))


def _text_readers(*readers: Callable[[str], object]) -> Read:
    """Return what hands the bytes, as text, to each of them in turn."""

    def read(content: bytes) -> str:
        text = content.decode("utf-8", "replace")
        return " ".join(_ending(reader, text) for reader in readers)

    return read


def _ending(reader: Callable[[str], object], text: str) -> str:
    try:
        reader(text)
    except CountersignError as error:
        return type(error).__name__
    return "read"


def _texts(content: bytes) -> str:
    text = content.decode("utf-8", "surrogateescape")
    for written in (display(text), csv_cell(text)):
        assert "\x1b" not in written
    return f"{len(read_challenges(text))} challenges"


def _entry(kind: TrustKind, content: bytes) -> TrustEntry:
    return TrustEntry("fuzz", kind, content, "fuzz")


def _trust(kind: TrustKind) -> Read:
    return lambda content: describe(_entry(kind_of(kind, content), content), LIMITS)


SHARED: dict[str, Read] = {
    "json": _json,
    "der": _der,
    "ber": _ber,
    "cbor": _cbor,
    "openpgp-packets": _openpgp,
    "zip": _zip,
    "rpm-header": _rpm,
    "checksums": _checksums,
    "deb822": _deb822,
    "jar-manifest": _jar_manifest,
}
OTHERS: dict[str, Read] = {
    "base64": _base64,
    "protobuf": _protobuf,
    "openpgp-armor": _armor,
    "cleartext": lambda content: read_cleartext(content, limit=LIMITS.release_bytes),
    "pe": _pe,
    "repodata": _repodata,
    "certificates": _certificates,
    "cms-structure": lambda content: read_signed_data(content, LIMITS),
    "timestamp-structure": _timestamp,
    "statement": _statement,
    "model-manifest": lambda content: read_model(content, LIMITS),
    "git-structure": read_object,
    "ssh-wire": _ssh_wire,
    "ssh-revocations": _ssh_revocations,
    "minisign-structure": read_minisign,
    "checkpoint": lambda content: read_checkpoint(content.decode("utf-8", "replace")),
    "cosign-container": lambda content: read_container(content, LIMITS),
    "oci-manifest": _oci_manifest,
    "oci-layout": _oci_layout,
    "any-format": _any_format,
    "json-lines": lambda content: f"{len(attestations_in(content, LIMITS))} documents",
    "signed-list": _listed,
    "apt-sources": _apt_sources,
    "headers": _text_readers(next_page, read_url, lambda text: follow(read_url("http://a/"), text)),
    "names": _text_readers(
        read_python_name,
        lambda text: demand_package(text, "1"),
        lambda text: demand_package("a", text),
    ),
    "settings": _text_readers(lambda text: read_settings(text, Path("fuzz.yaml"))),
    "policy": _text_readers(lambda text: compile_policies({"fuzz.yaml": text}, {})),
    "expression": _text_readers(compile_rule),
    "texts": _texts,
    "yaml": lambda content: read_yaml(content.decode("utf-8", "replace"), Path("fuzz.yaml")),
    **{f"trust-{kind.value}": _trust(kind) for kind in TrustKind},
}
READERS = SHARED | OTHERS
