"""File names of Python distributions, read into what two spellings of one file share.

Wheels: the binary distribution format (PEP 427, with PEP 425 tags); source distributions: PEP 625
and the older `name-version` with `.zip`. Names compare as PEP 503 normalises them, versions as
PEP 440 does, tags as sets. The grammar is read by hand: a hostile name of compressed tags makes
no product of them here.
"""

from __future__ import annotations

import re

from core.errors import MalformedError
from core.frozen import dataclass

MAX_NAME = 1024
_SEPARATORS = re.compile(r"[-_.]+")
_PROJECT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_WHEEL_PROJECT = re.compile(r"[A-Za-z0-9_.]+")
_BUILD = re.compile(r"([0-9]+)([A-Za-z0-9_.]*)")
_TAG = re.compile(r"[a-z0-9_]+(?:\.[a-z0-9_]+)*")
# PEP 440, appendix B, without the blanks it tolerates: a file name holds none.
_VERSION = re.compile(
    r"v?(?:(?P<epoch>[0-9]+)!)?(?P<release>[0-9]+(?:\.[0-9]+)*)"
    r"(?:[-_.]?(?P<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<pre_number>[0-9]*))?"
    r"(?:-(?P<post_implicit>[0-9]+)|[-_.]?(?P<post>post|rev|r)[-_.]?(?P<post_number>[0-9]*))?"
    r"(?:[-_.]?(?P<dev>dev)[-_.]?(?P<dev_number>[0-9]*))?"
    r"(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?",
)
_PRE = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}
_SOURCE_ENDS = (".tar.gz", ".zip")
_WHEEL_PARTS, _WITH_BUILD = 5, 6  # PEP 427: without and with the optional build tag
_SHOWN = 120


@dataclass(frozen=True, slots=True)
class PythonFile:
    """What a distribution's file name says, normalised; sources have no tags and no build."""

    project: str
    version: str
    is_wheel: bool
    build: tuple[int, str] | None = None
    tags: tuple[frozenset[str], ...] = ()


def read_python_name(name: str) -> PythonFile:
    """Read the file name of a wheel or a source distribution; raise MalformedError."""
    if len(name) > MAX_NAME:
        raise MalformedError(f"a file name of {len(name)} characters, more than {MAX_NAME}")
    if name.endswith(".whl"):
        return _wheel(name)
    end = next((end for end in _SOURCE_ENDS if name.endswith(end)), "")
    project, dash, version = name.removesuffix(end).rpartition("-")
    if not end or not dash or not _PROJECT.fullmatch(project):
        raise _foreign(name)
    return PythonFile(_normalised(project), _version(version, name), is_wheel=False)


def _wheel(name: str) -> PythonFile:
    parts = name.removesuffix(".whl").split("-")
    if (
        len(parts) not in (_WHEEL_PARTS, _WITH_BUILD)
        or not _WHEEL_PROJECT.fullmatch(parts[0])
        or "__" in parts[0]
    ):
        raise _foreign(name)
    build = None
    if len(parts) == _WITH_BUILD:
        found = _BUILD.fullmatch(parts[2])
        if found is None:
            raise _foreign(name)
        build = (int(found[1]), found[2])
    tags = [part.lower() for part in parts[-3:]]
    if not all(map(_TAG.fullmatch, tags)):
        raise _foreign(name)
    return PythonFile(
        _normalised(parts[0]),
        _version(parts[1], name),
        is_wheel=True,
        build=build,
        tags=tuple(frozenset(tag.split(".")) for tag in tags),
    )


def _normalised(project: str) -> str:
    """Return a project's name as PEP 503 writes it."""
    return _SEPARATORS.sub("-", project).lower()


def _version(written: str, name: str) -> str:
    """Return a version in PEP 440's normal form, trailing zeros of the release left out."""
    found = _VERSION.fullmatch(written.lower())
    if found is None:
        raise _foreign(name)
    numbers = [str(int(part)) for part in found["release"].split(".")]
    while len(numbers) > 1 and numbers[-1] == "0":
        numbers.pop()
    version = f"{int(found['epoch'] or 0)}!{'.'.join(numbers)}"
    if found["pre"]:
        version += f"{_PRE.get(found['pre'], found['pre'])}{int(found['pre_number'] or 0)}"
    if found["post"] or found["post_implicit"]:
        version += f".post{int(found['post_implicit'] or found['post_number'] or 0)}"
    if found["dev"]:
        version += f".dev{int(found['dev_number'] or 0)}"
    return version + _local(found["local"] or "")


def _local(written: str) -> str:
    parts = _SEPARATORS.split(written) if written else []
    return "+" + ".".join(str(int(p)) if p.isdigit() else p for p in parts) if parts else ""


def _foreign(name: str) -> MalformedError:
    return MalformedError(f"no file name of a wheel or source distribution: {name[:_SHOWN]!r}")
