"""Units of an apt source: one suite of one archive, put together from every entry that asks for it.

A unit is named after the archive and the suite, "deb.example.org/debian bookworm"; the archive's
part is host and path, never a login. Its repository, the first part of every location in it, is
"suite/component"; the archive's name goes before it only where two archives of the source have a
suite of the same name, or where suite and component of two read alike.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import urlsplit

from collectors.apt_sources import AptEntry, BrokenEntry
from core.text import display

SCHEMES = ("http", "https", "file", "copy")


@dataclass(frozen=True, slots=True)
class Suite:
    """One unit. `wanted` are (component, architecture) pairs; a flat suite has component ""."""

    unit: str
    archive: str  # base URL, no slash at its end
    suite: str
    base: str  # what every repository name in it starts with
    wanted: tuple[tuple[str, str], ...] = ()
    signed_by: str = ""
    place: str = ""
    by_hash: str = "yes"
    inrelease_path: str = ""
    flags: tuple[str, ...] = ()
    distrusted: bool = False
    source_places: tuple[str, ...] = ()  # deb-src entries for it
    problem: str = ""  # why nothing can be read; `reason` is its code
    reason: str = ""
    most_age: timedelta | None = None  # after which its Release is no longer believed

    @property
    def is_flat(self) -> bool:
        """Whether the suite is a path that holds the lists itself."""
        return self.suite.endswith("/")

    @property
    def folder(self) -> str:
        """The URL that names in the Release are relative to, with a slash at its end."""
        if not self.is_flat:
            return f"{self.archive}/dists/{self.suite}/"
        path = self.suite.strip("/")
        return f"{self.archive}/" if path in ("", ".") else f"{self.archive}/{path}/"

    def repository(self, component: str) -> str:
        """Return the first part of the locations in this component."""
        return f"{self.base}/{component}" if component else self.base

    @property
    def layout(self) -> str:
        """A digest of all that decides which locations there are, their names, and how long."""
        layout: list[object] = [
            self.folder,
            self.base,
            self.wanted,
            self.suite,
            self.inrelease_path,
        ]
        if self.most_age is not None:
            layout.append(self.most_age.total_seconds())
        return hashlib.sha256(json.dumps(layout).encode()).hexdigest()


def suites_of(entries: Iterable[AptEntry | BrokenEntry]) -> list[Suite]:
    """Return the units the entries add up to, broken entries as units with a `problem`."""
    suites: dict[tuple[str, str], Suite] = {}
    sources: dict[tuple[str, str], list[AptEntry]] = {}
    broken: list[Suite] = []
    for entry in entries:
        if isinstance(entry, BrokenEntry):
            broken.append(_broken(entry))
            continue
        key = (_base_url(entry.uri), entry.suite)
        if entry.kind == "deb-src":
            sources.setdefault(key, []).append(entry)
        else:
            suites[key] = _joined(suites[key], entry) if key in suites else _suite(entry)
    for key, (entry, *_) in sources.items():
        places = tuple(dict.fromkeys(one.place for one in sources[key]))
        # Offering nothing else, it is a unit all the same: nobody shall take it for scanned.
        suite = suites.get(key) or replace(_suite(entry), wanted=(), problem="", reason="")
        suites[key] = replace(suite, source_places=places)
    # Numbers that tell namesakes apart must not hang on the order of the entries: under the name
    # of the one stands what was accepted of it.
    named = dict(zip(sorted(suites), _named([suites[key] for key in sorted(suites)]), strict=True))
    return [named[key] for key in suites] + broken


def archive_label(url: str) -> str:
    """Return host and path of an archive's URL for people, never its login."""
    split = urlsplit(url)
    host = split.netloc.rpartition("@")[2]
    path = display(split.path.rstrip("/"))
    return f"{display(host)}{path}" if host else f"{split.scheme}:{path}"


def _base_url(uri: str) -> str:
    return uri.rstrip("/")


def _suite(entry: AptEntry) -> Suite:
    problem, reason = _problem(entry.uri)
    return Suite(
        "",
        _base_url(entry.uri),
        entry.suite,
        "",
        _wanted(entry),
        entry.signed_by,
        entry.place,
        entry.by_hash,
        entry.inrelease_path,
        entry.flags,
        entry.distrusted,
        (),
        problem and f"{entry.place}: {problem}",
        reason,
        entry.most_age,
    )


def _wanted(entry: AptEntry) -> tuple[tuple[str, str], ...]:
    components = entry.components or ("",)
    return tuple((name, arch) for name in components for arch in entry.architectures)


def _joined(suite: Suite, entry: AptEntry) -> Suite:
    """Add what a further entry for the same suite asks for, which must agree on Signed-By."""
    problem, reason = suite.problem, suite.reason
    if suite.signed_by != entry.signed_by and not problem:
        places, reason = f"{suite.place} and {entry.place}", "MALFORMED"
        problem = f"{places} disagree on Signed-By; apt refuses both, so make them one"
    return replace(
        suite,
        wanted=tuple(dict.fromkeys([*suite.wanted, *_wanted(entry)])),
        flags=tuple(dict.fromkeys([*suite.flags, *entry.flags])),
        distrusted=suite.distrusted or entry.distrusted,
        most_age=min(filter(None, (suite.most_age, entry.most_age)), default=None),
        problem=problem,
        reason=reason,
    )


def _broken(entry: BrokenEntry) -> Suite:
    return Suite(
        display(entry.place),
        "",
        "",
        "",
        place=entry.place,
        problem=entry.message,
        reason="MALFORMED",
    )


def _problem(uri: str) -> tuple[str, str]:
    """Return why an archive cannot be read and the code for it, or two empty strings."""
    scheme, shown = uri.partition(":")[0].lower(), archive_label(uri)
    if scheme not in SCHEMES:
        methods = ", ".join(SCHEMES)
        return (
            f"apt's transport {display(scheme)} is not read, only {methods}",
            "FORMAT_UNSUPPORTED",
        )
    if "@" in urlsplit(uri).netloc:
        return (
            f"the URL of {shown} holds a login; such archives cannot be read yet",
            "SOURCE_DENIED",
        )
    return "", ""


def _named(suites: list[Suite]) -> list[Suite]:
    """Give every suite its unit and base, longer ones where the short ones would be shared.

    No two suites share either: what one archive signed would stand for the packages of another.
    """
    # By what is shown of them: "s/" and "/s/" are one folder, and long names are cut.
    shown = [(archive_label(suite.archive), display(_short_base(suite))) for suite in suites]
    labels = Counter(shown)
    bases = Counter(_short_base(suite) for suite in suites if suite.wanted)
    makers: dict[str, set[str]] = defaultdict(set)  # repository → the short bases that make it
    for suite in suites:
        for name in _short_repositories(suite):
            makers[name].add(_short_base(suite))
    written: Counter[tuple[str, str]] = Counter()
    named: list[Suite] = []
    for suite, place in zip(suites, shown, strict=True):
        (label, _), base = place, _short_base(suite)
        if labels[place] > 1:
            label = f"{urlsplit(suite.archive).scheme}://{label}"
        written[label, place[1]] += 1
        if (number := written[label, place[1]]) > 1:  # one archive, written in two ways
            label = f"{label} ({number})"
        # "s/u" with "main" beside "s" with "u/main": with a blank at its end no other comes near
        is_near = any(len(makers[name]) > 1 for name in _short_repositories(suite))
        if not base or bases[base] > 1 or is_near:
            base = f"{label} {base}".strip() + " " * is_near
        named.append(replace(suite, unit=f"{label} {display(suite.suite)}", base=base))
    return named


def _short_repositories(suite: Suite) -> set[str]:
    short = replace(suite, base=_short_base(suite))
    return {short.repository(component) for component, _ in suite.wanted}


def _short_base(suite: Suite) -> str:
    name = suite.suite.strip("/") if suite.is_flat else suite.suite
    return "" if name == "." else name
