"""The apt collector: the machine's own apt sources, or one archive named in the settings.

A unit is one suite of one archive. Reading one:

    InRelease (conditional)        304, or the bytes of last time: unchanged, one request
      else Release, Release.gpg    no signature: the packages are unsigned, and we say where we
                                   looked
    → the lists it names           unchanged digest: what it vouches for is what it was, unread
      by-hash, xz, gz, plain       else size and digest compared before anything is unpacked
    → one sighting per package, with the digest its list gives; its set's evidence is the signed
      Release, linked through the list's digest

A Release older than the last one that verified is told as evidence (verification says
METADATA_ROLLBACK) and nothing in it is read: the last accepted lists stay. That memory is
`UnitEnd.accepted`, which is kept only when the Release verified: a collector cannot know.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Literal, cast
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from collectors.apt_findings import findings
from collectors.apt_reading import SuiteReading
from collectors.apt_sources import APT, AptEntry, machine_architectures, read_entries
from collectors.apt_suite import Suite, suites_of
from collectors.apt_trust import read_keyrings, trust_of
from collectors.collector import Memory, Surroundings
from core.errors import CollectionError, CountersignError
from core.model import Accepts, Discovery, Trust, UnitEnd
from core.text import display

DISTRUSTED = "trusted=no: the entry says that nothing from this source is to be trusted"


class AptOptions(BaseModel):
    """What a source of kind `apt` may say: `from: machine`, or an archive with its parts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    from_: Literal["machine"] | None = Field(
        None, alias="from", description="`machine`: the apt sources this machine uses."
    )
    url: str = Field("", description="The archive, http, https or file.")
    suites: list[str] = Field([], description="Suites or codenames; `./` for a flat archive.")
    components: list[str] = Field([], description="Components; none for a flat archive.")
    architectures: list[str] = Field([], description="Default: those of this machine.")
    keyring: str | list[str] = Field(
        [], description="OpenPGP keyrings, relative to the settings file; default: `trust`."
    )
    root: str = Field("/", description="The root of the machine that `from` means.")

    @field_validator("url")
    @classmethod
    def _plain_url(cls, url: str) -> str:
        if url and urlsplit(url).scheme not in ("http", "https", "file"):
            raise ValueError("an archive's URL begins with http, https or file")
        if "@" in urlsplit(url).netloc:
            raise ValueError("an archive's URL holds no login")
        return url

    @model_validator(mode="after")
    def _one_of(self) -> AptOptions:
        if bool(self.from_) == bool(self.url):
            raise ValueError("a source of kind apt is either `from: machine` or has a `url`")
        if self.from_ and (self.suites or self.components or self.architectures or self.keyring):
            raise ValueError(
                "`from: machine` takes suites, components and keyrings from the machine"
            )
        if self.url and not self.suites:
            raise ValueError("`suites` is missing: which suites of the archive?")
        for suite in self.suites:
            if suite.endswith("/") == bool(self.components):
                raise ValueError(
                    f"the suite {suite!r} needs `components`, or a slash at its end and none"
                )
        return self


class AptCollector:
    """Apt archives, read suite by suite."""

    Options: type[BaseModel] = AptOptions

    def __init__(self, source: str, options: BaseModel, surroundings: Surroundings) -> None:
        self.source, self.surroundings = source, surroundings
        self.options = cast("AptOptions", options)
        self.root = Path(self.options.root)

    def units(self) -> Iterator[str]:
        """Yield one name per suite and per broken entry of the sources files."""
        yield from self._suites

    def collect(self, unit: str, memory: Memory) -> Iterator[Discovery]:
        """Yield what the suite offers; see the module for the steps."""
        suite = self._suite(unit)
        if not suite.wanted:  # deb-src alone: nothing is read, so nothing is trusted
            yield Accepts(Trust(), findings(suite, None))
            yield UnitEnd()
            return
        trust = self._trust(suite)
        found = findings(suite, trust)
        remarks = (DISTRUSTED,) if suite.distrusted else ()
        for one in SuiteReading(suite, trust, memory, self.surroundings).discoveries():
            if isinstance(one, Accepts):
                yield replace(one, findings=found)
            else:
                yield replace(one, remarks=remarks) if isinstance(one, UnitEnd) else one

    @cached_property
    def _suites(self) -> dict[str, Suite]:
        entries = read_entries(self.root) if self.options.from_ else self._asked()
        suites = {suite.unit: suite for suite in suites_of(entries)}
        if not suites:
            raise CollectionError(f"no apt source under {display(str(self.root / APT))}")
        for suite in suites.values():
            self._allow(suite)
        return suites

    def _allow(self, suite: Suite) -> None:
        """Let requests reach a mirror inside the own network: it is configured, like any URL."""
        if urlsplit(suite.archive).scheme in ("http", "https"):
            # A URL that is none fails its own unit, with the same sentence, when it is read.
            with contextlib.suppress(CountersignError):
                self.surroundings.http.allow([suite.archive])

    def _suite(self, unit: str) -> Suite:
        suite = self._suites.get(unit)
        if suite is None:
            raise CollectionError(f"{display(unit)} is no longer among the sources")
        if suite.problem:
            raise CollectionError(suite.problem, reason=suite.reason)
        return suite

    def _asked(self) -> Iterator[AptEntry]:
        asked = self.options
        architectures = tuple(asked.architectures) or machine_architectures(self.root)
        for suite in dict.fromkeys(asked.suites):
            place = f"source {self.source}"
            yield AptEntry(place, "deb", asked.url, suite, tuple(asked.components), architectures)

    def _trust(self, suite: Suite) -> Trust | None:
        limits = self.surroundings.limits
        if not self.options.from_:
            named = self.options.keyring
            files = [named] if isinstance(named, str) else named
            if not files:
                return None
            return read_keyrings([(self.surroundings.base / file, file) for file in files], limits)
        if suite.distrusted:
            return Trust((), (*suite.flags, DISTRUSTED))
        return trust_of(
            suite.signed_by, place=suite.place, root=self.root, limits=limits, flags=suite.flags
        )
