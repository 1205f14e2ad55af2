"""What a signed JAR archive covers: which entries which signature file speaks for.

JAR File Specification, section "Signed JAR File". A signature is over a signature file (.SF), that
digests the manifest as a whole or section by section, and the manifest digests the entries. An
entry is covered by a signature only if both name it and all digests agree. Everything that is no
folder and no signature file must be covered by one and the same signer.
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Mapping
from operator import attrgetter

from core.errors import MalformedError, TooLargeError
from core.frozen import dataclass
from core.limits import Limits
from core.text import display
from verification.archives.jar_manifest import (
    Digests,
    Manifest,
    Section,
    read_manifest,
    stated_digests,
)
from verification.archives.zip_archive import ZipArchive
from verification.archives.zip_directory import BEFORE_NAME, Entry, shown
from verification.fault import Fault, malformed

MANIFEST = "META-INF/MANIFEST.MF"
STRONG_DIGEST = "SHA-256, SHA-384 or SHA-512"
REFERENCE = "JAR File Specification, Signed JAR File"
# Left out by signatures, so nothing that comes to lie in another folder when it is unpacked.
_SIGNATURE_FILE = re.compile(r"META-INF/([^/\\]+)\.SF", re.IGNORECASE | re.ASCII)
_BLOCK = re.compile(r"META-INF/([^/\\]+)\.(RSA|DSA|EC)", re.IGNORECASE | re.ASCII)
_JAR_NAME = re.compile(
    BEFORE_NAME + rb"(?i:META-INF/(?:MANIFEST\.MF|[^/\0]{1,256}\.(?:SF|RSA|DSA|EC)))", re.DOTALL
)
SIGNATURE_NAME = re.compile(
    BEFORE_NAME + rb"(?i:META-INF/[^/\0]{1,256}\.(?:SF|RSA|DSA|EC))", re.DOTALL
)
_MAIN = "-digest-manifest-main-attributes"
_WHOLE = "-digest-manifest"
_SECTION = "-digest"
_SHOWN_NAMES, _SHOWN_DIGESTS = 3, 100


@dataclass(frozen=True, slots=True)
class SignatureFile:
    """One .SF file with the signature blocks over it."""

    name: str  # as the archive has it, without its ending
    content: bytes
    blocks: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class JarFile:
    """The parts of a signed JAR archive, read and not yet compared."""

    archive: ZipArchive
    manifest_bytes: bytes
    manifest: Manifest
    signatures: tuple[SignatureFile, ...]
    entries: tuple[Entry, ...]  # what signatures have to cover


def names_jar(listed: bytes) -> bool:
    """Say whether a list of entries names a manifest, a signature file or a block."""
    return _JAR_NAME.search(listed) is not None


def read_jar(archive: ZipArchive, limits: Limits) -> JarFile:
    """Read manifest and signature files; raise MalformedError or TooLargeError."""
    special = [entry for entry in archive.entries if is_signature_related(entry.name)]
    _refuse_twins(special)
    manifest_entry = archive.entry(MANIFEST)
    if manifest_entry is None:
        raise MalformedError(f"the archive has signature files but no {MANIFEST}")
    manifest_bytes = archive.read(manifest_entry, limits.release_bytes, "release_bytes")
    signatures = _signatures(archive, special, limits)
    covered = tuple(
        entry
        for entry in archive.entries
        if not entry.is_folder and not is_signature_related(entry.name)
    )
    manifest = read_manifest(manifest_bytes, "the manifest")
    return JarFile(archive, manifest_bytes, manifest, signatures, covered)


def is_signature_related(name: str) -> bool:
    """Say whether signatures leave an entry out: the manifest, signature files and blocks.

    The specification leaves out META-INF/SIG-* too, which nobody writes: those must be covered.
    """
    if name.upper() == MANIFEST:
        return True
    return bool(_SIGNATURE_FILE.fullmatch(name) or _BLOCK.fullmatch(name))


def _refuse_twins(special: list[Entry]) -> None:
    seen: set[str] = set()
    for entry in special:
        folded = entry.name.upper()
        if folded in seen:
            raise MalformedError(f"the archive has {shown(entry)} twice, in different spellings")
        seen.add(folded)
        if folded == MANIFEST and entry.name != MANIFEST:
            raise MalformedError(f"the manifest is called {shown(entry)}")


def _signatures(
    archive: ZipArchive, special: list[Entry], limits: Limits
) -> tuple[SignatureFile, ...]:
    files: dict[str, Entry] = {}
    blocks: dict[str, list[Entry]] = {}
    for entry in special:
        if found := _SIGNATURE_FILE.fullmatch(entry.name):
            files[found[1].upper()] = entry
        elif found := _BLOCK.fullmatch(entry.name):
            blocks.setdefault(found[1].upper(), []).append(entry)
    alone = files.keys() ^ blocks.keys()
    if alone:
        raise MalformedError(f"META-INF/{min(alone)} has a signature file or a block, not both")
    if len(files) > limits.signatures:
        raise TooLargeError(f"{len(files)} signatures in one archive (signatures)")
    most = limits.evidence_bytes
    return tuple(
        SignatureFile(
            entry.name.rpartition("/")[2].rpartition(".")[0],
            archive.read(entry, limits.release_bytes, "release_bytes"),
            tuple(archive.read(block, most, "evidence_bytes") for block in blocks[name]),
        )
        for name, entry in sorted(files.items())
    )


def covered_names(jar: JarFile, signature: SignatureFile) -> frozenset[str] | Fault:
    """Return the names of the sections that a signature file binds, or why it binds nothing."""
    try:
        return _covered(jar, read_manifest(signature.content, "the signature file"))
    except MalformedError as error:
        return malformed("signature file", error, "a signature file in its form", REFERENCE)


def _covered(jar: JarFile, stated: Manifest) -> frozenset[str] | Fault:
    if stated.main.attributes.get("signature-version") is None:
        detail = "the signature file states no version"
        return Fault("signature file", "MALFORMED", detail, "Signature-Version", "none", REFERENCE)
    # 1. The manifest as a whole.
    whole = stated_digests(stated.main, _WHOLE)
    if whole.strong and _all_match(whole.strong, jar.manifest_bytes):
        return frozenset(stated.sections.keys() & jar.manifest.sections.keys())
    # 2. Else its main section, and each section by itself: entries were added since.
    main = stated_digests(stated.main, _MAIN)
    if not main.strong:
        return _lacking(whole, main)
    if not _all_match(main.strong, jar.manifest.main.raw):
        detail = "the manifest's main section is not the one that was signed"
        return _differs(detail, main.strong, jar.manifest.main.raw)
    return _bound_sections(jar, stated.sections)


def _lacking(*stated: Digests) -> Fault:
    detail = "the signature file digests the manifest by nothing that still means something"
    reason, found = _why_lacking(*stated, none="MALFORMED")
    return Fault("signature file", reason, detail, STRONG_DIGEST, found, REFERENCE)


def _why_lacking(*stated: Digests, none: str) -> tuple[str, str]:
    """Return the reason for there being no strong digest, and what there is instead."""
    weak = [name for each in stated for name in each.weak]
    foreign = [name for each in stated for name in each.foreign]
    reason = "ALGORITHM_WEAK" if weak else "FORMAT_UNSUPPORTED" if foreign else none
    return reason, display(", ".join((*weak, *foreign)), _SHOWN_DIGESTS) or "no digest"


def _bound_sections(jar: JarFile, listed: Mapping[str, Section]) -> frozenset[str] | Fault:
    bound: set[str] = set()
    for name, section in listed.items():
        ours = jar.manifest.sections.get(name)
        if ours is None:
            detail = f"the manifest's section for {name[:100]!r} was taken out"
            expected, found = "every section that was signed", "none of that name"
            return Fault("manifest", "DIGEST_MISMATCH", detail, expected, found, REFERENCE)
        stated = stated_digests(section, _SECTION)
        if not stated.strong:
            return _lacking(stated)
        if not _all_match(stated.strong, ours.raw):
            detail = f"the manifest's section for {name[:100]!r} is not the one that was signed"
            return _differs(detail, stated.strong, ours.raw)
        bound.add(name)
    return frozenset(bound)


def _all_match(stated: Mapping[str, bytes], content: bytes) -> bool:
    return all(hashlib.new(name, content).digest() == value for name, value in stated.items())


def _differs(detail: str, stated: Mapping[str, bytes], content: bytes) -> Fault:
    name, value = next(iter(stated.items()))
    ours = hashlib.new(name, content).hexdigest()
    return Fault(
        "manifest",
        "DIGEST_MISMATCH",
        detail,
        f"{name}:{value.hex()}",
        f"{name}:{ours}",
        REFERENCE,
    )


def check_entries(jar: JarFile) -> Fault | None:
    """Compare every entry with the manifest; all bytes of the archive are read once."""
    present = {entry.name for entry in jar.archive.entries}
    missing = [
        name
        for name, section in jar.manifest.sections.items()
        if name not in present and any(_states(section))
    ]
    if missing:
        detail = "entries that the manifest lists were taken out of the archive"
        found = f"without {_listed(missing)}"
        return Fault("entries", "DIGEST_MISMATCH", detail, "every entry listed", found, REFERENCE)
    for entry in jar.entries:
        section = jar.manifest.sections.get(entry.name)
        if section is None:
            return _unlisted([entry.name], "the manifest does not list it")
        fault = _entry_fault(jar.archive, entry, section)
        if fault is not None:
            return fault
    return _folder_fault(jar)


def _folder_fault(jar: JarFile) -> Fault | None:
    """Compare the folders that the manifest digests, as `jarsigner` does with sealed packages.

    All are read: one that unpacks to bytes which it does not state would be a file to some readers.
    """
    for entry in filter(attrgetter("is_folder"), jar.archive.entries):
        deque(jar.archive.chunks(entry), maxlen=0)
        section = jar.manifest.sections.get(entry.name)
        if section is not None and _states(section):
            fault = _entry_fault(jar.archive, entry, section)
            if fault is not None:
                return fault
    return None


def _states(section: Section) -> tuple[str, ...]:
    digests = stated_digests(section, _SECTION)
    return (*digests.strong, *digests.weak, *digests.foreign)


def _entry_fault(archive: ZipArchive, entry: Entry, section: Section) -> Fault | None:
    magic = section.attributes.get("magic")
    if magic is not None:
        detail = f"what is to be hashed of {shown(entry)} is said in words unknown to us"
        expected, found = "no attribute Magic", display(magic, _SHOWN_DIGESTS)
        return Fault("entries", "FORMAT_UNSUPPORTED", detail, expected, found, REFERENCE)
    stated = stated_digests(section, _SECTION)
    if not stated.strong:
        detail = f"the manifest digests {shown(entry)} by nothing that still means something"
        reason, found = _why_lacking(stated, none="SUBJECT_MISMATCH")
        return Fault("entries", reason, detail, STRONG_DIGEST, found, REFERENCE)
    hashes = {name: hashlib.new(name) for name in stated.strong}
    for piece in archive.chunks(entry):
        for each in hashes.values():
            each.update(piece)
    for name, each in hashes.items():
        if each.digest() != stated.strong[name]:
            detail = f"{shown(entry)} is not what was signed"
            expected, found = f"{name}:{stated.strong[name].hex()}", f"{name}:{each.hexdigest()}"
            return Fault("entries", "DIGEST_MISMATCH", detail, expected, found, REFERENCE)
    return None


def uncovered(jar: JarFile, bound: frozenset[str]) -> Fault | None:
    """Return the fault of entries that a signer does not cover."""
    names = [entry.name for entry in jar.entries if entry.name not in bound]
    return _unlisted(names, "the signature file does not list it") if names else None


def _unlisted(names: list[str], why: str) -> Fault:
    detail = f"the archive holds what nobody signed: {_listed(names)} ({why})"
    expected = "every entry but folders and signature files is signed"
    found = f"{len(names)} more" if len(names) > 1 else _listed(names)
    return Fault("entries", "SUBJECT_MISMATCH", detail, expected, found, REFERENCE)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return ", ".join(repr(name[:100]) for name in sorted(names)[:_SHOWN_NAMES]) + more
