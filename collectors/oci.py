"""The registry collector: images and indexes of a container registry, and their signatures.

A unit is one repository. Its tags are looked at in sorted order, several at a time:

    tag known, and nothing changed     one HEAD, one for each tag of signatures and each signature
                                       that a tag alone lists, and one GET of what refers to it,
                                       where there is an API: `Unchanged`
    tag new, moved or newly signed     one GET of its manifest, hashed here
    a platform of an index             one GET by digest, which the bytes must have

A tag that breaks is left out and named; the rest of the repository is read, and the unit then ends
incomplete. Options: `OciOptions`. The protocol is in `oci_registry`, evidence in `oci_evidence`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, cast

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from collectors.collector import Memory, Surroundings
from collectors.oci_evidence import SignatureReader
from collectors.oci_layers import is_companion
from collectors.oci_look import Later, Look, LookedAt
from collectors.oci_registry import Registry, is_name
from collectors.parallel import in_order
from core.errors import (
    CollectionError,
    CountersignError,
    DeniedError,
    MalformedError,
    ThrottledError,
    UnreachableError,
)
from core.glob import Glob
from core.model import Discovery, EvidenceSet, UnitEnd
from core.settings import Secret
from core.text import display
from net.address import Target, read_url
from net.bearer import Credentials

PATIENCE = 3  # tags in a row without an answer, after which the rest is not asked
AHEAD = 4  # tags looked at ahead of the one that is due, per connection


class OciOptions(BaseModel):
    """What a source of kind `oci` may say. Globs are anchored and match whole names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(description="The registry, such as https://registry.example:5000")
    repositories: list[str] = Field(
        ["**"], min_length=1, description="Repositories; names without wildcards need no catalog."
    )
    tags: list[str] = Field(["**"], min_length=1, description="Tags that are artifacts.")
    platforms: Literal["each", "index"] = Field(
        "each", description="Whether each platform of an index is an artifact of its own."
    )
    username: str = Field("", description="Whom to log in as; anonymous, if left out.")
    password: Secret | None = Field(None, description="{env: NAME} or {file: PATH}")
    token_hosts: list[str] = Field(
        [], description="Hosts beside the registry that may be given the password."
    )
    storage_hosts: list[str] = Field(
        [], description="Hosts with private addresses that the registry may redirect to."
    )
    catalog: Literal["list", "never"] = Field(
        "list", description="Whether the registry may be asked for all its repositories."
    )
    connections: int = Field(8, ge=1, le=64, description="Requests at the same time.")

    @field_validator("url")
    @classmethod
    def _registry(cls, url: str) -> str:
        if _read(url).path != "/":
            raise ValueError("the URL of a registry has no path; repositories are named apart")
        return url

    @field_validator("token_hosts", "storage_hosts")
    @classmethod
    def _hosts(cls, hosts: list[str]) -> list[str]:
        for host in hosts:
            _read(host if "://" in host else f"https://{host}")
        return hosts

    @field_validator("repositories", "tags")
    @classmethod
    def _globs(cls, patterns: list[str]) -> list[str]:
        try:
            for pattern in patterns:
                Glob.parse(pattern)
        except MalformedError as error:
            raise ValueError(str(error)) from None
        return patterns

    @model_validator(mode="after")
    def _consistent(self) -> OciOptions:
        for pattern in self.repositories:
            if _is_literal(pattern) and not is_name(pattern):
                raise ValueError(f"no repository can be called {pattern!r}")
            if not _is_literal(pattern) and self.catalog == "never":
                raise ValueError(f"{pattern!r} needs the catalog; name repositories one by one")
        if bool(self.username) != (self.password is not None):
            raise ValueError("`username` and `password` stand together or not at all")
        return self


class OciCollector:
    """One container registry, read repository by repository."""

    Options: type[BaseModel] = OciOptions

    def __init__(self, source: str, options: BaseModel, surroundings: Surroundings) -> None:
        self.source, self.limits = source, surroundings.limits
        self.options = chosen = cast("OciOptions", options)
        http = surroundings.http
        if chosen.username:
            credentials = Credentials(chosen.username, surroundings.secrets.get("password", ""))
            http.authenticate(credentials, token_hosts=chosen.token_hosts)
        http.allow(chosen.storage_hosts)
        self._registry = Registry(http, chosen.url, self.limits, chosen.connections)
        self._literal = {name for name in chosen.repositories if _is_literal(name)}
        self._wanted = [Glob.parse(name) for name in chosen.repositories if not _is_literal(name)]
        self._tags = [Glob.parse(pattern) for pattern in chosen.tags]

    def units(self) -> Iterator[str]:
        """Yield the repositories; CollectionError or MalformedError when the catalog is broken.

        A name that no repository can have is yielded too, made fit to show, so that `collect`
        refuses it while the others are read.
        """
        yield from sorted(self._literal)
        if not self._wanted:
            return
        for page in self._registry.repositories():
            for name in page.good:
                if name not in self._literal and any(glob.matches(name) for glob in self._wanted):
                    yield name
            yield from page.bad

    def collect(self, unit: str, memory: Memory) -> Iterator[Discovery]:
        """Yield what one repository holds; a tag that breaks leaves the unit incomplete."""
        if not is_name(unit):
            raise MalformedError(f"no repository can be called {display(unit, 120)!r}")
        names = self._registry.tags(unit)
        if names is None:
            if unit in self._literal:
                raise UnreachableError(f"{self._registry.host} has no repository {unit}")
            yield UnitEnd()  # in the catalog, yet without a single tag
            return
        faults = Faults()
        for bad in names.bad:
            faults.add(MalformedError(f"{unit}: no tag can be called {bad!r}"))
        signatures = SignatureReader(self._registry, unit, frozenset(names.good), self.limits)
        look = Look(
            self._registry,
            signatures,
            unit,
            memory,
            platforms=self.options.platforms,
            limits=self.limits,
        )
        wanted = sorted(tag for tag in names.good if self._is_wanted(tag))
        yield from self._looks(look, wanted, faults)
        faults.raise_if_any()
        yield UnitEnd()

    def _looks(self, look: Look, tags: list[str], faults: Faults) -> Iterator[Discovery]:
        at_once, told = self.options.connections, set[str]()
        for outcome in in_order(look.at, tags, at_once=at_once, ahead=AHEAD * at_once):
            for discovery in _due(outcome, faults):
                if isinstance(discovery, EvidenceSet):
                    if discovery.key in told:
                        continue
                    told.add(discovery.key)
                    look.told(discovery)
                yield discovery

    def _is_wanted(self, tag: str) -> bool:
        return not is_companion(tag) and any(glob.matches(tag) for glob in self._tags)


class Faults:
    """What went wrong in one unit: the first is told, the others are counted."""

    def __init__(self) -> None:
        self._first: CountersignError | None = None
        self._count = 0
        self.silent = 0  # in a row

    def add(self, fault: CountersignError) -> None:
        """Note a fault; raise at once where going on would only make it worse."""
        self._first = self._first or fault
        self._count += 1
        if isinstance(fault, ThrottledError) or _reason(fault) == "SCAN_INCOMPLETE":
            raise fault
        self.silent += isinstance(fault, UnreachableError | DeniedError)
        if self.silent >= PATIENCE:
            self.raise_if_any()

    def raise_if_any(self) -> None:
        """Raise one CollectionError for all faults so far, if there are any."""
        if self._first is not None:
            more = f" (and {self._count - 1} more)" if self._count > 1 else ""
            raise CollectionError(f"{self._first}{more}", reason=_reason(self._first))


def _due(outcome: LookedAt | Later | CountersignError, faults: Faults) -> Iterator[Discovery]:
    """Yield what a look gave; what it left for later is looked at in its turn."""
    if isinstance(outcome, Later):
        outcome = _taken(outcome)
    if isinstance(outcome, CountersignError):
        faults.add(outcome)
        return
    faults.silent = 0
    for fault in outcome.faults:
        faults.add(fault)
    for found in outcome.discoveries:
        if isinstance(found, Later):
            yield from _due(found, faults)
        else:
            yield found


def _taken(later: Later) -> LookedAt | CountersignError:
    try:
        return later.look()
    except CountersignError as error:
        return error


def _reason(fault: CountersignError) -> str:
    if isinstance(fault, CollectionError | MalformedError):
        return fault.reason
    return MalformedError.reason


def _is_literal(pattern: str) -> bool:
    return not set(pattern) & set("*?")


def _read(url: str) -> Target:
    try:
        return read_url(url)
    except CountersignError as error:
        raise ValueError(str(error)) from None
