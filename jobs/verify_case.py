"""What `verify` was asked, made into evidence over one subject; nothing is judged here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from collectors.file_content import shown
from core.checksums import is_checksum_list
from core.cleartext import read_cleartext
from core.errors import CollectionError, MalformedError, UsageError
from core.json_lines import attestations_in
from core.limits import Limits
from core.model import (
    ARTIFACT_HEAD,
    Check,
    CheckOutcome,
    Digest,
    Evidence,
    MemoryContent,
    ReleaseExpectation,
    Subject,
    Trust,
    Unread,
    digest_of,
)
from core.signify import embedded_message
from core.text import display
from jobs.chains import Member
from jobs.image_folder import folder_names, is_image_folder, read_image_folder
from jobs.model_folder import SIGNATURE_NAME, read_model_folder
from jobs.signed_lists import SNIFFED_BYTES, release_expectation
from jobs.verify_inputs import (
    file_subject,
    holds_what_it_signs,
    is_signed_text,
    memory_bytes,
    read_digest,
    read_file,
)
from verification.verifier import IdentityDemand, is_recognised

_BYTES = "application/octet-stream"
_NOTHING = (
    "nothing to verify: name an artifact, or evidence that holds what it signs (--bundle,"
    " --signature, --through)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Everything a verification was asked with; `spool` is a folder for copies of large files."""

    artifact: str = ""
    bundle: Path | None = None
    signature: Path | None = None
    certificate: Path | None = None
    through: tuple[Path, ...] = ()
    name: str = ""
    trust: Trust
    demand: IdentityDemand
    limits: Limits
    spool: Path
    namespace: str = "file"


@dataclass(frozen=True, slots=True)
class Case:
    """What is to be verified: pieces of evidence over one subject, and where that leads to."""

    artifact: Subject
    evidence: tuple[Evidence, ...] = ()
    unread: tuple[Unread, ...] = ()
    members: tuple[Member, ...] = ()  # the chain from the evidence's subject down to the artifact
    notes: tuple[Check, ...] = ()  # what to know of the artifact, whatever vouches for it


def read_case(question: Question) -> Case:
    """Read what the question names; UsageError where it cannot mean anything."""
    files = [path for path in (question.bundle, question.signature) if path is not None]
    if question.certificate is not None and question.signature is None:
        raise UsageError("--certificate names what lies beside a --signature; give that too")
    if question.through:
        return _chain_case(question, files)
    digest = read_digest(question.artifact)
    if question.artifact and digest is None:
        path = Path(question.artifact)
        if path.is_dir():
            return _folder_case(question, path, files)
        if question.artifact.startswith("oci:") and not path.exists():
            folder, at, wanted = question.artifact.removeprefix("oci:").rpartition("@")
            return _layout_case(question, Path(folder if at else wanted), at and wanted, files)
    if files:
        return _beside_case(question, files, _artifact(question))
    return _inside_case(question, digest)


def _unsupported(subject: Subject, words: str) -> Case:
    return Case(subject, unread=(Unread("FORMAT_UNSUPPORTED", words),))


def _artifact(question: Question) -> Subject | None:
    """Return the artifact as a subject: a digest, a file, or None where none was named."""
    text = question.artifact
    if not text:
        return None
    digest = read_digest(text)
    if digest is not None:
        return Subject(question.name or text, (digest,))
    return _file(Path(text), question, question.name)


def _file(path: Path, question: Question, name: str = "") -> Subject:
    try:
        return file_subject(path, question.spool, question.limits, name=name)
    except CollectionError as error:
        if error.reason == "CONTENT_CHANGED":
            raise
        raise UsageError(str(error)) from None


def _folder_case(question: Question, folder: Path, files: Sequence[Path]) -> Case:
    name = question.name or folder.resolve().name
    names = folder_names(folder, question.limits)
    if "oci-layout" in names:
        return _layout_case(question, folder, "", files)
    if is_image_folder(names) and not files:
        found = read_image_folder(folder, name, names, question.limits)
        return Case(found.subject, found.evidence, found.unread)
    return _model_case(question, folder, name, files or _own_signature(folder, names))


def _layout_case(question: Question, folder: Path, wanted: str, files: Sequence[Path]) -> Case:
    """Take an image of an OCI layout, with what is attached to it or what was given for it."""
    from jobs.oci_layout import read_layout  # noqa: PLC0415 - only layouts need a collector

    name = question.name or folder.resolve().name
    found = read_layout(folder, wanted, name, question.limits)
    if files:
        case = _beside_case(question, files, found.subject)
    else:
        case = Case(found.subject, tuple(found.evidence), tuple(found.unread))
    notes = tuple(Check("coverage", CheckOutcome.NOTED, words) for words in found.notes)
    return replace(case, notes=notes)


def _model_case(question: Question, folder: Path, name: str, files: Sequence[Path]) -> Case:
    """Take the folder as a model: all it holds but the signatures over it."""
    if not files:
        words = f"a folder without {SIGNATURE_NAME}, and no signature was given with --bundle"
        return _unsupported(Subject(name, ()), words)
    content = read_model_folder(folder, files, question.spool, question.limits)
    return _beside_case(question, files, Subject(name, (), content))


def _own_signature(folder: Path, names: Sequence[str]) -> list[Path]:
    return [folder / SIGNATURE_NAME] if SIGNATURE_NAME in names else []


def _inside_case(question: Question, digest: Digest | None) -> Case:
    """Take the evidence from the artifact itself."""
    if not question.artifact:
        raise UsageError(_NOTHING)
    if digest is not None:
        raise UsageError(
            f"{digest}: a digest holds no evidence; give --bundle, --signature or --through"
        )
    subject = _file(Path(question.artifact), question, question.name)
    content = subject.content
    head = content.read_at(0, question.limits.evidence_bytes) if content is not None else b""
    within = Evidence(head, ARTIFACT_HEAD, question.artifact, subject)
    # First: a commit's message may hold what looks like a signed text.
    if is_recognised(within):
        return Case(subject, (within,))
    if isinstance(content, MemoryContent) and holds_what_it_signs(content.content):
        text = _signed_text(content.content, subject.name, question.limits) or subject
        return Case(text, (_evidence(content.content, question.artifact, text),))
    words = "no evidence was given, and no reader recognises any inside the artifact"
    return _unsupported(subject, words)


def _beside_case(question: Question, files: Sequence[Path], artifact: Subject | None) -> Case:
    """Take the evidence from the files named for it."""
    subject = artifact
    pieces: list[tuple[str, bytes]] = []
    unread: list[Unread] = []
    most = _evidence_bytes(artifact, len(files), question.limits)
    for path in files:
        content = read_file(path, most, text_limit=memory_bytes(question.limits))
        is_whole = len(content) <= most
        documents = attestations_in(content, question.limits) if is_whole else [content]
        if len(documents) > question.limits.signatures:
            words = f"more than {question.limits.signatures} documents in one file (signatures)"
            unread.append(Unread("TOO_LARGE", words))
        pieces += [(shown(path), each) for each in documents[: question.limits.signatures]]
        if subject is None and holds_what_it_signs(content):
            name = question.name or path.name
            subject = _signed_text(content, name, question.limits)
    subject = subject or Subject(question.name, ())
    beside = b""
    if question.certificate is not None:
        beside = read_file(question.certificate, question.limits.evidence_bytes)
    evidence = tuple(_evidence(each, origin, subject, beside) for origin, each in pieces)
    return Case(subject, evidence, tuple(unread))


def _evidence_bytes(artifact: Subject | None, files: int, limits: Limits) -> int:
    """Return up to how many bytes a file of evidence may hold that is no signed text.

    More where the artifact is a Release, or where it may turn out to be one inside another file:
    what is cut off after this is over the verifier's own limit then, and nothing is judged by half.
    """
    if artifact is None:
        return limits.evidence_bytes if files == 1 else memory_bytes(limits)
    return limits.evidence_bytes if _expectation(artifact) is None else memory_bytes(limits)


def _chain_case(question: Question, files: Sequence[Path]) -> Case:
    """Take the evidence over the first list; the artifact stands at the end of the chain."""
    first, *rest = question.through
    members = [Member(_file(path, question), path.name) for path in rest]
    artifact = _artifact(question)
    if artifact is not None:
        is_file = artifact.content is not None
        called = question.name or (artifact.name if is_file else "")
        members.append(Member(artifact, called, is_demanded=bool(question.name)))
    signed = _file(first, question)
    if files:
        case = _beside_case(replace(question, name=""), files, signed)
    else:
        case = _signed_list_case(question, first, signed, members)
    chained = (Member(case.artifact, first.name), *members)
    return replace(case, artifact=chained[-1].subject, members=chained)


def _signed_list_case(
    question: Question, path: Path, listed: Subject, members: Sequence[Member]
) -> Case:
    """Take the signature from the list itself; a list that bears none can refute, never prove."""
    content = listed.content
    if isinstance(content, MemoryContent) and holds_what_it_signs(content.content):
        text = _signed_text(content.content, path.name, question.limits) or listed
        return Case(text, (_evidence(content.content, shown(path), text),))
    whole = content.content if isinstance(content, MemoryContent) else b""
    if len(members) == 1 and members[0].name and is_checksum_list(whole):
        return Case(listed, (_evidence(whole, shown(path), members[0].subject),))
    words = f"{display(shown(path))} bears no signature, and none was given with --signature"
    return Case(listed, unread=(Unread("LIST_UNSIGNED", words),))


def _evidence(content: bytes, origin: str, subject: Subject, beside: bytes = b"") -> Evidence:
    return Evidence(
        content, _BYTES, origin, subject, expectation=_expectation(subject), hint=beside
    )


def _expectation(subject: Subject) -> ReleaseExpectation | None:
    start = next(iter(subject.content.chunks()), b"") if subject.content is not None else b""
    return release_expectation(start[:SNIFFED_BYTES])


def _signed_text(content: bytes, name: str, limits: Limits) -> Subject | None:
    """Return the text inside a signed message as a subject; None where it cannot be taken out."""
    text = None if is_signed_text(content) else embedded_message(content)
    try:
        text = text or read_cleartext(content, limit=memory_bytes(limits)).text
    except MalformedError:
        return None  # the format says what is wrong with it
    return Subject(name, (digest_of(text),), MemoryContent(text))
