"""Who may prove times: the authorities of a Sigstore trusted root, or among given certificates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509

from core.frozen import dataclass
from verification.x509.anchors import Anchors
from verification.x509.chain import Authorities
from verification.x509.revocation_data import NONE, Revocations
from verification.x509.usage import is_issuer


@dataclass(frozen=True, slots=True)
class TimestampAuthority:
    """Who may prove times, in a closed window; None is open.

    Paths end at `anchors` and may lead through `others`. Where `signer` is given, the timestamp
    must be signed under exactly that certificate (a Sigstore trusted root names it).
    """

    anchors: Anchors
    others: tuple[x509.Certificate, ...] = ()
    signer: x509.Certificate | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    revocations: Revocations = NONE

    def counts(self, at: datetime) -> bool:
        """Say whether a time lies in the window."""
        early = self.valid_from is not None and at < self.valid_from
        late = self.valid_until is not None and at > self.valid_until
        return not (early or late)

    def certificates(self) -> tuple[x509.Certificate, ...]:
        """Return all certificates at hand here."""
        pinned = (self.signer,) if self.signer is not None else ()
        return (*pinned, *self.others, *self.anchors.certificates)


def chain_authority(
    certificates: Sequence[x509.Certificate],
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
) -> TimestampAuthority:
    """Return the authority of a Sigstore trusted root's chain: its signer first, its root last."""
    first, last = certificates[0], certificates[-1]
    signer = None if is_issuer(first) else first
    others = tuple(certificates[1:-1] if signer is not None else certificates[:-1])
    return TimestampAuthority(Anchors.of([last]), others, signer, valid_from, valid_until)


def given_timestamp_authorities(given: Authorities) -> tuple[TimestampAuthority, ...]:
    """Return the authorities among given certificates: each is an anchor in its own window."""
    windows: dict[tuple[datetime | None, datetime | None], list[x509.Certificate]] = {}
    for member in given.members:
        windows.setdefault((member.valid_from, member.valid_until), []).append(member.certificate)
    return tuple(
        TimestampAuthority(Anchors.of(certificates), (), None, *window, given.revocations)
        for window, certificates in windows.items()
    )
