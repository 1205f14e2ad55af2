"""The example estate: a small folder of releases, signed well and badly, by gpg and openssl.

`jobs/estate_cases.py` holds what is planted and what must come of it. `build_estate` makes the
keys on the spot, keeps their public parts and forgets the rest.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML

from core.errors import ConfigurationError
from core.model import Status
from jobs.estate_cases import (
    EXPIRED,
    LONG,
    PAST,
    PLANTED,
    RELEASE,
    RELEASED,
    REVOKED,
    SIGNED_LIST,
    SIGNING,
    STRANGER,
    TRUST,
    UNSIGNED_LIST,
    PlantedCase,
    PlantedTrust,
    Workshop,
    archive,
)
from jobs.signing_tools import GnuPg, OpenSsl, demand_tools

__all__ = [
    "Estate",
    "PlantedCase",
    "PlantedTrust",
    "build_estate",
    "settings_entries",
    "settings_yaml",
]

RECORD = "estate.json"  # written last: an estate without it is none
SUFFIX = ".tar.gz"
_STATUS = {"": Status.VERIFIED, "NO_SIGNATURE": Status.UNSIGNED}  # any other reason: failed
_PLAN = TypeAdapter(tuple[tuple[PlantedCase, ...], tuple[PlantedTrust, ...]])
_README = """\
# An example estate

Small releases, signed well and badly by gpg and openssl when this folder was made. The secret keys
are gone; `trust/` holds the public ones. What Countersign must say of each file below `releases/`:

| file | status | reason | what was done |
|---|---|---|---|"""


@dataclass(frozen=True, slots=True)
class Estate:
    """An estate on disk."""

    folder: Path
    cases: tuple[PlantedCase, ...]
    trust: tuple[PlantedTrust, ...]

    @property
    def releases(self) -> Path:
        """The folder a source of kind file_tree scans."""
        return self.folder / "releases"


def build_estate(folder: Path) -> Estate:
    """Build the estate, or return the one that is already there, as it was planted.

    Needs gpg and openssl; ConfigurationError says what to install, or what stands in the way.
    A build that is cut short leaves nothing behind under that name.
    """
    if (folder / RECORD).exists():
        return _load(folder)
    if folder.exists() and any(folder.iterdir()):
        raise ConfigurationError(
            f"{folder} holds other files; name a new or an empty folder for the example estate"
        )
    demand_tools()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="estate-") as secret,
        tempfile.TemporaryDirectory(prefix=".estate-", dir=folder.parent) as unfinished,
    ):
        ready = Path(unfinished) / folder.name
        _build(ready, Path(secret))
        ready.rename(folder)
    return _load(folder)


def settings_entries(estate: Estate, base: Path) -> dict[str, dict[str, object]]:
    """Return what the settings need: `trust` (by section) and `source` (one entry).

    Paths are relative to `base`, the folder of the settings file, where they can be.
    """
    trust: dict[str, object] = {}
    for section in ("keyrings", "keys", "authorities"):
        entries = [entry for entry in estate.trust if entry.section == section]
        trust[section] = {
            entry.name: {"file": _relative(estate.folder / entry.file, base)} for entry in entries
        }
    source: dict[str, object] = {
        "id": "example",
        "kind": "file_tree",
        "path": _relative(estate.releases, base),
        "trust": [entry.name for entry in estate.trust],
        "owner": "example",
        "every": "1h",
    }
    return {"trust": trust, "source": source}


def settings_yaml(estate: Estate, base: Path) -> str:
    """Return `settings_entries` as they stand in countersign.yaml."""
    entries = settings_entries(estate, base)
    written = io.StringIO()
    yaml = YAML(typ="safe")
    yaml.default_flow_style = False
    yaml.dump({"trust": entries["trust"], "sources": [entries["source"]]}, written)
    return written.getvalue()


def _build(folder: Path, secret: Path) -> None:
    workshop = Workshop(
        GnuPg(secret / "gpg", RELEASED), OpenSsl(secret / "ssl"), folder / "releases"
    )
    try:
        _make_keys(workshop)
        _plant(workshop)
        workshop.gpg.end_key(EXPIRED, "20250101T000000", decided_at="20240601T000000")
        workshop.gpg.revoke(REVOKED)
        (folder / "trust").mkdir()
        for entry, public in TRUST:
            (folder / entry.file).write_bytes(public(workshop))
    finally:
        workshop.gpg.close()
    estate = Estate(folder, _cases(), tuple(entry for entry, _ in TRUST))
    (folder / "README.md").write_text(_readme(estate))
    (folder / RECORD).write_bytes(_PLAN.dump_json((estate.cases, estate.trust), indent=2))


def _make_keys(workshop: Workshop) -> None:
    for mail in (RELEASE, STRANGER, REVOKED):
        workshop.gpg.new_key(mail)
    workshop.gpg.new_key(EXPIRED, made_at="20240101T000000")
    openssl = workshop.openssl
    for name in ("ec", "stranger"):
        openssl.new_key(name, "EC", "ec_paramgen_curve:P-256")
    openssl.new_key("rsa", "RSA", "rsa_keygen_bits:3072")
    openssl.new_key("ed25519", "ED25519")
    openssl.new_authority("ca", "Example Code Signing CA", *LONG)
    openssl.new_authority("foreign-ca", "Foreign CA", *LONG)
    openssl.new_certificate("signer", "Compass Releases", "ca", *SIGNING)
    openssl.new_certificate("past", "Compass Releases 2024", "ca", *PAST)
    openssl.new_certificate("foreign", "Compass Releases", "foreign-ca", *SIGNING)


def _plant(workshop: Workshop) -> None:
    for name, _, _, story in PLANTED:
        file = _file(workshop, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(archive(file.name, story))
    # Lists are made before anything is altered, as a publisher would have made them.
    workshop.gpg.sign(RELEASE, _checksum_list(workshop, *SIGNED_LIST))
    _checksum_list(workshop, *UNSIGNED_LIST)
    for name, work, _, _ in PLANTED:
        work(workshop, _file(workshop, name))


def _checksum_list(workshop: Workshop, folder: str, *names: str) -> Path:
    files = [_file(workshop, f"{folder}/{name}") for name in names]
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    listed = workshop.releases / folder / "SHA256SUMS"
    listed.write_text("".join(lines))
    return listed


def _file(workshop: Workshop, name: str) -> Path:
    return workshop.releases / f"{name}{SUFFIX}"


def _cases() -> tuple[PlantedCase, ...]:
    return tuple(
        PlantedCase(f"{name}{SUFFIX}", _STATUS.get(reason, Status.FAILED), reason, story)
        for name, _, reason, story in PLANTED
    )


def _readme(estate: Estate) -> str:
    rows = [
        f"| {case.path} | {case.status} | {case.reason or 'none'} | {case.story} |"
        for case in estate.cases
    ]
    return "\n".join([_README, *rows, ""])


def _load(folder: Path) -> Estate:
    try:
        cases, trust = _PLAN.validate_json((folder / RECORD).read_bytes())
    except (OSError, ValidationError):
        raise ConfigurationError(
            f"{folder / RECORD} cannot be read; remove {folder} and the estate is built anew"
        ) from None
    return Estate(folder, cases, trust)


def _relative(path: Path, base: Path) -> str:
    path, base = path.resolve(), base.resolve()
    return str(path.relative_to(base)) if path.is_relative_to(base) else str(path)
