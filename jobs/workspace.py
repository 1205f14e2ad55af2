"""Settings made ready for work: files read, policies compiled, sources and trust built.

workspace = Workspace.open(path, clock)
prepared = workspace.prepare("debian", stop)      # then jobs.pipeline.SourceScan(...)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Self

from pydantic import BaseModel, ValidationError

from collectors import COLLECTORS
from collectors.collector import Collector, Surroundings
from core.complaints import suggestion
from core.errors import ConfigurationError, MalformedError, UsageError
from core.glob import Glob
from core.limits import MIB
from core.settings import Secret, SettingsFile, Source, load
from jobs.clock import Clock
from jobs.judging import ExclusionRule, PolicyJudge
from jobs.pipeline import Prepared, Stop
from jobs.reading import Reading, seal_of
from jobs.secrets import reveal
from jobs.trust_files import (
    NamedTrust,
    read_bounded,
    read_trust,
    trust_files,
    trust_names,
    trust_of,
)
from jobs.writing import WritePlan, describe_all
from net.http import Http
from policy.engine import CompiledPolicy, compile_policies
from policy.selector import FIELDS
from storage import configuration, migrate, source_trust
from storage.configuration import ExclusionEntry, PolicyEntry, SourceEntry
from storage.configured import PolicyRows, SourceRow
from storage.database import Database
from storage.documents import dump
from verification.format import VERIFIER_VERSION
from verification.verifier import trust_digest, verifier_version

MAX_POLICY_BYTES = 1 * MIB


Stamps = dict[str, tuple[int, int, int]]  # path → size, time of change, inode


def stamps_of(path: Path, file: SettingsFile | None) -> Stamps:
    """Return what tells the settings, the policies and the trust files from later ones."""
    named = [path]
    if file is not None:
        folder = file.folder / file.settings.policies
        named += [folder, *folder.glob("*.y*ml")]
        named += trust_files(file)
    found: Stamps = {}
    for one in named:
        try:
            stat = one.stat()
        except OSError:
            continue
        found[str(one)] = (stat.st_size, stat.st_ctime_ns, stat.st_ino)
    return found


@dataclass(slots=True)
class Workspace:
    """One settings file at work on one database."""

    file: SettingsFile
    database: Database
    clock: Clock
    trust: NamedTrust
    policies: tuple[CompiledPolicy, ...]
    judge: PolicyJudge
    rows: PolicyRows
    sources: dict[str, SourceRow]
    stamps: Stamps
    mistake: str = ""  # in a policy: the last good ones are in force

    @classmethod
    def open(
        cls, path: Path, clock: Clock, *, before: Workspace | None = None, lenient: bool = False
    ) -> Workspace:
        """Read everything the settings name and bring the database in line with it.

        Raises ConfigurationError with path, line and column; StorageError when the database is
        out of reach or at another schema. A `lenient` one takes the policies that were last in
        force where those written now cannot be read, and names the mistake. The database of the
        workspace `before` is used again while the settings name the same.
        """
        path = path.absolute()
        stamps = stamps_of(path, None)
        file = load(path)
        stamps = stamps_of(path, file) | stamps  # the older: what was changed since is not read
        named, rules = read_trust(file), _exclusion_entries(file)
        for position, source in enumerate(file.settings.sources):
            read_options(file, position, source, collector_class(file, position, source))
        with ExitStack() as undone:  # where it comes to no workspace, nobody else would close it
            if before is not None and before.file.settings.database == file.settings.database:
                database = before.database
            else:
                opened = Database.open(file.settings.database, base=file.folder)
                database = undone.enter_context(opened)
            migrate.demand_current(database)
            policies, mistake = _policies(file, named, database if lenient else None)
            now = clock()
            with database.writing() as connection:
                sources = configuration.sync_sources(
                    connection, _source_entries(file), now, VERIFIER_VERSION
                )
                rows = configuration.sync_policies(connection, _policy_entries(policies), now)
                ids = configuration.sync_exclusions(connection, [entry for entry, _ in rules], now)
                for source in file.settings.sources:
                    trust = trust_of(named, source)
                    described = describe_all([trust], file.settings.limits)
                    source_id = sources[source.id].id
                    source_trust.sync_trust(connection, source_id, "", [trust], described, now)
            exclusions = [
                ExclusionRule(row_id, kind, fields)
                for row_id, (_, matches) in zip(ids, rules, strict=True)
                for kind, fields in matches
            ]
            judge = PolicyJudge(policies, exclusions)
            undone.pop_all()
            return cls(
                file, database, clock, named, policies, judge, rows, sources, stamps, mistake
            )

    def seal(self, name: str) -> str:
        """Return a digest of all that a source is read under; what is remembered goes with it."""
        position, source = self._source(name)
        options = read_options(
            self.file, position, source, collector_class(self.file, position, source)
        )
        return seal_of(
            source.kind, dump(options.model_dump(mode="json")),
            dump(asdict(self.file.settings.limits)),
            trust_digest(trust_of(self.trust, source)), verifier_version(),
        )  # fmt: skip

    def scanned_under(self, name: str) -> str:
        """Return a digest of everything a scan of a source goes by; '' for no source."""
        row = self.sources.get(name)
        if row is None:
            return ""
        kept = dump(self.file.settings.retention.model_dump())
        return seal_of(self.seal(name), self.judge.digest, row.owner, row.tier, kept)

    def now_stamps(self) -> Stamps:
        """Return what tells the files as they are now from later ones."""
        return stamps_of(self.file.path, self.file)

    def is_outdated(self) -> bool:
        """Say whether the settings, a policy or a trust file is another than what was read."""
        return self.now_stamps() != self.stamps

    def reopen(self) -> Workspace:
        """Read everything anew, leniently; over the same database while the settings name it.

        The caller closes the one that is not used any more where their databases differ.
        """
        return Workspace.open(self.file.path, self.clock, before=self, lenient=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()

    def prepare(self, name: str, stop: Stop, spool: Path) -> Prepared:
        """Build the source's collector and everything its scan works under."""
        position, source = self._source(name)
        limits, now = self.file.settings.limits, self.clock()
        kind = collector_class(self.file, position, source)
        options = read_options(self.file, position, source, kind)
        url = str(getattr(options, "url", "") or "")
        home = url if url.startswith(("http://", "https://")) else ""  # file: has no host
        http = Http(limits, home=home, cancelled=stop.asked)
        surroundings = Surroundings(http, limits, self._secrets(options), self.file.folder, spool)
        trust = trust_of(self.trust, source)
        reading = Reading(
            self.sources[name], kind(name, options, surroundings), trust, self.judge, limits, now
        )
        plan = WritePlan(reading, self.rows, self.seal(name), self.file.settings.retention.indexes)
        return Prepared(plan, http.traffic, http.close)

    def chosen(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the named sources, each once, or all; UsageError for one that is not there."""
        for name in names:
            self._source(name)
        return tuple(dict.fromkeys(names or [one.id for one in self.file.settings.sources]))

    def _source(self, name: str) -> tuple[int, Source]:
        for position, source in enumerate(self.file.settings.sources):
            if source.id == name:
                return position, source
        known = [source.id for source in self.file.settings.sources]
        raise UsageError(f"no source `{name}` in {self.file.path}; {suggestion(name, known)}")

    def _secrets(self, options: BaseModel) -> dict[str, str]:
        return {
            name: reveal(value, self.file.folder)
            for name in type(options).model_fields
            if isinstance(value := getattr(options, name), Secret)
        }


def collector_class(file: SettingsFile, position: int, source: Source) -> Callable[..., Collector]:
    """Return the collector of a source's kind."""
    entry = COLLECTORS.get(source.kind)
    if entry is None:
        words = (
            f"there is no collector of kind `{source.kind}`; {suggestion(source.kind, COLLECTORS)}"
        )
        raise file.error(words, "sources", position, "kind")
    found: Callable[..., Collector] = resolve_name(entry)
    return found


def read_options(file: SettingsFile, position: int, source: Source, kind: Any) -> BaseModel:
    """Return a source's own options, read by its collector's model."""
    model: type[BaseModel] = kind.Options
    try:
        return model.model_validate(source.options)
    except ValidationError as error:
        file.refuse(error, "sources", position, model=model)


def read_policies(file: SettingsFile, trust: NamedTrust) -> tuple[CompiledPolicy, ...]:
    """Compile every `*.yaml` in the policies folder; a missing folder is no policy."""
    folder = file.folder / file.settings.policies
    if folder.exists() and not folder.is_dir():
        raise file.error(f"`policies`: {folder} is a file; name a folder of policies", "policies")
    texts: dict[str, str] = {}
    for path in sorted(folder.glob("*.y*ml")) if folder.is_dir() else ():
        content = read_bounded(path, MAX_POLICY_BYTES, ConfigurationError)
        try:
            texts[str(path)] = content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ConfigurationError("not UTF-8; save the file as UTF-8", path=str(path)) from error
    names = trust_names(trust, file.settings.limits)
    return compile_policies(texts, names, kinds=COLLECTORS)


def _policies(
    file: SettingsFile, trust: NamedTrust, kept: Database | None
) -> tuple[tuple[CompiledPolicy, ...], str]:
    """Return the policies and, where those of `kept` had to stand in, the mistake."""
    try:
        return read_policies(file, trust), ""
    except ConfigurationError as error:
        if kept is None:
            raise
        with kept.reading() as connection:
            texts = configuration.active_policies(connection)
        try:
            names = trust_names(trust, file.settings.limits)
            return compile_policies(texts, names, kinds=COLLECTORS), str(error)
        except ConfigurationError:
            raise error from None  # they do not fit the trust of now either


def _source_entries(file: SettingsFile) -> list[SourceEntry]:
    return [
        SourceEntry(
            one.id, one.kind, _address(one), one.owner, one.tier, int(one.every.total_seconds())
        )
        for one in file.settings.sources
    ]


def _address(source: Source) -> str:
    for key in ("url", "path", "from"):
        written = source.options.get(key)
        if isinstance(written, str):
            return written.split("@")[-1] if key == "url" else written
    return ""


def _policy_entries(policies: Sequence[CompiledPolicy]) -> list[PolicyEntry]:
    return [
        PolicyEntry(
            one.name, one.title, one.owner, one.mode, one.digest, one.text,
            tuple((r.id, r.title) for r in one.requirements),
        )
        for one in policies
    ]  # fmt: skip


Matches = tuple[tuple[str, tuple[tuple[str, Glob], ...]], ...]


def _exclusion_entries(file: SettingsFile) -> list[tuple[ExclusionEntry, Matches]]:
    found = []
    for position, rule in enumerate(file.settings.exclude):
        matches: list[tuple[str, tuple[tuple[str, Glob], ...]]] = []
        for kind, fields in rule.match.items():
            where = ("exclude", position, "match", kind)
            if kind not in COLLECTORS:
                raise file.error(f"`{kind}`: {suggestion(kind, COLLECTORS)}", *where)
            matches.append((kind, tuple(_glob(file, where, n, p) for n, p in fields.items())))
        entry = ExclusionEntry(dump(rule.match), rule.reason, rule.owner)
        found.append((entry, tuple(matches)))
    return found


def _glob(
    file: SettingsFile, where: tuple[str | int, ...], name: str, pattern: str
) -> tuple[str, Glob]:
    if name not in FIELDS:
        raise file.error(f"no such field `{name}`; {suggestion(name, FIELDS)}", *where, name)
    try:
        return name, Glob.parse(pattern)
    except MalformedError as error:
        raise file.error(str(error), *where, name) from error
