"""What apt demands of a Release beyond its signature: the right suite, the right time.

Called once the signature over the Release holds. Nothing that a source entry asks to be waived is
waived: such flags are noted beside the checks and change nothing.

References: the Debian repository format, "Release files"; apt-secure(8); sources.list(5).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import UTC, datetime, timedelta

from core.deb822 import listed_files, parse_date, read_stanza
from core.errors import MalformedError
from core.frozen import dataclass
from core.model import Check, CheckOutcome, ReleaseExpectation
from core.naming import numbered
from core.text import display

AHEAD = timedelta(hours=1)  # how far the archive's clock may be ahead of ours
_FORMAT = "Debian repository format: "
_LAST = datetime.max.replace(tzinfo=UTC)
_CLAIMS = ("suite", "codename", "origin", "label")


@dataclass(frozen=True, slots=True)
class ReleaseJudgement:
    """What the checks gave; `reason` is empty when all passed, else the first failure's code."""

    checks: tuple[Check, ...]
    reason: str = ""
    detail: str = ""
    expected: str = ""
    found: str = ""
    claims: Mapping[str, str] = field(default_factory=dict)
    due_at: datetime | None = None
    due_reason: str = ""


@dataclass(frozen=True, slots=True)
class _Step:
    """One check together with what was expected and found."""

    check: Check
    expected: str = ""
    found: str = ""


@dataclass(frozen=True, slots=True)
class _Release:
    """The fields that are judged, read; `valid_until` is the source's where that is earlier."""

    fields: Mapping[str, str]
    date: datetime
    valid_until: datetime | None
    names: int  # files it names with a strong digest


def judge_release(
    content: bytes, expectation: ReleaseExpectation, now: datetime
) -> ReleaseJudgement:
    """Check a Release whose signature holds against what the source asked for; never raise."""
    notes = tuple(_note(flag) for flag in expectation.flags)
    try:
        release = _read(content, expectation.most_age)
    except MalformedError as error:
        check = Check(
            "release: readable, with a date",
            CheckOutcome.FAILED,
            str(error),
            "MALFORMED",
            _FORMAT + "Release files",
        )
        return ReleaseJudgement(
            (check, *notes), "MALFORMED", str(error), "a Release with a Date", str(error)
        )
    steps = tuple(_steps(release, expectation, now))
    checks = (*(step.check for step in steps), *notes)
    failed = next((step for step in steps if step.check.outcome is CheckOutcome.FAILED), None)
    if failed is not None:
        return ReleaseJudgement(
            checks,
            failed.check.reason,
            failed.check.detail,
            failed.expected,
            failed.found,
            _claims(release),
        )
    due_reason = "METADATA_EXPIRED" if release.valid_until else ""
    return ReleaseJudgement(
        checks, claims=_claims(release), due_at=release.valid_until, due_reason=due_reason
    )


def matches_suite(asked: str, stated: tuple[str, ...]) -> bool:
    """Say whether a Release that states these names is the suite asked for, by apt's rule.

    The name itself, or what stands before its last slash: `bookworm/updates` may state `bookworm`.
    A flat suite is a path, so the plain ones (`/`, `./`) name nothing that could differ.
    """
    if asked in stated:
        return True
    before = asked.rpartition("/")[0] if "/" in asked else asked
    return before in ("", ".") or before in stated


def _read(content: bytes, most_age: timedelta | None) -> _Release:
    fields = read_stanza(content)
    if not fields.get("date"):
        raise MalformedError("the Release states no Date")
    date = parse_date(fields["date"])
    ends = [parse_date(fields["valid-until"])] if fields.get("valid-until") else []
    if most_age is not None and date <= _LAST - most_age:
        ends.append(date + most_age)
    return _Release(fields, date, min(ends, default=None), len(listed_files(fields)))


def _steps(release: _Release, asked: ReleaseExpectation, now: datetime) -> Iterator[_Step]:
    # 1. It says when it was made: without that neither replay nor rollback could be seen.
    yield _passed("release: readable, with a date", release.date.isoformat(), "Date")
    # 2. It is the suite that was asked for, not another one signed by the same key.
    yield _suite(release, asked.suite)
    # 3. It may still be believed.
    yield _validity(release, now)
    # 4. It is no older than what was accepted before.
    yield _rollback(release, asked.not_before)
    # 5. It is not from the future, which would shut out every honest Release until then.
    yield _future(release, now)
    # 6. It names its lists by digests that still mean something.
    yield _strength(release)


def _suite(release: _Release, asked: str) -> _Step:
    step, section = "release: the suite that was asked for", "Suite, Codename"
    stated = tuple(filter(None, (release.fields.get("suite"), release.fields.get("codename"))))
    if matches_suite(asked, stated):
        shown = " / ".join(stated) or "names no suite"
        return _passed(step, f"asked for {display(asked)}: {display(shown)}", section)
    if asked.endswith("/") and not stated:
        # A path is not a name, and a Release that names no suite cannot be taken for another.
        return _passed(step, f"{display(asked)} is a path and the Release names no suite", section)
    found = display(" / ".join(stated)) or "neither Suite nor Codename"
    detail = f"the Release is of {found}, asked for was {display(asked)}"
    return _failed(step, "SUBJECT_MISMATCH", detail, section, expected=display(asked), found=found)


def _validity(release: _Release, now: datetime) -> _Step:
    step, section = "release: Valid-Until has not passed", "Valid-Until"
    until = release.valid_until
    if until is None:
        check = Check(step, CheckOutcome.SKIPPED, "it states none", "", _FORMAT + section)
        return _Step(check)
    if now < until:
        return _passed(step, f"until {until.isoformat()}", section)
    detail = f"the Release was to be believed until {until.isoformat()}"
    expected = f"a Release valid at {now.isoformat()}"
    return _failed(
        step, "METADATA_EXPIRED", detail, section, expected=expected, found=until.isoformat()
    )


def _rollback(release: _Release, not_before: datetime | None) -> _Step:
    step = "release: not older than the last one accepted"
    if not_before is None:
        check = Check(step, CheckOutcome.SKIPPED, "none was accepted before", "", "apt-secure(8)")
        return _Step(check)
    if release.date >= not_before:
        return _passed(step, f"accepted before: {not_before.isoformat()}", "Date")
    detail = f"made {release.date.isoformat()}, accepted before was {not_before.isoformat()}"
    expected = f"{not_before.isoformat()} or later"
    return _failed(
        step, "METADATA_ROLLBACK", detail, "Date", expected=expected, found=release.date.isoformat()
    )


def _future(release: _Release, now: datetime) -> _Step:
    step = "release: not dated in the future"
    if release.date <= now + AHEAD:
        return _passed(step, release.date.isoformat(), "Date")
    detail = f"made {release.date.isoformat()}, more than {AHEAD} after {now.isoformat()}"
    expected = f"{(now + AHEAD).isoformat()} or earlier"
    return _failed(
        step, "TIME_IN_FUTURE", detail, "Date", expected=expected, found=release.date.isoformat()
    )


def _strength(release: _Release) -> _Step:
    step, section = "release: lists are named by SHA-256 or SHA-512", "MD5Sum, SHA1, SHA256"
    if release.names:
        return _passed(step, numbered(release.names, "file"), section)
    weak = [name for name in ("md5sum", "sha1") if release.fields.get(name)]
    found = ", ".join(weak) or "no digests at all"
    detail = "the Release has no SHA256 or SHA512 section that names a file"
    return _failed(
        step, "ALGORITHM_WEAK", detail, section, expected="SHA256 or SHA512", found=found
    )


def _claims(release: _Release) -> dict[str, str]:
    claims = {name: release.fields[name] for name in _CLAIMS if release.fields.get(name)}
    claims["date"] = release.date.isoformat()
    if release.valid_until:
        claims["valid_until"] = release.valid_until.isoformat()
    claims["acquire_by_hash"] = release.fields.get("acquire-by-hash", "no").lower()
    return claims


def _note(flag: str) -> Check:
    return Check(
        f"release: {display(flag, 80)}",
        CheckOutcome.NOTED,
        "asked for by the source entry, not honoured",
        "",
        "sources.list(5)",
    )


def _passed(step: str, detail: str, section: str) -> _Step:
    return _Step(Check(step, CheckOutcome.PASSED, detail, "", _FORMAT + section))


def _failed(
    step: str, reason: str, detail: str, section: str, *, expected: str, found: str
) -> _Step:
    check = Check(step, CheckOutcome.FAILED, detail, reason, _FORMAT + section)
    return _Step(check, expected, found)
