"""Whether the certificates of a chain were withdrawn, by the lists and answers that were given.

Nothing is fetched: `--crl`, `--ocsp` and the settings bring lists and answers as data. A
certificate revoked before the time that counts, or for a compromise at any time, refutes what it
signed. One revoked later for another reason does not, where a trusted proof of time shows that
the signature was there before; without such a proof, the time that counts is now. Where nothing
fresh speaks of a certificate, that is noted, never silently passed over.

Table of what comes of it:

| said of the certificate                      | time proved before it | otherwise    |
|----------------------------------------------|-----------------------|--------------|
| revoked: key, authority compromised          | CERT_REVOKED          | CERT_REVOKED |
| revoked: another reason, or none stated      | noted, see below      | CERT_REVOKED |
| good, fresh                                  | passed                | passed       |
| nothing, out of date, unknown, broken, weak  | noted                 | noted        |

What proves times itself has a stricter rule (RFC 3161 section 4): a timestamp from before counts
on only where one of four reasons is stated, none of which says that the key was lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from itertools import pairwise

from cryptography import x509

from core.model import Check, CheckOutcome
from core.text import display
from verification.fault import Fault
from verification.x509.revocation_crl import list_words
from verification.x509.revocation_data import Revocations
from verification.x509.revocation_ocsp import ocsp_words
from verification.x509.revocation_word import COMPROMISE, LEAVES_TIMESTAMPS, Standing, Word

STEP = "revocation"
_REFERENCE = "RFC 5280 6.3"
_SHOWN_NAME = 120


class RevokedLater(Enum):
    """What a revocation after the proved time of signing means, a compromise apart."""

    NOTED = "noted"
    NOTED_IF_STATED = "noted if stated"  # of authorities for timestamps: RFC 3161 section 4
    REFUSED = "refused"


def judge_revocation(
    links: Sequence[x509.Certificate],
    given: Revocations,
    now: datetime,
    *,
    proved_at: datetime | None = None,
    later: RevokedLater = RevokedLater.NOTED,
    namesakes: Sequence[x509.Certificate] = (),
) -> tuple[Check, ...] | Fault:
    """Return the checks to record for a chain, leaf first and anchor last, or why it is refused.

    The last is the trust itself: it is taken out of the trust, not revoked. An anchor that another
    one issued is looked up like any certificate. `namesakes` certify further keys of the chain's
    authorities, with which they may sign lists.
    """
    broken = tuple(_note(f"cannot be read: {words}", "KEYRING_UNUSABLE") for words in given.broken)
    if not given.lists and not given.answers:
        return (*broken, _note("not checked: no list and no answer was given"))
    if len(links) == 1:
        return (*broken, _note("not checked: the certificate itself was given as an authority"))
    checks: list[Check] = list(broken)
    for certificate, issuer in pairwise(links):
        words = _words(certificate, (issuer, *links[1:], *namesakes), given, now)
        judged = _judge(certificate, words, proved_at, later)
        if isinstance(judged, Fault):
            return judged
        checks.append(judged)
    return tuple(checks)


def _words(
    certificate: x509.Certificate,
    issuers: Sequence[x509.Certificate],
    given: Revocations,
    now: datetime,
) -> list[Word]:
    words: list[Word] = []
    for each in given.lists:
        words += list_words(each, certificate, issuers, now)
    for answer in given.answers:
        words += ocsp_words(answer, certificate, issuers[0], now)
    return words


def _judge(
    certificate: x509.Certificate,
    words: list[Word],
    proved_at: datetime | None,
    later: RevokedLater,
) -> Check | Fault:
    name = display(certificate.subject.rfc4514_string() or "(no name)", _SHOWN_NAME)
    revoked = [word for word in words if word.standing is Standing.REVOKED]
    for word in revoked:
        if _counts(word, proved_at, later):
            return _fault(name, word, proved_at)
    if revoked:
        since, why = _spelled(revoked[0])
        return _note(f"{name} was revoked {since} ({why}), after the time that is proved")
    good = next((word for word in words if word.standing is Standing.GOOD), None)
    if good is not None:
        words_of = f"{name} is not revoked, {good.detail}"
        return Check(STEP, CheckOutcome.PASSED, words_of, "", _REFERENCE)
    if words:
        return _note(f"of {name} not checked: {words[0].source} does not count: {words[0].detail}")
    return _note(f"of {name} not checked: nothing that was given speaks of it")


def _counts(word: Word, proved_at: datetime | None, later: RevokedLater) -> bool:
    """Say whether a revocation refutes a signature of that time."""
    if proved_at is None or word.at is None or word.at <= proved_at:
        return True
    if later is RevokedLater.NOTED_IF_STATED:
        return word.reason not in LEAVES_TIMESTAMPS
    return word.reason in COMPROMISE or later is RevokedLater.REFUSED


def _fault(name: str, word: Word, proved_at: datetime | None) -> Fault:
    since, why = _spelled(word)
    signed = f"signed at {proved_at.isoformat()}" if proved_at else "no proof of time"
    return Fault(
        STEP,
        "CERT_REVOKED",
        f"{name} was revoked {since} ({why}), says {word.source}",
        "certificates that were in good standing when they signed",
        f"revoked {since}, {signed}",
        _REFERENCE,
    )


def _spelled(word: Word) -> tuple[str, str]:
    since = f"at {word.at.isoformat()}" if word.at else "at a time that is not stated"
    return since, word.reason.value if word.reason is not None else "no reason stated"


def _note(words: str, reason: str = "") -> Check:
    return Check(STEP, CheckOutcome.NOTED, f"revocation {words}", reason)
