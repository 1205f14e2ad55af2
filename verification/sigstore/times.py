"""When a bundle was signed: what logs and timestamp authorities of one root prove of it.

A time that the log states counts only with the promise it signed; a timestamp is over the bytes of
the signature. Everything that came along and that the root could judge has to hold: one good proof
does not excuse a bad one beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from core.frozen import dataclass
from verification.cms.timestamps import ProvedTime, verify_timestamp
from verification.fault import Fault
from verification.format import Setting
from verification.keys.public_key import after
from verification.sigstore.bundle import Bundle, LogEntry
from verification.sigstore.log_entry import LOG_STEP, Logged, check_entry
from verification.sigstore.log_keys import LogKey
from verification.sigstore.trusted_root import TrustedRoot
from verification.trail import Trail
from verification.x509.revocation_data import given_revocations

LOG_SOURCE, TIMESTAMP_SOURCE = "transparency-log", "rfc3161"
TIME_STEP, TIMESTAMP_STEP = "time", "timestamp"


@dataclass(frozen=True, slots=True)
class Moment:
    """One proved time: the signature was there `at`, at the latest at `before`."""

    at: datetime
    before: datetime
    source: str
    anchor: str  # fingerprint of the log's key, or of the timestamp authority's anchor


@dataclass(frozen=True, slots=True)
class Times:
    """All that was proved of the time, and the log entries that hold."""

    moments: tuple[Moment, ...] = ()
    logged: tuple[Logged, ...] = ()

    @property
    def first(self) -> Moment | None:
        """The earliest proof: the signature was there by then."""
        return min(self.moments, key=lambda moment: moment.before, default=None)


def prove_times(bundle: Bundle, root: TrustedRoot, setting: Setting, trail: Trail) -> Times | Fault:
    """Check log entries and timestamps under one root, and that its keys counted at those times."""
    # 1. The log, where the root has one.
    logged = _logged(bundle, root, trail)
    if isinstance(logged, Fault):
        return logged
    moments = [_logged_moment(one, one.at) for one in logged if one.at is not None]
    # 2. Timestamps over the signature.
    stamped = _stamped(bundle, root, setting, trail)
    if isinstance(stamped, Fault):
        return stamped
    moments += stamped
    # 3. No proof is of a time to come, and logs counted when they took the entry.
    fault = _future(moments, setting.now)
    counted = fault or _counted(logged, moments, root, setting.now)
    return counted if isinstance(counted, Fault) else Times(tuple(moments), counted)


def _logged(bundle: Bundle, root: TrustedRoot, trail: Trail) -> tuple[Logged, ...] | Fault:
    if not root.demands_log:
        if bundle.entries:
            trail.skipped(LOG_STEP, "the trusted root names no log, so its entries prove nothing")
        return ()
    if not bundle.entries:
        detail = "the trusted root names logs, and the bundle has no entry of any"
        expected = ", ".join(each[0].url for each in root.logs.values()) or "an entry of a log"
        return Fault(LOG_STEP, "LOG_MISSING", detail, expected, "no entry")
    found: list[Logged] = []
    unknown: list[Fault] = []
    for entry in bundle.entries:
        checked = check_entry(entry, bundle.version, root)
        if isinstance(checked, Logged):
            found.append(checked)
            _record(checked, trail)
        elif checked.reason == "LOG_UNKNOWN":
            unknown.append(checked)
        else:
            return checked
    if not found:
        return unknown[0]
    for fault in unknown:
        trail.noted(LOG_STEP, f"{fault.detail}: {fault.found}", reason=fault.reason)
    return tuple(found)


def entries_that_hold(
    bundle: Bundle, roots: Sequence[TrustedRoot], now: datetime, trail: Trail
) -> tuple[Logged, ...] | Fault:
    """Check the entries of logs that one of these roots knows, where nothing demands any.

    One that came along and can be judged has to hold; one of an unknown log proves nothing.
    """
    found: list[Logged] = []
    for entry in bundle.entries:
        checked = [
            _counting(entry, bundle.version, root, now)
            for root in roots
            if root.logs_named(entry.log_id)
        ]
        held = next((one for one in checked if isinstance(one, Logged)), None)
        if held is not None:
            found.append(held)
            _record(held, trail)
        elif checked and isinstance(checked[0], Fault):
            return checked[0]
        else:
            trail.skipped(LOG_STEP, "no trusted root knows its log, so the entry proves nothing")
    return tuple(found)


def _counting(entry: LogEntry, version: str, root: TrustedRoot, now: datetime) -> Logged | Fault:
    checked = check_entry(entry, version, root)
    if isinstance(checked, Fault):
        return checked
    moments = [] if checked.at is None else [_logged_moment(checked, checked.at)]
    counted = _future(moments, now) or _counted((checked,), moments, root, now)
    return counted if isinstance(counted, Fault) else counted[0]


def ends_of(logged: Sequence[Logged]) -> list[tuple[datetime, str]]:
    """Return when entries without a promised time stop to count: with the window of their log."""
    ends = [after(one.log.valid_until) for one in logged if one.at is None]
    return [(end, "LOG_UNKNOWN") for end in ends if end is not None]


def _logged_moment(logged: Logged, at: datetime) -> Moment:
    return Moment(at, at, LOG_SOURCE, logged.log.key.fingerprint)


def _record(logged: Logged, trail: Trail) -> None:
    entry = logged.entry
    if logged.at is not None:
        stated = f"entry {entry.log_index}, taken at {logged.at.isoformat()}"
        trail.passed("log promise", stated, reference="Rekor signed entry timestamp")
    if logged.tree_size:
        held = f"{logged.log.url}, among {logged.tree_size}"
        trail.passed("log inclusion", held, reference="RFC 6962 2.1.1")
        trail.passed("log checkpoint", logged.log.url, reference="C2SP tlog-checkpoint")


def _stamped(
    bundle: Bundle, root: TrustedRoot, setting: Setting, trail: Trail
) -> list[Moment] | Fault:
    if not bundle.timestamps:
        return []
    if not root.judges_timestamps:
        trail.skipped(
            TIMESTAMP_STEP, "the trusted root names no authority of timestamps: they prove nothing"
        )
        return []
    given = given_revocations(setting.trust.entries)
    authorities = tuple(replace(each, revocations=given) for each in root.timestamp_authorities)
    found: list[Moment] = []
    for token in bundle.timestamps:
        proved = verify_timestamp(token, bundle.stamped, authorities, setting.limits)
        if isinstance(proved, Fault):
            return proved
        found.append(_moment(proved))
        trail.passed(TIMESTAMP_STEP, proved.at.isoformat(), reference="RFC 3161")
    return found


def _moment(proved: ProvedTime) -> Moment:
    return Moment(proved.at, proved.before, TIMESTAMP_SOURCE, proved.anchor)


def _future(moments: Sequence[Moment], now: datetime) -> Fault | None:
    last = max((moment.at for moment in moments), default=now)
    if last <= now:
        return None
    detail = "a proof of time speaks of a time that has not come yet"
    expected, found = f"by {now.isoformat()}", last.isoformat()
    return Fault(TIME_STEP, "TIME_IN_FUTURE", detail, expected, found, due_at=last)


def _counted(
    logged: Sequence[Logged], moments: Sequence[Moment], root: TrustedRoot, now: datetime
) -> tuple[Logged, ...] | Fault:
    """Compare each log's window with the time it promised, else with all that is proved.

    A root may list one key with several windows, as it does its authorities: one of them has to
    cover all of it, and the one that ends last is what the entry goes by.
    """
    proved = [moment.at for moment in moments] or [now]
    found: list[Logged] = []
    for one in logged:
        times = [one.at] if one.at is not None else proved
        named = root.logs_named(one.entry.log_id)
        same = [each for each in named if each.key.fingerprint == one.log.key.fingerprint]
        fitting = [each for each in same if all(map(each.counts, times))]
        if not fitting:
            return _outside_window(one.log, times)
        last = max(fitting, key=_end)
        found.append(one if last is one.log else replace(one, log=last))
    return tuple(found)


def _end(log: LogKey) -> datetime:
    return log.valid_until or datetime.max.replace(tzinfo=UTC)


def _outside_window(log: LogKey, times: Sequence[datetime]) -> Fault:
    at = next((each for each in times if not log.counts(each)), times[0])
    ends = log.valid_until.isoformat() if log.valid_until else "any time"
    detail = "the entry is of a time at which the log's key does not count"
    expected = f"from {log.valid_from.isoformat()} until {ends}"
    return Fault(LOG_STEP, "LOG_UNKNOWN", detail, expected, at.isoformat())
