"""Read the sources files of apt: /etc/apt/sources.list, and *.list and *.sources beside it.

Only files apt itself would read are read, in its order. What apt could not follow becomes a
`BrokenEntry` that names file, line and fix, so that the other entries still count.

References: sources.list(5); apt's rule for file names in its configuration folders.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from core.deb822 import Stanza, read_stanzas, rows
from core.errors import CollectionError, MalformedError
from core.text import display

APT = Path("etc/apt")
FILE_BYTES = 1024 * 1024  # apt's own files are a few hundred bytes
_FILE_NAME = re.compile(r"[A-Za-z0-9_:-][A-Za-z0-9_:.-]*(?<!\.)\Z")
_BEFORE_COMMENT = re.compile(r"(?:\[[^\]]*\]|[^#\[])*")
_WORD = re.compile(r"(?:\"[^\"]*\"|\[[^\]]*\]|[^\s\[\"])+")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_ONE_LINE_NAMES = {"arch": "architectures", "lang": "languages", "target": "targets"}
_YES = frozenset({"yes", "true", "with", "on", "enable", "1"})
_NO = frozenset({"no", "false", "without", "off", "disable", "0"})
_SECONDS = re.compile(r"[0-9]{1,10}\Z")
_WEAK_YES = ("trusted", "allow-weak", "allow-insecure", "allow-downgrade-to-insecure")
_WEAK_NO = ("check-valid-until", "check-date")
_WEAK_ANY = ("valid-until-min", "date-max-future")
_MACHINES = {
    "x86_64": "amd64", "aarch64": "arm64", "i686": "i386", "i586": "i386", "armv7l": "armhf",
    "ppc64le": "ppc64el", "s390x": "s390x", "riscv64": "riscv64", "loongarch64": "loong64",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class AptEntry:
    """One archive and suite as one place in the sources files asks for it.

    `flags` are the options that weaken it, as `name=value`; `signed_by` is the option's text, empty
    without one; `distrusted` is `trusted=no`; `most_age` is `valid-until-max`.
    """

    place: str  # file and line
    kind: str  # "deb" or "deb-src"
    uri: str
    suite: str
    components: tuple[str, ...]
    architectures: tuple[str, ...]
    signed_by: str = ""
    by_hash: str = "yes"
    inrelease_path: str = ""
    flags: tuple[str, ...] = ()
    distrusted: bool = False
    most_age: timedelta | None = None


@dataclass(frozen=True, slots=True)
class BrokenEntry:
    """A place in the sources files that cannot be followed, and why."""

    place: str
    message: str


def read_entries(root: Path) -> Iterator[AptEntry | BrokenEntry]:
    """Yield every entry of the machine under `root`, in apt's order, disabled ones left out."""
    native = machine_architectures(root)
    for path in source_files(root):
        shown = f"/{path.relative_to(root)}"
        try:
            content = read_file(path, shown)
        except CollectionError as error:
            yield BrokenEntry(shown, str(error))
            continue
        if path.suffix == ".sources":
            yield from _read_sources(content, shown, native)
        else:
            yield from _read_list(content, shown, native)


def source_files(root: Path) -> list[Path]:
    """Return the files apt would read: sources.list, then what its folder rules accept, sorted."""
    main = root / APT / "sources.list"
    found = [main] if main.is_file() else []
    return found + config_files(root / APT / "sources.list.d", (".list", ".sources"))


def config_files(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """Return the files of a configuration folder of apt's, by its rules for names."""
    try:
        paths = sorted(folder.iterdir())
    except OSError:
        return []  # apt does without the folder too
    return [
        path
        for path in paths
        if path.suffix in suffixes and _FILE_NAME.match(path.name) and path.is_file()
    ]


def read_file(path: Path, shown: str, *, limit: int = FILE_BYTES) -> bytes:
    """Return a small regular file's bytes; CollectionError names it as `shown`."""
    try:
        if not path.is_file():
            raise CollectionError(f"{display(shown)}: no such file")
        with path.open("rb") as opened:
            content = opened.read(limit + 1)
    except OSError as error:
        raise CollectionError(f"{display(shown)}: {error.strerror}") from None
    if len(content) > limit:
        raise CollectionError(f"{display(shown)}: more than {limit} bytes", reason="TOO_LARGE")
    return content


def machine_architectures(root: Path) -> tuple[str, ...]:
    """Return what dpkg under `root` installs, the native architecture first."""
    listed = root / "var/lib/dpkg/arch"
    if listed.is_file():
        words = read_file(listed, "/var/lib/dpkg/arch").decode("ascii", "replace").split()
        if words:
            return tuple(dict.fromkeys(words))
    machine = platform.machine()
    return (_architecture_of_dpkg(root) or _MACHINES.get(machine, machine),)


def yes_or_no(text: str) -> bool | None:
    """Read a word as apt does; None is neither."""
    word = text.strip().lower()
    return True if word in _YES else False if word in _NO else None


def _architecture_of_dpkg(root: Path) -> str:
    """Return the architecture of the package dpkg itself, which is the native one, or ""."""
    try:
        with (root / "var/lib/dpkg/status").open("rb") as opened:
            chunks = iter(lambda: opened.read(1 << 16), b"")
            for name, architecture in rows(chunks, ("Package", "Architecture"), limit=1 << 20):
                if name == "dpkg":
                    return architecture
    except (OSError, MalformedError):
        return ""
    return ""


def _read_list(
    content: bytes, shown: str, native: tuple[str, ...]
) -> Iterator[AptEntry | BrokenEntry]:
    for number, raw in enumerate(content.split(b"\n"), 1):
        place = f"{shown}:{number}"
        try:
            line = _BEFORE_COMMENT.match(raw.decode())
            words = _WORD.findall(line[0]) if line else []
            if words:
                yield from _entries(_one_line(words), place, native)
        except UnicodeDecodeError:
            yield BrokenEntry(place, f"{place}: not UTF-8")
        except MalformedError as error:
            yield BrokenEntry(place, f"{place}: {error}")


def _one_line(words: list[str]) -> dict[str, str]:
    """Return the fields that a one-line entry would have in a *.sources file."""
    fields: dict[str, str] = {}
    kind, rest = words[0], words[1:]
    if rest and rest[0].startswith("["):
        for option in rest.pop(0)[1:-1].split():
            name, equals, value = option.partition("=")
            if not equals:
                raise MalformedError(f"not option=value: {display(option)}")
            base, sign = name.lower().rstrip("+-"), name[-1:]
            ending = {"+": "-add", "-": "-remove"}.get(sign, "")
            key = _ONE_LINE_NAMES.get(base, base) + ending
            fields[key] = f"{fields.get(key, '')} {value.replace(',', ' ')}".strip()
    if len(rest) < 2:  # noqa: PLR2004 - URI and suite
        raise MalformedError("an entry is `deb [options] URI suite component...`")
    # Quotes and brackets may hold blanks, which separate words in the other format.
    uri, suite = (word.strip('"').replace(" ", "%20") for word in rest[:2])
    components = rest[2:]
    spelled = {"types": kind, "uris": uri, "suites": suite, "components": " ".join(components)}
    return fields | spelled


def _read_sources(
    content: bytes, shown: str, native: tuple[str, ...]
) -> Iterator[AptEntry | BrokenEntry]:
    try:
        stanzas = read_stanzas(content, comment="#")
    except MalformedError as error:
        yield BrokenEntry(shown, f"{shown}: {error}")
        return
    for stanza in stanzas:
        place = f"{shown}:{stanza.line}"
        try:
            yield from _stanza(stanza, place, native)
        except MalformedError as error:
            yield BrokenEntry(place, f"{place}: {error}")


def _stanza(stanza: Stanza, place: str, native: tuple[str, ...]) -> Iterator[AptEntry]:
    if yes_or_no(stanza.fields.get("enabled", "yes")) is not False:
        yield from _entries(stanza.fields, place, native)


def _entries(fields: Mapping[str, str], place: str, native: tuple[str, ...]) -> Iterator[AptEntry]:
    """Yield one entry per type, URI and suite."""
    targets = fields.get("targets", "").split()
    if targets and "Packages" not in targets:
        return  # apt reads no package list from it either
    architectures, components = _architectures(fields, native), fields.get("components", "").split()
    for kind in _words(fields, "types"):
        if kind not in ("deb", "deb-src"):
            raise MalformedError(f"the type {display(kind)} is neither deb nor deb-src")
        for uri in _words(fields, "uris"):
            for suite in _words(fields, "suites"):
                _refuse_shape(uri, suite, components)
                yield AptEntry(
                    place,
                    kind,
                    uri.replace("$(ARCH)", native[0]),
                    suite.replace("$(ARCH)", native[0]),
                    tuple(dict.fromkeys(components)),
                    architectures,
                    signed_by=fields.get("signed-by", ""),
                    by_hash=fields.get("by-hash", "yes").lower(),
                    inrelease_path=fields.get("inrelease-path", ""),
                    flags=_flags(fields),
                    distrusted=yes_or_no(fields.get("trusted", "")) is False,
                    most_age=_most_age(fields.get("valid-until-max", "")),
                )


def _words(fields: Mapping[str, str], name: str) -> list[str]:
    words = fields.get(name, "").split()
    if not words:
        raise MalformedError(f"{name.capitalize()} is missing or empty")
    return words


def _refuse_shape(uri: str, suite: str, components: list[str]) -> None:
    if not _SCHEME.match(uri) or not uri.isprintable() or not _is_url(uri):
        raise MalformedError(f"not a URI: {display(uri.rpartition('@')[2])}")
    if suite.endswith("/") and components:
        raise MalformedError(f"{display(suite)} ends in a slash, so no component may follow")
    if not suite.endswith("/") and not components:
        raise MalformedError(
            f"{display(suite)} needs at least one component, or a slash at its end"
        )


def _is_url(uri: str) -> bool:
    try:
        urlsplit(uri)
    except ValueError:  # an address in brackets that is none
        return False
    return True


def _architectures(fields: Mapping[str, str], native: tuple[str, ...]) -> tuple[str, ...]:
    named = fields.get("architectures", "").split() or native
    wanted = dict.fromkeys([*named, *fields.get("architectures-add", "").split()])
    for removed in fields.get("architectures-remove", "").split():
        wanted.pop(removed, None)
    return tuple(wanted)


def _most_age(seconds: str) -> timedelta | None:
    """Read `valid-until-max`; 0 is none, as in apt."""
    if seconds and not _SECONDS.match(seconds):
        raise MalformedError(f"Valid-Until-Max is no number of seconds: {display(seconds, 40)}")
    return timedelta(seconds=int(seconds)) if int(seconds or 0) else None


def _flags(fields: Mapping[str, str]) -> tuple[str, ...]:
    """Return the options that ask for less than apt's own demands."""
    yes = [f"{name}=yes" for name in _WEAK_YES if yes_or_no(fields.get(name, ""))]
    no = [f"{name}=no" for name in _WEAK_NO if yes_or_no(fields.get(name, "")) is False]
    return (*yes, *no, *(f"{name}={fields[name]}" for name in _WEAK_ANY if fields.get(name)))
