"""An image kept as a folder: its manifest and the signatures stored beside it.

The form is the one containers/image calls `dir:`: `manifest.json` is the artifact, and each
`signature-N` (N from 1) is one piece of evidence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from core.errors import UsageError
from core.limits import Limits
from core.model import Evidence, MemoryContent, Subject, Unread, digest_of
from core.text import display
from jobs.verify_inputs import read_file

MANIFEST = "manifest.json"
MEDIA_TYPE = "application/octet-stream"
_SIGNATURE = re.compile(r"signature-([1-9][0-9]{0,8})\Z")


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """What an image folder holds."""

    subject: Subject
    evidence: tuple[Evidence, ...]
    unread: tuple[Unread, ...]


def is_image_folder(names: Sequence[str]) -> bool:
    """Say whether a folder with these names in it is one; an OCI layout is another thing."""
    if "oci-layout" in names:
        return False
    return MANIFEST in names or any(_SIGNATURE.match(name) for name in names)


def folder_names(folder: Path, limits: Limits) -> list[str]:
    """Return the names in a folder, at most `files` of them."""
    try:
        return [path.name for path in islice(folder.iterdir(), limits.files)]
    except OSError as error:
        raise UsageError(f"{display(str(folder))}: {error.strerror or 'cannot be read'}") from None


def read_image_folder(folder: Path, name: str, names: Sequence[str], limits: Limits) -> ImageFolder:
    """Read the manifest and at most `limits.signatures` signatures, in order of their numbers."""
    subject = Subject(name, ())
    unread: list[Unread] = []
    if MANIFEST in names:
        manifest = read_file(folder / MANIFEST, limits.document_bytes)
        if len(manifest) > limits.document_bytes:
            words = f"the manifest has more than {limits.document_bytes} bytes (document_bytes)"
            unread.append(Unread("TOO_LARGE", words))
        else:
            subject = Subject(name, (digest_of(manifest),), MemoryContent(manifest))
    numbers = sorted(int(found[1]) for each in names if (found := _SIGNATURE.match(each)))
    if len(numbers) > limits.signatures:
        words = f"{len(numbers)} signatures, more than {limits.signatures} (signatures)"
        unread.append(Unread("TOO_LARGE", words))
    evidence = tuple(
        Evidence(
            read_file(folder / f"signature-{number}", limits.evidence_bytes),
            MEDIA_TYPE,
            f"signature-{number}",
            subject,
        )
        for number in numbers[: limits.signatures]
    )
    return ImageFolder(subject, evidence, tuple(unread))
