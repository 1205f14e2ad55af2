"""Identities written as parts of a certificate's subject: `x509.subject: C=US, ST=WA, O=acme`.

Reference: Notary Project trust policy specification, "Trusted Identities Constraints". The identity
matches where every part that it names stands in the subject, as the only one of its type, with
exactly that value. Country, state and organisation have to be among them: less would match
strangers.
"""

from __future__ import annotations

import re

from cryptography import x509

PREFIX = "x509.subject:"
_REQUIRED = frozenset({"C", "ST", "O"})
# The last two as Notation shows them; RFC 4514 has no names for these types.
_ALIASES = {"S": "ST", "SERIALNUMBER": "2.5.4.5", "POSTALCODE": "2.5.4.17"}
# RFC 4514 section 3: a byte in hex, an escaped character, or a plain one.
_CHARACTER = re.compile(r'\\([0-9A-Fa-f]{2})|\\([,;\\ +="<>#])|([^\\])', re.DOTALL)


def is_subject_identity(identity: str) -> bool:
    """Say whether an identity names parts of a subject."""
    return identity.startswith(PREFIX)


def subject_matches(identity: str, subject: str) -> bool:
    """Say whether a subject, as RFC 4514 writes it, has all the parts that an identity names."""
    wanted = _parts(identity.removeprefix(PREFIX))
    if wanted is None or not wanted.keys() >= _REQUIRED:
        return False
    stated = _subject_parts(subject)
    return stated is not None and wanted.items() <= stated.items()


def _parts(text: str) -> dict[str, str] | None:
    """Split `C=US, O=acme` at its commas that are not escaped; None where it is no such list."""
    found: dict[str, str] = {}
    for part in _split(text):
        kind, equals, value = part.partition("=")
        name = _ALIASES.get(kind.strip().upper(), kind.strip().upper())
        plain = _unescaped(value)
        if not equals or not name or not plain or name in found:
            return None
        found[name] = plain
    return found


def _split(text: str) -> list[str]:
    parts, start, at = [], 0, 0
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == ",":
            parts.append(text[start:at])
            start = at + 1
        at += 1
    return [*parts, text[start:]]


def _unescaped(value: str) -> str | None:
    """Take blanks around a value off, then its escapes; None where an escape is none."""
    value = value.lstrip(" ")
    plain, at, end = bytearray(), 0, 0  # end: up to where blanks may not be taken off
    while at < len(value):
        found = _CHARACTER.match(value, at)
        if found is None:
            return None
        pair, escaped, letter = found.groups()
        plain += (
            bytes.fromhex(pair) if pair else (escaped or letter).encode("utf-8", "surrogatepass")
        )
        end = end if letter == " " else len(plain)
        at = found.end()
    try:
        return plain[:end].decode()
    except UnicodeDecodeError:
        return None


def _subject_parts(subject: str) -> dict[str, str] | None:
    try:
        name = x509.Name.from_rfc4514_string(subject)
    except ValueError:
        return None
    found: dict[str, str] = {}
    for attribute in name:
        kind = attribute.rfc4514_attribute_name.upper()
        if kind in found or not isinstance(attribute.value, str):
            return None  # two of a type: which one was meant cannot be told
        found[kind] = attribute.value
    return found
