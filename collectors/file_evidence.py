"""Which files of one folder speak for which others: signatures beside a file, checksum lists.

Nothing is judged here, and no name decides what bytes are: a suffix only says where to look. What
the bytes claim to be, a format recognises from the bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice

from collectors.file_content import FileContent, shown
from core.checksums import Readings, read_checksums
from core.cleartext import MESSAGE_BEGIN, read_cleartext
from core.errors import CollectionError, MalformedError
from core.json_lines import attestations_in
from core.limits import Limits
from core.model import (
    ARTIFACT_HEAD,
    Evidence,
    EvidenceSet,
    IndexKept,
    MemoryContent,
    Subject,
    Unread,
    digest_of,
)

SIGNATURES = (
    ".asc",
    ".sig",
    ".minisig",
    ".p7s",
    ".tsr",
    ".prov",
    ".sigstore.json",
    ".sigstore",
    ".sigstore.jsonl",
    ".bundle",
    ".intoto.jsonl",
    ".att",
    ".provenance",
    ".publish.attestation",
)
LIST_SIGNATURES = (
    *SIGNATURES,
    ".gpg",
    ".sign",
)  # beside other files these are mostly no signatures
CERTIFICATES = (".pem", ".crt", ".cert")
CHECKSUM_SUFFIX = re.compile(r"\.sha(256|384|512)(sums?)?\Z", re.IGNORECASE)
CHECKSUM_LIST = re.compile(
    r"((sha(256|384|512)|b2)sums?(\.txt)?"
    # `app_1.0_SHA256SUMS` of HashiCorp, `SHASUMS256.txt` of Node.js
    r"|(.*[._-])?((sha(256|384|512)|b2)sums|shasums(256|384|512)|checksums(?=\.txt))(\.txt)?"
    # OpenBSD, CentOS, Fedora; in small letters these are programs
    r"|(?-i:SHA(256|384|512)|CHECKSUMS?|.*-CHECKSUM)"
    r"|.+\.sha(256|384|512)(sums?)?)\Z",
    re.IGNORECASE,
)
# What `gh attestation download` calls its file, on Windows with a dash.
BY_DIGEST = re.compile(r"(sha256|sha512)[:-]([0-9a-f]{64}|[0-9a-f]{128})\.jsonl\Z")
SIGNED_OVER = ("sha256", "sha384", "sha512")  # kept, so that another key can be tried later
CHECKSUMS = "text/x-checksums"
SIGNED_TEXT = "text/plain; openpgp-cleartext"
LISTS_SHOWN = 20
SHARED_KEY_BYTES = 1024  # a longer key could not be kept, and with it what the lists name
_MEDIA_TYPES = (  # how the bytes begin → what they claim to be
    (b"-----BEGIN PGP SIGNATURE-----", "application/pgp-signature"),
    (b"-----BEGIN SSH SIGNATURE-----", "application/x-ssh-signature"),
    (b"-----BEGIN PKCS7-----", "application/pkcs7-signature"),
    (b"-----BEGIN CMS-----", "application/pkcs7-signature"),
    (b"untrusted comment:", "application/x-minisign"),
    (b"{", "application/json"),
)


def claimed_media_type(content: bytes) -> str:
    """Return what the first bytes claim to be; a bare signature claims nothing."""
    start = content[:256].lstrip()
    for beginning, media_type in _MEDIA_TYPES:
        if start.startswith(beginning):
            return media_type
    return "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of a signed checksum list, and what its digest may be."""

    list_name: str
    readings: Readings


class Neighbours:
    """The files of one folder (name → content) and what each is to the others.

    `artifacts` are in order of name. `unread` becomes true when something beside a file could not
    be read: what was found is then not the whole story.
    """

    def __init__(self, unit: str, files: Mapping[str, FileContent], limits: Limits) -> None:
        self.unit, self.files, self.limits = unit, files, limits
        self.unread = False
        self._subjects: list[FileContent] = []
        self._kept: set[str] = set()  # lists whose bytes were told already
        self._lines: dict[str, list[Listed]] = {}
        self._broken: dict[str, Unread] = {}  # signed lists that cannot be read
        found = {name: BY_DIGEST.match(name) for name in files}
        self._digests = {name: (one[1], one[2]) for name, one in found.items() if one}
        self._by_digest: dict[str, list[str]] = {}
        for name, digest in self._digests.items():
            self._by_digest.setdefault(":".join(digest), []).append(name)
        self._hashed_by = {algorithm for algorithm, _ in self._digests.values()}
        self._claimed: set[str] = set()  # named by the digest of a file that is here
        rest = [name for name in files if not self._is_evidence(name)]
        self._signed_texts: set[str] = set()  # lists with their signature around them
        self.artifacts: list[str] = []
        self._lists: list[str] = []  # that may name any file
        self._own_lists: dict[str, list[str]] = {}  # beside `app`, `app.sha256` is about it only
        for name in rest:
            self._sort(name)
        self._broken_lists = [self._broken[name] for name in self._lists if name in self._broken]

    def _sort(self, name: str) -> None:
        """Tell lists from artifacts, and read those that are signed."""
        of = CHECKSUM_SUFFIX.sub("", name)
        is_about_one = of != name and of in self.files
        is_signed = self._has_any(name, LIST_SIGNATURES)
        if not (is_signed or is_about_one) and self._is_signed_text(name):
            self._signed_texts.add(name)
        elif not CHECKSUM_LIST.match(name):
            self.artifacts.append(name)
            return
        if is_about_one:
            self._own_lists.setdefault(of, []).append(name)
        else:
            self._lists.append(name)
        if is_signed or name in self._signed_texts:
            self._read_list(name)

    def _is_signed_text(self, name: str) -> bool:
        """Say whether it is a list with its signature around it, as Fedora and kernel.org do."""
        if not CHECKSUM_LIST.match(name.removesuffix(".asc")):
            return False
        try:
            return self._read(name).startswith(MESSAGE_BEGIN)
        except (CollectionError, MalformedError):
            return False

    def unclaimed(self) -> Iterator[str]:
        """Yield what is named by the digest of no artifact, once all of them were looked at."""
        yield from (name for name in self._digests if name not in self._claimed)

    def algorithms(self, name: str) -> set[str]:
        """Return what to hash a file by: what lists say of it, what signatures are made over."""
        signed = SIGNED_OVER if self._has_any(name, LIST_SIGNATURES) else SIGNED_OVER[:1]
        return {
            *signed,
            *(one.algorithm for each in self._lines.get(name, ()) for one in each.readings),
            *self._hashed_by,
        }

    def set_key(self, name: str, path: str) -> str:
        """Return the lasting key: one set for all files that only the same lists vouch for."""
        agreeing, other = self._compare(name)
        beside = self._has_any(name, SIGNATURES) or bool(self._named_by_digest(name))
        own = beside or bool(self.files[name].head())
        if agreeing and not (own or other or self._broken_for(name)):
            # No path holds two slashes in a row, so no two sets share a key.
            key = f"list:{self.unit}/" + "//".join(listed.list_name for listed in agreeing)
            if len(key.encode("utf-8", "surrogatepass")) <= SHARED_KEY_BYTES:
                return key
        return f"file:{path}"

    def evidence_set(self, name: str, key: str) -> EvidenceSet:
        """Read everything that vouches for the file, at most `limits.signatures` pieces."""
        evidence: list[Evidence] = []
        unread: list[Unread] = []
        most = self.limits.signatures
        for piece in self._vouching(name):
            if isinstance(piece, Unread):
                unread.append(piece)
            elif len(evidence) < most:
                evidence.append(piece)
            else:
                sentence = f"more than {most} pieces of evidence (limits.signatures)"
                unread.append(Unread("TOO_LARGE", sentence))
                break
        self.unread |= bool(unread)
        # What lies within may turn out to be no evidence at all.
        found = bool(unread) or any(not one.is_inside for one in evidence)
        looked = () if found else self._looked(name)
        return EvidenceSet(key, tuple(evidence), looked=looked, unread=tuple(unread))

    def lists_behind(self, name: str) -> Iterator[IndexKept]:
        """Yield the signed lists that name the file as we hashed it, each once, to be kept.

        Their signatures are kept as evidence: whoever repeats a verification needs both.
        """
        for listed in self._compare(name)[0]:
            if listed.list_name not in self._kept and listed.list_name not in self._signed_texts:
                content = self._read(listed.list_name)
                self._kept.add(listed.list_name)
                path = self._path(listed.list_name)
                yield IndexKept(path, digest_of(content), CHECKSUMS, MemoryContent(content))

    def drop_copies(self) -> None:
        """Remove what the last set's verification needed copies of."""
        while self._subjects:
            self._subjects.pop().drop_copy()

    def _vouching(self, name: str) -> Iterator[Evidence | Unread]:
        agreeing, contradicting = self._compare(name)
        # 1. Signatures of the file itself.
        subject = self._subject(name)
        yield from self._beside(name, SIGNATURES, subject)
        # 2. Signatures of lists that name it with the digest we computed. The subject is the list:
        #    one verification for all it names. No ListLink, for nothing is believed from the list.
        for listed in agreeing:
            if listed.list_name in self._signed_texts:
                yield self._signed_text(listed.list_name)
                continue
            of_list = self._subject(listed.list_name)
            yield from self._beside(listed.list_name, LIST_SIGNATURES, of_list)
        # 3. Signed lists that say something else of it: never evidence for it, only against.
        for listed in contradicting:
            yield self._contradiction(listed.list_name, subject)
        # 4. Signed lists that may name it, for all we know.
        yield from self._broken_for(name)
        # 5. The file itself. Last, so that it never takes the place of what lies beside it.
        head = self.files[name].head()
        if head:
            yield Evidence(head, ARTIFACT_HEAD, self._path(name), subject)

    def _beside(
        self, name: str, suffixes: tuple[str, ...], subject: Subject
    ) -> Iterator[Evidence | Unread]:
        origins = [name + suffix for suffix in suffixes if name + suffix in self.files]
        for origin in (*origins, *self._named_by_digest(name)):
            try:
                content = self._read(origin)
                hint = self._certificate(name) if origin == f"{name}.sig" else b""
            except (CollectionError, MalformedError) as error:
                yield Unread(error.reason, str(error))
                continue
            media_type = claimed_media_type(content)
            for document in self._documents(content, origin):
                yield Evidence(document, media_type, self._path(origin), subject, hint=hint)

    def _named_by_digest(self, name: str) -> list[str]:
        """Return the files that say by their name that they are about one with this content."""
        if not self._by_digest:
            return []
        ours = map(str, self.files[name].digests(self.algorithms(name)))
        found = [origin for digest in ours for origin in self._by_digest.get(digest, ())]
        self._claimed.update(found)
        return found

    def _documents(self, content: bytes, origin: str) -> list[bytes]:
        # JSON lines hold an envelope each. One piece more than allowed says that there are more.
        most = self.limits.signatures
        if not origin.endswith(".jsonl"):
            return attestations_in(content, self.limits)
        return [line for line in content.split(b"\n", most) if line.strip()] or [content]

    def _certificate(self, name: str) -> bytes:
        for suffix in CERTIFICATES:
            if name + suffix in self.files:
                return self._read(name + suffix)
        return b""

    def _signed_text(self, list_name: str) -> Evidence | Unread:
        try:
            content, text = self._read(list_name), self._list(list_name)
        except (CollectionError, MalformedError) as error:
            return Unread(error.reason, str(error))
        subject = Subject(shown(list_name), (digest_of(text),), MemoryContent(text))
        return Evidence(content, SIGNED_TEXT, self._path(list_name), subject)

    def _contradiction(self, list_name: str, subject: Subject) -> Evidence | Unread:
        try:
            content = self._list(list_name)
        except (CollectionError, MalformedError) as error:
            return Unread(error.reason, str(error))
        return Evidence(content, CHECKSUMS, self._path(list_name), subject)

    def _read(self, name: str) -> bytes:
        return self.files[name].read(self.limits.evidence_bytes, "limits.evidence_bytes")

    def _list(self, name: str) -> bytes:
        """Return what a list says: of one inside a signed message, what is signed of it."""
        content = self._read(name)
        if name not in self._signed_texts:
            return content
        return read_cleartext(content, limit=self.limits.evidence_bytes).text

    def _read_list(self, list_name: str) -> None:
        try:
            lines = read_checksums(self._list(list_name), self.limits)
        except (CollectionError, MalformedError) as error:
            self._broken[list_name] = Unread(error.reason, str(error))
            return
        for name, readings in lines.items():
            if name in self.files:
                self._lines.setdefault(name, []).append(Listed(list_name, readings))

    def _compare(self, name: str) -> tuple[list[Listed], list[Listed]]:
        agreeing: list[Listed] = []
        contradicting: list[Listed] = []
        for listed in self._lines.get(name, ()):
            content = self.files[name]
            agrees = any(content.digest(one.algorithm) == one for one in listed.readings)
            (agreeing if agrees else contradicting).append(listed)
        return agreeing, contradicting

    def _subject(self, name: str) -> Subject:
        content = self.files[name]
        self._subjects.append(content)
        return Subject(shown(name), content.digests(self.algorithms(name)), content)

    def _looked(self, name: str) -> tuple[str, ...]:
        tried = [shown(name + suffix) for suffix in SIGNATURES]
        for list_name in islice(chain(self._own_lists.get(name, ()), self._lists), LISTS_SHOWN):
            signed = list_name in self._signed_texts or self._has_any(list_name, LIST_SIGNATURES)
            why = "does not name it" if signed else "has no signature beside it"
            tried.append(f"{shown(list_name)} ({why})")
        return tuple(tried)

    def _broken_for(self, name: str) -> list[Unread]:
        own = [self._broken[each] for each in self._own_lists.get(name, ()) if each in self._broken]
        return own + self._broken_lists

    def _path(self, name: str) -> str:
        return shown(name) if self.unit == "." else f"{self.unit}/{shown(name)}"

    def _has_any(self, name: str, suffixes: tuple[str, ...]) -> bool:
        return any(name + suffix in self.files for suffix in suffixes)

    def _is_evidence(self, name: str) -> bool:
        if name in self._digests:
            return True
        for suffix in (*LIST_SIGNATURES, *CERTIFICATES):
            of = name.removesuffix(suffix)
            if of == name or of not in self.files:
                continue
            if suffix in SIGNATURES or (suffix in CERTIFICATES and of + ".sig" in self.files):
                return True
            if suffix in LIST_SIGNATURES and CHECKSUM_LIST.match(of):
                return True
        return False
