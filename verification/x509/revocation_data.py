"""Certificate revocation lists and OCSP responses among the trust given. Nothing is fetched.

References: RFC 5280 section 5 (lists), RFC 6960 (OCSP).
"""

from __future__ import annotations

import re
from dataclasses import field
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from core.errors import MalformedError
from core.frozen import dataclass
from core.model import TrustEntry, TrustKind, digest_of
from verification.ssh.revocation import is_revocation_list
from verification.x509.certificates import BROKEN

_PEM_LIST = re.compile(
    rb"-----BEGIN X509 CRL-----[A-Za-z0-9+/=\s]{1,33554432}?-----END X509 CRL-----"
)
_FORMS = "give one CRL as PEM or DER, or one OCSP response as DER"


@dataclass(frozen=True, slots=True)
class RevocationList:
    """One CRL; equal and hashed by its digest alone."""

    name: str = field(compare=False)
    crl: x509.CertificateRevocationList = field(compare=False, repr=False)
    digest: str

    @property
    def next_update(self) -> datetime | None:
        """When the next list is due; None where it does not say."""
        return self.crl.next_update_utc


@dataclass(frozen=True, slots=True)
class OcspAnswer:
    """One successful OCSP response; equal and hashed by its digest alone."""

    name: str = field(compare=False)
    response: ocsp.OCSPResponse = field(compare=False, repr=False)
    digest: str


@dataclass(frozen=True, slots=True)
class Revocations:
    """What says which certificates were withdrawn, and the entries that hold none of it."""

    lists: tuple[RevocationList, ...] = ()
    answers: tuple[OcspAnswer, ...] = ()
    broken: tuple[str, ...] = ()

    @property
    def none_given(self) -> bool:
        """Whether no entry is meant to say anything of revocation."""
        return not (self.lists or self.answers or self.broken)


NONE = Revocations()


def read_revocation(entry: TrustEntry) -> RevocationList | OcspAnswer:
    """Read one entry of kind REVOCATION; raise MalformedError."""
    content, digest = entry.content, str(digest_of(entry.content))
    pem = _PEM_LIST.findall(content)
    if len(pem) > 1:
        raise MalformedError(f"{len(pem)} lists in one entry: {_FORMS}")
    try:
        if pem:
            return RevocationList(entry.name, _checked(x509.load_pem_x509_crl(pem[0])), digest)
        return RevocationList(entry.name, _checked(x509.load_der_x509_crl(content)), digest)
    except BROKEN:
        if pem:
            raise MalformedError(f"not a certificate revocation list: {_FORMS}") from None
    try:
        response = ocsp.load_der_ocsp_response(content)
        state = response.response_status
        if state is ocsp.OCSPResponseStatus.SUCCESSFUL:
            _ = (response.extensions, response.certificates, response.signature_algorithm_oid)
            _ = [_touched(single) for single in response.responses]
    except BROKEN:
        raise MalformedError(f"neither a CRL nor an OCSP response: {_FORMS}") from None
    if state is ocsp.OCSPResponseStatus.SUCCESSFUL and b"\x00" + response.signature not in content:
        raise MalformedError("an OCSP response whose signature is no whole number of bytes")
    if state is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise MalformedError(f"an OCSP response that answers nothing: {state.name.lower()}")
    return OcspAnswer(entry.name, response, digest)


def _checked(crl: x509.CertificateRevocationList) -> x509.CertificateRevocationList:
    """Touch what is read lazily, so that a broken list is found here."""
    _ = (crl.extensions, crl.issuer, crl.last_update_utc, crl.next_update_utc)
    _ = (crl.signature_hash_algorithm, len(crl))
    # Outside the signature, and let vary by the library: the count of unused bits.
    if not crl.public_bytes(Encoding.DER).endswith(b"\x00" + crl.signature):
        raise ValueError("a signature that is no whole number of bytes")
    return crl


def _touched(single: ocsp.OCSPSingleResponse) -> object:
    times = (single.this_update_utc, single.next_update_utc, single.revocation_time_utc)
    return times, single.hash_algorithm, single.revocation_reason, single.certificate_status


def given_revocations(entries: tuple[TrustEntry, ...]) -> Revocations:
    """Read every entry of kind REVOCATION; a broken one is set aside with its error.

    Lists of withdrawn SSH keys are of that kind too and speak of no certificate here.
    """
    return _given(
        tuple(
            each
            for each in entries
            if each.kind is TrustKind.REVOCATION and not is_revocation_list(each.content)
        )
    )


@lru_cache(maxsize=32)
def _given(entries: tuple[TrustEntry, ...]) -> Revocations:
    lists: list[RevocationList] = []
    answers: list[OcspAnswer] = []
    broken: list[str] = []
    for entry in entries:
        try:
            read = read_revocation(entry)
        except MalformedError as error:
            broken.append(f"{entry.name}: {error}")
            continue
        if isinstance(read, RevocationList):
            lists.append(read)
        else:
            answers.append(read)
    return Revocations(tuple(lists), tuple(answers), tuple(broken))
