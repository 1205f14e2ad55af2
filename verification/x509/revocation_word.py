"""What one CRL or OCSP response says of one certificate, once its signature was checked.

References: RFC 5280 sections 5.2.5 (which certificates a list covers), 5.3 (its entries), 6.3;
RFC 6960 sections 3.2 and 4.2 (who may answer, for how long).

A word that a certificate is good counts only while it is fresh, covers the certificate and is
signed with a strong hash. A word that it was revoked counts longer: certificates that were
withdrawn do not come back, those on hold apart.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum

from cryptography import x509

from core.frozen import dataclass

UNDATED_FOR = timedelta(days=7)  # a list or answer that states no end counts this long
COMPROMISE = frozenset(
    {
        x509.ReasonFlags.key_compromise,
        x509.ReasonFlags.ca_compromise,
        x509.ReasonFlags.aa_compromise,
    }
)
# The reasons after which a timestamp from before still counts: RFC 3161 section 4 (1).
LEAVES_TIMESTAMPS = frozenset(
    {
        x509.ReasonFlags.unspecified,
        x509.ReasonFlags.affiliation_changed,
        x509.ReasonFlags.superseded,
        x509.ReasonFlags.cessation_of_operation,
    }
)


class Standing(Enum):
    """What is said of a certificate."""

    GOOD = "good"
    REVOKED = "revoked"
    UNSURE = "unsure"  # it may be meant, but nothing follows for it


@dataclass(frozen=True, slots=True)
class Word:
    """One word on one certificate; `at` is since when it is revoked, `source` who says so."""

    standing: Standing
    source: str
    detail: str = ""
    at: datetime | None = None
    reason: x509.ReasonFlags | None = None


def is_fresh(begins: datetime, ends: datetime | None, now: datetime) -> bool:
    """Say whether something said at `begins`, good until `ends`, still counts."""
    return begins <= now and not is_over(begins, ends, now)


def is_over(begins: datetime, ends: datetime | None, now: datetime) -> bool:
    """Say whether a later word was due; one of a clock ahead of ours, the newest, is not over."""
    return now > (ends if ends is not None else begins + UNDATED_FOR)
