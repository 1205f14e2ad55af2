"""Whether the name that a timestamp states for its authority is one of the signer's.

RFC 3161 section 2.4.2: the field is a hint, yet where it is present it has to correspond to a name
in the certificate. Who signed is said by the certificate's digest, so names are compared without
regard to case, blanks and kinds of string (RFC 5280 section 7.1), as authorities spell them.
"""

from __future__ import annotations

from collections.abc import Iterator

from cryptography import x509

from core.errors import MalformedError
from verification.readers import der
from verification.readers.der import DerReader

_WHAT = "the name of the timestamp's authority"
_DIRECTORY = der.CONTEXT_CONSTRUCTED + 4
_WIDE = {0x1C: "utf-32-be", 0x1E: "utf-16-be"}  # UniversalString, BMPString

_Name = tuple[frozenset[tuple[str, str]], ...]


def bears_name(signer: x509.Certificate, stated: bytes) -> bool:
    """Say whether a GeneralName, in DER, is the subject of the certificate or beside it."""
    try:
        return _comparable(stated) in map(_comparable, _names(signer))
    except MalformedError:
        return False


def _names(signer: x509.Certificate) -> Iterator[bytes]:
    """Yield the certificate's names as GeneralNames."""
    yield signer.subject.public_bytes()
    try:
        beside = signer.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return
    listed = DerReader(beside.public_bytes(), _WHAT).inside(der.SEQUENCE)
    while listed.tag >= 0:
        yield listed.element()


def _comparable(name: bytes) -> bytes | _Name:
    """Return a name as it is compared: one of a directory by its parts, others as they stand."""
    reader = DerReader(name, _WHAT)
    if reader.tag not in (_DIRECTORY, der.SEQUENCE):
        return name.lower()
    parts = (reader.inside(_DIRECTORY) if reader.tag == _DIRECTORY else reader).inside(der.SEQUENCE)
    found: list[frozenset[tuple[str, str]]] = []
    while parts.tag >= 0:
        found.append(frozenset(_attributes(parts.inside(der.SET))))
    return tuple(found)


def _attributes(listed: DerReader) -> Iterator[tuple[str, str]]:
    while listed.tag >= 0:
        attribute = listed.inside(der.SEQUENCE)
        kind, tag = attribute.oid(), attribute.tag
        text = attribute.octets(tag).decode(_WIDE.get(tag, "utf-8"), errors="replace")
        yield kind, " ".join(text.split()).casefold()
