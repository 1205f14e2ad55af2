"""Secrets are read where they are used, bounded, and never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ConfigurationError
from core.settings import Secret
from jobs.secrets import MAX_SECRET_BYTES, reveal


def test_secret_file_is_read_without_the_line_end(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(" gehëim \r\n\n".encode())
    assert reveal(Secret(file="token"), tmp_path) == " gehëim "


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"hunter2\xff", "is not UTF-8 text"),
        (b"hunter2" + bytes(MAX_SECRET_BYTES), f"is over {MAX_SECRET_BYTES} bytes"),
        (None, "No such file"),
    ],
    ids=["not text", "too long", "missing"],
)
def test_secret_file_that_cannot_be_used_is_named_and_not_shown(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    with pytest.raises(ConfigurationError, match=said) as raised:
        reveal(Secret(file="token"), tmp_path)
    assert str(tmp_path / "token") in str(raised.value)
    assert "hunter2" not in repr(raised.value)
    assert raised.value.__cause__ is None or "hunter2" not in repr(raised.value.__cause__)
