"""One name for one thing, on every page and in every command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.naming import key_id, plural, signer_name

ROOT = Path(__file__).parent.parent.parent
FINGERPRINT = "0123456789abcdef0123456789ABCDEF01234567"
SHOWN = [*(ROOT / "templates").rglob("*.html"), *(ROOT / "jobs").glob("verify_*.py")]
OTHER_NAMES = re.compile(
    r"\.identity(\|display\(\d+\))? or |fingerprint\[|a key that states no identity"
)


def test_a_signer_is_called_by_its_identity_or_by_its_key() -> None:
    assert signer_name("a@b.example", "Ed25519", FINGERPRINT) == "a@b.example"
    assert signer_name("", "Ed25519", FINGERPRINT) == "Ed25519 key 89ABCDEF01234567"
    assert key_id(FINGERPRINT) in signer_name("", "RSA-4096", f"sha256:{FINGERPRINT}")


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.name)
def test_nothing_names_signers_in_its_own_way(path: Path) -> None:
    assert OTHER_NAMES.findall(path.read_text()) == []


@pytest.mark.parametrize(("count", "said"), [(0, "sources"), (1, "source"), (2, "sources")])
def test_nouns_follow_their_number(count: int, said: str) -> None:
    assert plural(count, "source") == said
