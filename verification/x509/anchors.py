"""The certificates that paths may end at, and how the library gets to see them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import field
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from core.frozen import dataclass
from verification.x509.certificates import certified_spki
from verification.x509.usage import is_unknown_critical, unknown_critical

_KEPT = 256
_NOBODY = Ed25519PrivateKey.from_private_bytes(bytes(32))


@dataclass(frozen=True, slots=True)
class Anchors:
    """Certificates that paths may end at; equal and hashed by their digests alone."""

    certificates: tuple[x509.Certificate, ...] = field(compare=False)
    digest: bytes

    @classmethod
    def of(cls, certificates: Iterable[x509.Certificate]) -> Anchors:
        """Gather certificates, each once, in the order given."""
        distinct = tuple(dict.fromkeys(certificates))
        return cls(distinct, _digest(distinct))


@lru_cache(maxsize=64)
def _digest(certificates: tuple[x509.Certificate, ...]) -> bytes:
    hashed = hashlib.sha256()
    for certificate in certificates:
        hashed.update(hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest())
    return hashed.digest()


@lru_cache(maxsize=_KEPT)
def by_subject(anchors: Anchors) -> dict[x509.Name, list[x509.Certificate]]:
    """Return the anchors by their names."""
    found: dict[x509.Name, list[x509.Certificate]] = {}
    for each in anchors.certificates:
        found.setdefault(each.subject, []).append(each)
    return found


@lru_cache(maxsize=_KEPT)
def stand_ins(anchors: Anchors) -> dict[x509.Certificate, x509.Certificate]:
    """Return the anchors as the library gets to see them, and what each of them stands for."""
    return {_without_unknown(each): each for each in anchors.certificates}


def _without_unknown(anchor: x509.Certificate) -> x509.Certificate:
    """Return an anchor without the critical extensions that the library does not know.

    An anchor is a name and a key (RFC 5280 section 6.1.1): what its certificate says besides is no
    part of the path, and Debian's authority for booting says something of Netscape's.
    """
    if not unknown_critical(anchor):
        return anchor
    try:
        made = (
            x509.CertificateBuilder()
            .subject_name(anchor.subject)
            .issuer_name(anchor.issuer)
            .public_key(anchor.public_key())
            .serial_number(anchor.serial_number)
            .not_valid_before(anchor.not_valid_before_utc)
            .not_valid_after(anchor.not_valid_after_utc)
        )
        for extension in anchor.extensions:
            if not is_unknown_critical(extension):
                made = made.add_extension(extension.value, extension.critical)
        stand_in = made.sign(_NOBODY, None)  # nobody looks at an anchor's own signature
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return anchor
    return stand_in if certified_spki(stand_in) == certified_spki(anchor) else anchor
