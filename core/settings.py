"""The settings file: every option, its default and its unit, in one place.

`load` reads YAML and validates it; every error names file, line, column and field. Options of a
source that only its collector understands stay in `Source.options`; `Settings.at` finds their
place in the file for the collector's own errors. Secrets stand only as `{env: NAME}` or
`{file: PATH}` and are read by jobs at the moment of use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from core.complaints import raise_validation, suggestion
from core.errors import ConfigurationError
from core.limits import Limits
from core.yaml_places import MAX_YAML_BYTES, Places, place_of, read_yaml

_DURATION = re.compile(r"([0-9]{1,6})(s|m|h|d)\Z")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_IDENTIFIER = r"^[a-z0-9][a-z0-9._-]{0,62}$"
MAX_SETTINGS_BYTES = MAX_YAML_BYTES


def parse_duration(text: object) -> timedelta:
    """Read `30s`, `15m`, `6h` or `7d`; raise ValueError on anything else."""
    if isinstance(text, timedelta):
        return text
    match = _DURATION.match(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError("a duration is a whole number and a unit, such as 30s, 15m, 6h or 7d")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def parse_from(text: object) -> datetime:
    """Read a day (its first instant, UTC) or a time with a zone; raise ValueError."""
    return _instant(text, time.min)


def parse_until(text: object) -> datetime:
    """Read a day (its last instant, UTC) or a time with a zone; raise ValueError."""
    return _instant(text, time.max)


def _instant(written: object, within: time) -> datetime:
    message = "a time is a day, 2026-01-31, or has a zone, 2026-01-31T12:00:00Z"
    if isinstance(written, datetime) and written.tzinfo is not None:
        return written.astimezone(UTC)
    if not isinstance(written, str):
        raise ValueError(message)  # noqa: TRY004 - pydantic turns only ValueError into a fault
    try:
        if _DAY.match(written):
            return datetime.combine(date.fromisoformat(written), within, UTC)
        read = datetime.fromisoformat(written)
        if read.tzinfo is not None:
            return read.astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # no such day, or a zone that leads out of the calendar
    raise ValueError(message)


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
From = Annotated[datetime, BeforeValidator(parse_from)]
Until = Annotated[datetime, BeforeValidator(parse_until)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Secret(_Strict):
    """A secret by reference: `{env: NAME}` or `{file: PATH}`. Its value is never kept."""

    env: str = ""
    file: str = ""

    @model_validator(mode="before")
    @classmethod
    def _reference(cls, written: object) -> object:
        if isinstance(written, str):
            message = "a secret never stands in the file: write {env: NAME} or {file: PATH}"
            raise ValueError(message)  # noqa: TRY004 - pydantic turns only ValueError into a fault
        return written

    @model_validator(mode="after")
    def _one_of(self) -> Secret:
        if bool(self.env) == bool(self.file):
            raise ValueError("a secret is exactly one of {env: NAME} or {file: PATH}")
        return self


def _filled(written: object) -> object:
    if written is None:  # such as a template's variable that is not set
        raise ValueError("found nothing; give it a value, or take the key out")
    return written


Filled = BeforeValidator(_filled)  # an end that was left empty must not be taken for an open one


class Validity(_Strict):
    """A closed window in UTC; either end may be open. A day counts from its start to its end."""

    from_: Annotated[From | None, Filled] = Field(
        default=None, alias="from", description="First instant it counts."
    )
    until: Annotated[Until | None, Filled] = Field(
        default=None, description="Last instant it counts."
    )

    @model_validator(mode="after")
    def _in_order(self) -> Validity:
        if self.from_ is not None and self.until is not None and self.from_ > self.until:
            raise ValueError("`until` lies before `from`; nothing would ever count")
        return self


class TrustFile(_Strict):
    """A key, keyring or CA file, relative to the settings file."""

    file: str = Field(min_length=1, description="Relative to the settings file.")
    valid: Annotated[Validity | None, Filled] = Field(
        default=None, description="When it counts; always, if left out."
    )
    only: list[str] = Field(
        default=[], min_length=1, description="Fingerprints of what in it counts; all, if left out."
    )


class TrustRoot(_Strict):
    """A Sigstore trusted root, relative to the settings file."""

    file: str = Field(min_length=1, description="Relative to the settings file.")


class RevocationFile(_Strict):
    """A CRL, an OCSP response or a list of revoked SSH keys: it counts whole, and always."""

    file: str = Field(min_length=1, description="Relative to the settings file.")


class TrustSettings(_Strict):
    """Named things that may vouch. A source accepts exactly the names in its own `trust`."""

    roots: dict[str, TrustRoot | Literal["builtin"]] = Field(
        default={}, description="Sigstore trusted roots; `builtin`: the one that comes with us."
    )
    keys: dict[str, TrustFile] = Field(
        default={},
        description="Public keys (PEM, DER, minisign), lists of SSH signers or of npm's keys.",
    )
    keyrings: dict[str, TrustFile] = Field(default={}, description="OpenPGP certificates.")
    authorities: dict[str, TrustFile] = Field(
        default={}, description="X.509 certificates, PEM or DER."
    )
    revocations: dict[str, RevocationFile] = Field(
        default={}, description="CRLs and OCSP responses: they refute, and never vouch."
    )

    @property
    def groups(self) -> Mapping[str, Mapping[str, TrustFile | TrustRoot | RevocationFile | str]]:
        """The entries by the key they are written under."""
        return {
            "roots": self.roots,
            "keys": self.keys,
            "keyrings": self.keyrings,
            "authorities": self.authorities,
            "revocations": self.revocations,
        }

    @property
    def names(self) -> tuple[str, ...]:
        """Every name a source may put into its `trust`."""
        return tuple(name for group in self.groups.values() for name in group)


class Source(BaseModel):
    """One place a collector scans. Keys that are not listed here belong to its collector."""

    model_config = ConfigDict(frozen=True, extra="allow")

    id: str = Field(pattern=_IDENTIFIER, description="Unique; part of addresses and reports.")
    kind: str = Field(min_length=1, description="Which collector reads it.")
    trust: list[str] = Field(
        default=[], description="Names under `trust:` that it accepts; none else."
    )
    every: Duration = Field(
        default=timedelta(hours=1), ge=timedelta(seconds=1), description="Interval."
    )
    owner: str = Field(default="nobody", description="The team that answers for it.")
    tier: str = Field(default="", description="A word of yours to group sources by.")

    @property
    def options(self) -> dict[str, Any]:
        """What only the collector of this kind understands."""
        return dict(self.__pydantic_extra__ or {})


class Exclusion(_Strict):
    """What is left out of coverage, always with a reason and an owner."""

    match: dict[str, dict[str, str]] = Field(min_length=1, description="Kind → field → glob.")
    reason: str = Field(min_length=1)
    owner: str = Field(min_length=1)


class ServeSettings(_Strict):
    """Where the dashboard listens. Without a login it is loopback only."""

    host: Literal["127.0.0.1", "::1", "localhost"] = "127.0.0.1"
    port: int = Field(default=8600, ge=0, le=65535)
    threads: int = Field(default=8, ge=1, le=64)
    allowed_hosts: list[str] = ["127.0.0.1", "localhost", "[::1]"]


class RetentionSettings(_Strict):
    """How long raw bytes that nothing points at any more are kept."""

    indexes: int = Field(
        default=2, ge=1, le=100, description="Versions of each list that are kept."
    )


class Settings(_Strict):
    """The whole file."""

    database: str = Field(
        default="sqlite:///countersign.db", min_length=1, description="Database URL."
    )
    executor: str = Field(default="threads", min_length=1, description="Where scans run.")
    policies: str = Field(default="policies/", min_length=1, description="Folder of policy files.")
    trust: TrustSettings = TrustSettings()
    sources: list[Source] = []
    exclude: list[Exclusion] = []
    limits: Limits = Limits()
    retention: RetentionSettings = RetentionSettings()
    serve: ServeSettings = ServeSettings()


class SettingsFile:
    """Settings together with the places they were written at, for later errors."""

    def __init__(self, settings: Settings, path: Path, places: Places) -> None:
        self.settings, self.path, self._places = settings, path, places

    @property
    def folder(self) -> Path:
        """Relative paths in the file start here."""
        return self.path.parent

    def error(self, message: str, *where: str | int) -> ConfigurationError:
        """Return the error for the entry at `where` (keys and list positions from the top)."""
        line, column = place_of(self._places, where)
        return ConfigurationError(message, path=str(self.path), line=line, column=column)

    def refuse(
        self, error: ValidationError, *where: str | int, model: type[BaseModel] | None = None
    ) -> NoReturn:
        """Raise the ConfigurationError for options of a source that a collector's model refuses."""
        common = Source.model_fields
        raise_validation(error, self._places, self.path, where, model=model, beside=common)


def load(path: Path) -> SettingsFile:
    """Read the settings file; raise ConfigurationError naming path, line, column, field and fix."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_SETTINGS_BYTES + 1)
    except OSError as error:
        message = f"cannot be read: {error.strerror}; `countersign init` writes a first one"
        raise ConfigurationError(message, path=str(path)) from None
    if len(content) > MAX_SETTINGS_BYTES:
        raise ConfigurationError(f"more than {MAX_SETTINGS_BYTES} bytes", path=str(path))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        message = "not UTF-8; save the file as UTF-8"
        raise ConfigurationError(message, path=str(path), line=line, column=column) from None
    return parse(text, path)


def parse(text: str, path: Path) -> SettingsFile:
    """Read settings from text; `path` is for messages and the start of relative paths."""
    value, places = read_yaml(text, path)
    try:
        settings = Settings.model_validate({} if value is None else value)
    except ValidationError as error:
        raise_validation(error, places, path, model=Settings)
    file = SettingsFile(settings, path, places)
    _refuse_ambiguous_trust(file)
    _refuse_repeated_sources(file)
    _refuse_unknown_trust(file)
    return file


def _refuse_ambiguous_trust(file: SettingsFile) -> None:
    seen: dict[str, str] = {}
    for group, entries in file.settings.trust.groups.items():
        for name in entries:
            if name in seen:
                message = f"`{name}` is also one of the {seen[name]}; a name of trust is unique"
                raise file.error(message, "trust", group, name)
            seen[name] = group


def _refuse_repeated_sources(file: SettingsFile) -> None:
    seen: set[str] = set()
    for position, source in enumerate(file.settings.sources):
        if source.id in seen:
            message = f"two sources have the id `{source.id}`; an id is unique"
            raise file.error(message, "sources", position, "id")
        seen.add(source.id)


def _refuse_unknown_trust(file: SettingsFile) -> None:
    names = file.settings.trust.names
    for position, source in enumerate(file.settings.sources):
        for place, name in enumerate(source.trust):
            if name not in names:
                known = suggestion(name, names)
                message = f"`sources[{position}].trust` names `{name}`, not under `trust:`; {known}"
                raise file.error(message, "sources", position, "trust", place)
