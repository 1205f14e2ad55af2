"""What may be shown as verified: what somebody says who is trusted now, as of the last look."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from core.model import UnitEnd, digest_of
from jobs import rejudging
from jobs.rejudging import follow_everything, follow_policies, follow_time
from jobs.workspace import Workspace
from jobs.writing import UnitWriter
from storage import rollups, schema
from tests.fakes.apt_archive import SigningKey, stanza
from tests.jobs import one_database
from tests.jobs.apt_workspace import (
    CONTRIB,
    EARLIER,
    FIRST,
    LATER,
    LIST,
    AptScene,
    Keys,
    packages,
    scan,
)
from tests.jobs.conftest import NOW, Reopen

both, database_url = one_database.both, one_database.database_url
keys, apt = one_database.keys, one_database.apt
EVIL = b"\n" + stanza("evil")
BEACON, RSA = "keys/beacon-ec.tar.gz", "keys/beacon-rsa.tar.gz"
COMPASS = "certificates/compass-2.0.tar.gz"


class KilledError(Exception):
    """Stands for the end of the process: what was committed before it stays."""


@contextmanager
def killed_in(owner: Any, name: str, *, call: int = 1) -> Iterator[None]:
    """Let the block die when it calls `owner.name` for the `call`-th time."""
    real, calls = getattr(owner, name), 0

    def deadly(*args: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            raise KilledError
        return real(*args, **named)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(owner, name, deadly)
        with pytest.raises(KilledError):
            yield


# --- a forged list ------------------------------------------------------------------------------


BEFORE = "Sun, 22 Nov 2026 05:00:00 UTC"


@pytest.mark.parametrize(
    ("named", "dated"),
    [
        ("both lists", LATER),
        ("both lists", BEFORE),
        ("the first alone", LATER),
        ("both, one as it was", LATER),
    ],
)
def test_forged_release_fails_every_list_it_stands_for(
    apt: AptScene, named: str, dated: str
) -> None:
    apt.edit("components: [main]", "components: [main, contrib]")
    contrib = stanza("c1") + b"\n" + stanza("c2")
    lists = {LIST: packages(3), CONTRIB: contrib}
    apt.archive.write("stable", lists, suffixes=(".xz",), date=EARLIER)
    scan(apt.workspace)
    assert len(apt.verified()) == 5
    forged = {LIST: packages(3) + EVIL}
    if named != "the first alone":
        forged[CONTRIB] = contrib + (EVIL if named == "both lists" else b"")
    apt.archive.key = apt.keys.other
    apt.archive.write("stable", forged, suffixes=(".xz",), date=dated)
    scan(apt.workspace)
    assert apt.standings() == {("failed", "KEY_UNKNOWN"): 5}
    for date in (EARLIER, LATER):  # the very same again, and a newer one
        apt.archive.key = apt.keys.good
        apt.archive.write("stable", lists, suffixes=(".xz",), date=date)
        scan(apt.workspace)
        assert apt.standings() == {("verified", ""): 5}
        apt.archive.key = apt.keys.other
        apt.archive.write("stable", forged, suffixes=(".xz",), date=dated)
        scan(apt.workspace)
        assert apt.verified() == []


# --- an honest list after a forged one ---------------------------------------------------------


@both
def test_honest_list_does_not_promote_what_only_a_forged_one_named(apt: AptScene) -> None:
    apt.forge(packages(2) + EVIL, EARLIER)
    apt.scan()
    assert apt.standings() == {("failed", "KEY_UNKNOWN"): 3}
    apt.publish(packages(2))
    apt.scan()
    assert apt.standings() == {("verified", ""): 2}


def test_honest_list_in_an_incomplete_unit_promotes_only_what_it_names(apt: AptScene) -> None:
    apt.edit("components: [main]", "components: [main, nosuch]")
    apt.forge(packages(2) + EVIL, EARLIER)
    apt.scan()
    apt.publish(packages(2))
    for _ in range(2):
        assert apt.scan().scan.state == "failed"
        assert apt.standings() == {("verified", ""): 2, ("failed", "KEY_UNKNOWN"): 1}
        assert "evil" not in apt.verified()


def test_honest_list_half_written_promotes_nothing_that_it_does_not_name(apt: AptScene) -> None:
    apt.forge(packages(2) + EVIL, EARLIER)
    apt.scan()
    apt.publish(packages(2))
    with killed_in(UnitWriter, "_end"):
        apt.scan()
    assert "evil" not in apt.verified()
    # neither what a new process does first, nor another policy, takes the place of the list's end
    follow_everything(apt.workspace)
    assert "evil" not in apt.verified()
    remove_policies(apt.workspace)
    apt.open(NOW)
    follow_everything(apt.workspace)
    assert "evil" not in apt.verified()
    apt.scan()
    assert apt.standings() == {("verified", ""): 2}


def test_checksum_list_promotes_no_file_that_it_stopped_naming(
    workspace: Workspace, keys: Keys, reopen: Reopen
) -> None:
    settings, folder = workspace.file.path, releases(workspace) / "own"
    (workspace.file.folder / "good.gpg").write_bytes(keys.good.export())
    text = settings.read_text().replace(
        "  keyrings:\n", "  keyrings:\n    good: {file: good.gpg}\n"
    )
    text = text.replace("- example-ec\n", "- example-ec\n  - good\n")
    settings.write_text(text + "limits: {artifact_bytes: 100000}\n")
    folder.mkdir()
    listed = {name: digest_of(name.encode()).value for name in ("a.bin", "b.bin")}
    for name in listed:
        (folder / name).write_bytes(name.encode())
    sign_list(folder, listed, keys.other)
    scan(reopen(settings, NOW), "example")
    # b.bin is named no more, and too large to be read: its unit does not end
    (folder / "b.bin").write_bytes(b"x" * 200_000)
    sign_list(folder, {"a.bin": listed["a.bin"]}, keys.good)
    assert scan(reopen(settings, NOW), "example").scan.state == "partial"
    found = standing(workspace, "own/a.bin"), standing(workspace, "own/b.bin")
    assert found == (("verified", ""), ("failed", "KEY_UNKNOWN"))


def sign_list(folder: Path, listed: dict[str, str], key: SigningKey) -> None:
    text = "".join(f"{digest}  {name}\n" for name, digest in listed.items()).encode()
    (folder / "SHA256SUMS").write_bytes(text)
    (folder / "SHA256SUMS.asc").write_bytes(key.detach(text))


# --- a list that stops verifying ---------------------------------------------------------------


def test_list_whose_signature_was_stripped_takes_the_verdict_and_adds_nothing(
    apt: AptScene,
) -> None:
    apt.publish(packages(5))
    apt.scan()
    unsigned = {LIST: packages(2) + EVIL}
    apt.archive.write("stable", unsigned, suffixes=(".xz",), signed="not", date=LATER)
    assert apt.scan().scan.state == "failed"
    assert apt.standings() == {("unsigned", "NO_SIGNATURE"): 5}


def test_forged_list_is_not_believed_after_the_settings_were_edited(apt: AptScene) -> None:
    apt.publish(packages(5))
    apt.scan()
    apt.edit("architectures: [amd64]", "architectures: [amd64, arm64]")
    apt.forge(packages(1) + EVIL)
    apt.scan()
    assert apt.standings() == {("failed", "KEY_UNKNOWN"): 5}


def test_list_of_another_archive_promotes_nothing_that_it_does_not_name(apt: AptScene) -> None:
    """The archive has moved, one suite is not there yet, and the scan stays incomplete."""
    apt.forge(packages(3), FIRST)
    apt.scan()
    assert apt.standings() == {("failed", "KEY_UNKNOWN"): 3}
    apt.publish(packages(1), LATER)
    apt.edit(f"url: '{apt.server.url}', suites: [stable]",
             f"url: 'file:{apt.archive.folder}', suites: [stable, absent]")  # fmt: skip
    assert apt.scan().scan.state == "partial"
    assert apt.verified() == ["package-00000"]


def test_older_release_is_a_rollback_after_the_settings_were_edited(apt: AptScene) -> None:
    apt.publish(packages(5), LATER)
    apt.scan()
    apt.edit("architectures: [amd64]", "architectures: [amd64, arm64]")
    apt.publish(packages(3), EARLIER)
    report = apt.scan()
    assert [error.reason for error in report.scan.counts.errors] == ["METADATA_ROLLBACK"]
    assert apt.standings() == {("verified", ""): 5}


def test_honest_list_that_comes_back_byte_for_byte_is_believed_again(apt: AptScene) -> None:
    apt.publish(packages(5))
    apt.scan()
    release = apt.archive.folder / "dists" / "stable" / "InRelease"
    honest, stamp = release.read_bytes(), release.stat()
    apt.forge(packages(5))
    apt.scan()
    assert apt.standings() == {("failed", "KEY_UNKNOWN"): 5}
    apt.publish(packages(5))
    release.write_bytes(honest)
    os.utime(release, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    apt.scan()
    assert apt.standings() == {("verified", ""): 5}


def test_package_of_a_half_written_list_is_gone_when_the_next_one_does_not_name_it(
    apt: AptScene,
) -> None:
    apt.publish(packages(3), EARLIER)
    apt.scan()
    apt.publish(packages(3) + b"\n" + stanza("withdrawn"), FIRST)
    with killed_in(UnitWriter, "_end"):
        apt.scan()
    apt.publish(packages(3), LATER)  # byte for byte the list of the first scan
    apt.scan()
    assert apt.standings() == {("verified", ""): 3}
    assert "withdrawn" not in apt.verified()


# --- time, shared ------------------------------------------------------------------------------


def test_lists_that_share_a_verification_end_together_though_a_kill_and_a_policy_came_between(
    apt: AptScene,
) -> None:
    apt.edit("components: [main]", "components: [main, contrib]")
    apt.archive.fields["Valid-Until"] = "Mon, 30 Nov 2026 06:00:00 UTC"
    lists = {LIST: packages(3), CONTRIB: stanza("c1") + b"\n" + stanza("c2")}
    apt.archive.write("stable", lists, suffixes=(".xz",))
    apt.scan()
    assert apt.standings() == {("verified", ""): 5}
    apt.open(NOW + timedelta(days=8))
    with killed_in(rejudging, "_rejudge_set", call=2):
        follow_time(apt.workspace)
    assert apt.standings() != {("verified", ""): 5}
    remove_policies(apt.workspace)
    apt.open(NOW + timedelta(days=8))
    follow_policies(apt.workspace)  # judges by what is stored, before time had its turn
    follow_time(apt.workspace)
    assert apt.standings() == {("failed", "METADATA_EXPIRED"): 5}


# --- trust taken back --------------------------------------------------------------------------


@both
def test_trust_taken_back_ends_what_rested_on_it_though_the_source_is_out_of_reach(
    workspace: Workspace, reopen: Reopen
) -> None:
    scan(workspace, "example")
    take_away(workspace)
    distrust(workspace)
    after = reopen(workspace.file.path, NOW)
    follow_everything(after)
    assert standing(after, BEACON) == ("unknown", "TRUST_CHANGED")
    assert policy_status(after, BEACON) == "unknown"
    assert standing(after, RSA) == ("verified", "")
    assert scan(after, "example").scan.state == "failed"
    assert standing(after, BEACON) == ("unknown", "TRUST_CHANGED")
    # time passes and policies change: it stays so until it is read again
    remove_policies(after)
    follow_everything(reopen(workspace.file.path, NOW + timedelta(days=9)))
    assert standing(after, BEACON) == ("unknown", "TRUST_CHANGED")


def test_key_narrowed_to_a_window_ends_what_rested_on_it_until_it_is_read_again(
    workspace: Workspace, reopen: Reopen
) -> None:
    scan(workspace, "example")
    away = take_away(workspace)
    entry = "file: example/trust/ec.pem"
    text = workspace.file.path.read_text()
    narrowed = text.replace(entry, f"{entry}\n      valid: {{until: 2026-11-01}}")
    workspace.file.path.write_text(narrowed)
    after = reopen(workspace.file.path, NOW)
    follow_everything(after)
    assert standing(after, BEACON) == ("unknown", "TRUST_CHANGED")
    away.rename(releases(workspace))
    scan(after, "example")
    assert standing(after, BEACON)[0] == "failed"


@both
def test_what_a_clock_that_was_ahead_let_count_is_looked_at_anew(
    workspace: Workspace, reopen: Reopen
) -> None:
    entry = "file: example/trust/ec.pem"
    text, begins = workspace.file.path.read_text(), NOW + timedelta(days=1)
    later = text.replace(entry, f"{entry}\n      valid: {{from: {begins:%Y-%m-%d}}}")
    workspace.file.path.write_text(later)
    ahead = reopen(workspace.file.path, NOW + timedelta(days=2))
    scan(ahead, "example")
    assert standing(ahead, BEACON) == ("verified", "")
    after = reopen(workspace.file.path, NOW)
    scan(after, "example")
    assert standing(after, BEACON) == ("failed", "KEY_EXPIRED")


def test_revocation_list_that_was_added_puts_in_doubt_what_rests_on_certificates(
    workspace: Workspace, reopen: Reopen
) -> None:
    scan(workspace, "example")
    take_away(workspace)
    write_revocation_list(workspace.file.folder / "other.crl")
    text = workspace.file.path.read_text()
    text = text.replace("\ntrust:\n", "\ntrust:\n  revocations: {other: {file: other.crl}}\n")
    workspace.file.path.write_text(text.replace("- example-ec\n", "- example-ec\n  - other\n", 1))
    after = reopen(workspace.file.path, NOW)
    follow_everything(after)
    assert standing(after, COMPASS) == ("unknown", "TRUST_CHANGED")
    assert standing(after, BEACON) == ("verified", "")


def test_trust_given_back_is_believed_at_the_next_look(
    workspace: Workspace, reopen: Reopen
) -> None:
    scan(workspace, "example")
    trusting = workspace.file.path.read_text()
    distrust(workspace)
    follow_everything(reopen(workspace.file.path, NOW))
    workspace.file.path.write_text(trusting)
    after = reopen(workspace.file.path, NOW)
    follow_everything(after)
    assert standing(after, BEACON) == ("unknown", "TRUST_CHANGED")
    scan(after, "example")
    assert standing(after, BEACON) == ("verified", "")


def test_trust_taken_back_after_an_interrupted_scan_verifies_nothing(
    workspace: Workspace, reopen: Reopen
) -> None:
    settings = workspace.file.path
    trusting = settings.read_text()
    distrust(workspace)
    distrusting = settings.read_text()
    scan(reopen(settings, NOW), "example")
    settings.write_text(trusting)
    interrupted = reopen(settings, NOW)
    real = UnitWriter._end

    def without_keys(self: UnitWriter, end: UnitEnd) -> int:
        return real(self, end) if self._unit != "keys" else 0

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(UnitWriter, "_end", without_keys)
        scan(interrupted, "example")
    settings.write_text(distrusting)
    after = reopen(settings, NOW + timedelta(hours=1))
    assert scan(after, "example").scan.state == "complete"
    assert standing(after, BEACON) == ("failed", "SIGNATURE_INVALID")


def test_trust_taken_back_after_an_incomplete_scan_verifies_nothing(
    workspace: Workspace, reopen: Reopen
) -> None:
    settings, large = workspace.file.path, releases(workspace) / "keys" / "large.bin"
    trusting = settings.read_text()
    distrust(workspace)
    distrusting = settings.read_text()
    scan(reopen(settings, NOW), "example")
    large.write_bytes(b"x" * 200_000)
    settings.write_text(trusting + "limits: {artifact_bytes: 100000}\n")
    trusted = reopen(settings, NOW + timedelta(hours=1))
    assert scan(trusted, "example").scan.state == "partial"
    assert standing(trusted, BEACON) == ("verified", "")
    large.unlink()
    settings.write_text(distrusting)
    after = reopen(settings, NOW + timedelta(hours=2))
    assert scan(after, "example").scan.state == "complete"
    assert standing(after, BEACON) == ("failed", "SIGNATURE_INVALID")


@pytest.mark.parametrize("how", ["replaced", "named_no_more"])
def test_keyring_taken_back_ends_what_rested_on_it_though_the_archive_is_out_of_reach(
    apt: AptScene, how: str
) -> None:
    apt.publish(packages(3))
    apt.scan()
    apt.server.answers["/dists/stable/InRelease"] = (500, b"")
    if how == "replaced":
        keyring(apt).write_bytes(apt.keys.other.export())
    else:
        apt.edit(", keyring: archive.gpg", "")
    apt.scan()
    assert apt.standings() == {("unknown", "TRUST_CHANGED"): 3}


def test_keyring_that_gains_a_key_still_vouches_for_what_it_did(apt: AptScene) -> None:
    apt.publish(packages(3))
    apt.scan()
    keyring(apt).write_bytes(apt.keys.good.export() + apt.keys.other.export())
    for _ in range(2):
        assert apt.scan().scan.state == "complete"
        assert apt.standings() == {("verified", ""): 3}


def keyring(apt: AptScene) -> Path:
    return apt.settings.parent / "archive.gpg"


def releases(workspace: Workspace) -> Path:
    return workspace.file.folder / "example" / "releases"


def take_away(workspace: Workspace) -> Path:
    """Let the source be out of reach; return where it lies meanwhile."""
    return releases(workspace).rename(releases(workspace).with_name("away"))


def distrust(workspace: Workspace) -> None:
    """Take the key that vouches for BEACON out of the source's trust."""
    lines = workspace.file.path.read_text().splitlines(keepends=True)
    kept = [line for line in lines if line.strip() != "- example-ec"]
    assert len(kept) == len(lines) - 1
    workspace.file.path.write_text("".join(kept))


def write_revocation_list(path: Path) -> None:
    """Write the list of an authority that issued nothing here."""
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Elsewhere")])
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer)
    builder = builder.last_update(NOW).next_update(NOW + timedelta(days=1))
    signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), SHA256())
    path.write_bytes(signed.public_bytes(Encoding.PEM))


def remove_policies(workspace: Workspace) -> None:
    for one in (workspace.file.folder / "policies").glob("*.yaml"):
        one.unlink()


def standing(workspace: Workspace, name: str) -> tuple[str, str]:
    c = schema.location.c
    with workspace.database.reading() as connection:
        assert rollups.differences(connection) == []
        row = connection.execute(sa.select(c.status, c.reason).where(c.name == name)).one()
    return row.status, row.reason


def policy_status(workspace: Workspace, name: str) -> str:
    c = schema.location.c
    with workspace.database.reading() as connection:
        found: str = connection.execute(
            sa.select(c.policy_status).where(c.name == name)
        ).scalar_one()
    return found
