"""What a revocation that came into a keyring, or a key that went, puts in doubt: end to end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from jobs.rejudging import follow_everything
from storage import migrate
from storage.database import Database
from tests.jobs import one_database
from tests.jobs.apt_workspace import scan
from tests.jobs.conftest import NOW, Reopen
from tests.jobs.test_belief import standing
from tests.verification.openpgp.openpgp_material import MADE, TEXT, WITHDRAWN, Gnupg, gnupg
from verification.openpgp.packets import split_packets

database_url = one_database.database_url
NAME = "text"
WAYS = ("alone", "by key id", "by another")


@dataclass(frozen=True)
class Rings:
    """A signature, its key, and what withdraws it."""

    signature: bytes
    owner: bytes
    forged: bytes  # the owner's key with a revocation by the other that does not hold
    other: bytes
    revocations: dict[str, bytes]


@pytest.fixture(scope="module")
def rings() -> Iterator[Rings]:
    with gnupg() as gpg:
        gpg.key("owner", "rsa2048")
        gpg.key("other")
        answers = "addrevoker\nother@acme.test\ny\nsave\n"
        gpg.run("--edit-key", "owner@acme.test", at=MADE, answers=answers)
        signature, owner = gpg.sign("owner"), gpg.export("owner")
        alone, by_other = written(gpg, "--gen-revoke"), written(gpg, "--desig-revoke")
        whole = list(split_packets(by_other, most=9))
        (at,) = [n for n, one in enumerate(whole) if one.tag == 2 and one.body[1] == 0x20]
        packet = whole[at].raw
        forged = [one.raw for one in whole]
        forged[at] = packet[:-1] + bytes([packet[-1] ^ 1])
        yield Rings(
            signature,
            owner,
            b"".join(forged),
            gpg.export("other"),
            {"alone": alone, "by key id": without_fingerprint(alone), "by another": packet},
        )


def written(gpg: Gnupg, command: str) -> bytes:
    answers = "y\n1\n\ny\n"
    made = gpg.run("-o-", command, "owner@acme.test", at=WITHDRAWN, answers=answers)
    (gpg.home / "made").write_bytes(made)
    return gpg.run("-o-", "--dearmor", "made")


def without_fingerprint(packet: bytes) -> bytes:
    """Return a revocation that names its key by the key id alone, and so holds no more."""
    body = bytearray(next(split_packets(packet, most=1)).body)
    assert body[6:9] == b"\x16\x21\x04"  # the subpacket of the fingerprint, signed
    body[7] = 0x64  # a private kind: the key id, which nobody signs, is left
    return b"\x89" + len(body).to_bytes(2, "big") + bytes(body)


def write_settings(folder: Path, url: str, **keyrings: bytes) -> Path:
    for name, content in keyrings.items():
        (folder / f"{name}.gpg").write_bytes(content)
    files = ", ".join(f"{name}: {{file: {name}.gpg}}" for name in keyrings)
    path = folder / "countersign.yaml"
    path.write_text(
        f"database: {url}\npolicies: policies/\ntrust:\n  keyrings: {{{files}}}\n"
        f"sources:\n- {{id: s, kind: file_tree, path: {folder}/rel, every: 1h, owner: o,"
        f" trust: [{', '.join(keyrings)}]}}\n"
    )
    return path


@pytest.fixture
def folder(tmp_path: Path, database_url: str, rings: Rings) -> Path:
    for name in ("rel", "policies"):
        (tmp_path / name).mkdir()
    (tmp_path / "rel" / NAME).write_bytes(TEXT)
    (tmp_path / "rel" / f"{NAME}.sig").write_bytes(rings.signature)
    database = Database.open(database_url)
    migrate.upgrade(database)
    database.close()
    return tmp_path


@pytest.mark.parametrize("way", WAYS)
def test_revocation_that_was_added_puts_in_doubt_what_the_key_signed(
    folder: Path, database_url: str, reopen: Reopen, rings: Rings, way: str
) -> None:
    before = reopen(write_settings(folder, database_url, owner=rings.owner), NOW)
    scan(before, "s")
    assert standing(before, NAME) == ("verified", "")
    # The key that revokes stands beside its revocation, as it does where a ring is kept whole.
    added = rings.revocations[way] + (rings.other if way == "by another" else b"")
    after = reopen(write_settings(folder, database_url, owner=rings.owner, added=added), NOW)
    follow_everything(after)
    assert standing(after, NAME) == ("unknown", "TRUST_CHANGED")
    scan(after, "s")
    found = ("verified", "") if way == "by key id" else ("failed", "KEY_REVOKED")
    assert standing(after, NAME) == found  # the one by key id was altered: it does not hold


def test_key_that_went_puts_in_doubt_what_it_kept_from_being_revoked(
    folder: Path, database_url: str, reopen: Reopen, rings: Rings
) -> None:
    both_rings = write_settings(folder, database_url, owner=rings.forged, other=rings.other)
    before = reopen(both_rings, NOW)
    scan(before, "s")
    assert standing(before, NAME) == ("verified", "")
    after = reopen(write_settings(folder, database_url, owner=rings.forged), NOW)
    follow_everything(after)
    assert standing(after, NAME) == ("unknown", "TRUST_CHANGED")
    scan(after, "s")
    assert standing(after, NAME) == ("failed", "KEY_REVOKED")
