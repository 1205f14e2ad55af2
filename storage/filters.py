"""Which artifacts a list shows and a number counts: one value, also spoken as URL parameters.

Every number on a page carries the filter that selects exactly the rows it counts; `Count` keeps
the two together. Gone locations are shown only by `change=gone`, excluded ones only on request.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from core.errors import MalformedError
from core.model import FindingOutcome, PolicyStatus, Status, VerdictOutcome

TEXT_CHARACTERS = 200
PAGE_PARAMETERS = frozenset({"after", "limit", "format"})  # beside a filter, never part of it
_NUMBER = re.compile(r"[0-9]{1,18}\Z")


class Exclusion(StrEnum):
    """Whether a list holds what is counted, or what an exclusion rule keeps out of the count."""

    NO = "no"
    ONLY = "only"


class Change(StrEnum):
    """What became of a location since an instant."""

    NEWLY_VERIFIED = "newly_verified"
    NEWLY_FAILED = "newly_failed"
    NEWLY_UNSIGNED = "newly_unsigned"
    NEWLY_UNKNOWN = "newly_unknown"
    NEW = "new"
    GONE = "gone"


NEWLY = {
    Change.NEWLY_VERIFIED: Status.VERIFIED,
    Change.NEWLY_FAILED: Status.FAILED,
    Change.NEWLY_UNSIGNED: Status.UNSIGNED,
    Change.NEWLY_UNKNOWN: Status.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class ArtifactFilter:
    """Selects locations; every given part must hold. Empty or None means: any.

    `kind` is the kind of the source (`apt`, `oci`, `file_tree`). `requirement` needs `policy`,
    `finding` and `finding_reason` need `requirement`, `verdict` needs `policy`, `change` and
    `since` come together: MalformedError otherwise. `signer`, `trust`, `evidence_set` and
    `exclusion_rule` are row ids; `anchor` is what a verification names as its anchor.
    """

    status: Status | None = None
    reason: str | None = None  # an empty text is a reason too: that of verified artifacts
    source: str = ""
    owner: str = ""
    kind: str = ""
    policy_status: PolicyStatus | None = None
    policy: str = ""
    verdict: VerdictOutcome | None = None
    requirement: str = ""
    finding: FindingOutcome | None = None
    finding_reason: str = ""
    signer: int | None = None
    trust: int | None = None
    anchor: str = ""
    evidence_set: int | None = None
    exclusion: Exclusion = Exclusion.NO
    exclusion_rule: int | None = None  # means exclusion=only
    contested: bool | None = None
    unconstrained: bool | None = None
    text: str = ""  # in the name: anywhere from 3 characters on, else at its start
    change: Change | None = None
    since: datetime | None = None

    def __post_init__(self) -> None:
        _demand(self.policy, self.requirement or self.verdict, "requirement or verdict", "policy")
        _demand(self.requirement, self.finding or self.finding_reason, "finding", "requirement")
        _demand(self.since, self.change, "change", "since")
        _demand(self.change, self.since, "since", "change")

    def with_parts(self, **parts: Any) -> ArtifactFilter:
        """Return this filter with other parts replaced."""
        return replace(self, **parts)

    def to_parameters(self) -> dict[str, str]:
        """Return the URL parameters that `from_parameters` reads back; defaults are left out."""
        spoken = {}
        for part in fields(self):
            value = getattr(self, part.name)
            if value != part.default:
                spoken[part.name] = _spoken(value)
        return spoken

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, str]) -> ArtifactFilter:
        """Read URL parameters; MalformedError names the first that is unknown or wrong."""
        parts: dict[str, Any] = {}
        for name, value in parameters.items():
            if name in PAGE_PARAMETERS:
                continue
            reader = _READERS.get(name)
            if reader is None:
                raise MalformedError(f"unknown filter {name[:40]!r}; known: {', '.join(_READERS)}")
            try:
                if value or name == "reason":
                    parts[name] = reader(value)
            except (ValueError, OverflowError) as error:
                raise MalformedError(
                    f"filter {name}: {value[:80]!r} does not fit: {error}"
                ) from None
        return cls(**parts)


@dataclass(frozen=True, slots=True)
class SignerFilter:
    """Selects signers: by kind, first seen since an instant, or by a part of who they are."""

    kind: str = ""
    since: datetime | None = None
    text: str = ""

    def to_parameters(self) -> dict[str, str]:
        """Return the URL parameters that `from_parameters` reads back."""
        given = {"kind": self.kind, "text": self.text}
        spoken = {name: value for name, value in given.items() if value}
        return spoken | ({"since": _spoken(self.since)} if self.since else {})

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, str]) -> SignerFilter:
        """Read URL parameters; MalformedError names the first that is unknown or wrong."""
        unknown = sorted(set(parameters) - {"kind", "since", "text"} - PAGE_PARAMETERS)
        if unknown:
            raise MalformedError(f"unknown filter {unknown[0][:40]!r}; known: kind, since, text")
        since = parameters.get("since", "")
        try:
            instant = read_instant(since) if since else None
            text = _text(parameters.get("text", ""))
        except (ValueError, OverflowError) as error:
            raise MalformedError(f"filter of signers does not fit: {error}") from None
        return cls(_text(parameters.get("kind", "")), instant, text)


@dataclass(frozen=True, slots=True)
class VerificationFilter:
    """Selects verifications: those that hold by a trust entry or a key, those of a signer."""

    trust: int | None = None
    anchor: str = ""
    signer: int | None = None

    def to_parameters(self) -> dict[str, str]:
        """Return the URL parameters that `from_parameters` reads back."""
        given = {"trust": self.trust, "anchor": self.anchor, "signer": self.signer}
        return {name: str(value) for name, value in given.items() if value not in (None, "")}

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, str]) -> VerificationFilter:
        """Read URL parameters; MalformedError names the first that is unknown or wrong."""
        unknown = sorted(set(parameters) - {"trust", "anchor", "signer"} - PAGE_PARAMETERS)
        if unknown:
            raise MalformedError(
                f"unknown filter {unknown[0][:40]!r}; known: trust, anchor, signer"
            )
        trust, signer = (parameters.get(name, "") for name in ("trust", "signer"))
        try:
            ids = [_row_id(text) if text else None for text in (trust, signer)]
        except (ValueError, OverflowError) as error:
            raise MalformedError(f"filter of verifications does not fit: {error}") from None
        return cls(ids[0], _text(parameters.get("anchor", "")), ids[1])


@dataclass(frozen=True, slots=True)
class Count:
    """A number and the filter of the list that it counts, row for row."""

    number: int
    filter: ArtifactFilter


def read_instant(text: str) -> datetime:
    """Read an ISO 8601 date or instant; without a zone it is UTC. ValueError on anything else."""
    instant = datetime.fromisoformat(text)
    instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    if not 1970 <= instant.year <= 9000:  # noqa: PLR2004 - what the database's instants can hold
        raise ValueError("the year is out of range")
    return instant


def _demand(needed: object, given: object, what: str, missing: str) -> None:
    if given and not needed:
        raise MalformedError(f"filter {what} needs {missing} as well")


def _spoken(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _text(value: str) -> str:
    if len(value) > TEXT_CHARACTERS or "\0" in value:
        raise MalformedError(f"a filter's text has at most {TEXT_CHARACTERS} characters, none NUL")
    return value


def _flag(value: str) -> bool:
    return _one_of(value, ("yes", "no")) == "yes"


def _row_id(value: str) -> int:
    if not _NUMBER.match(value):
        raise ValueError("not a whole number")
    return int(value)


def _one_of(value: str, known: Iterable[str]) -> str:
    if value not in known:
        raise ValueError(f"not one of {', '.join(known)}")
    return value


_READERS: dict[str, Any] = {
    "status": lambda value: Status(_one_of(value, list(Status))),
    "reason": _text,
    "source": _text,
    "owner": _text,
    "kind": _text,
    "policy_status": lambda value: PolicyStatus(_one_of(value, list(PolicyStatus))),
    "policy": _text,
    "verdict": lambda value: VerdictOutcome(_one_of(value, list(VerdictOutcome))),
    "requirement": _text,
    "finding": lambda value: FindingOutcome(_one_of(value, list(FindingOutcome))),
    "finding_reason": _text,
    "signer": _row_id,
    "trust": _row_id,
    "anchor": _text,
    "evidence_set": _row_id,
    "exclusion": lambda value: Exclusion(_one_of(value, list(Exclusion))),
    "exclusion_rule": _row_id,
    "contested": _flag,
    "unconstrained": _flag,
    "text": _text,
    "change": lambda value: Change(_one_of(value, list(Change))),
    "since": read_instant,
}
