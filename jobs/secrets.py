"""Read secrets at the moment of use; they are never stored and never logged."""

from __future__ import annotations

import os
from pathlib import Path

from core.errors import ConfigurationError
from core.settings import Secret

MAX_SECRET_BYTES = 64 * 1024


def reveal(secret: Secret, folder: Path) -> str:
    """Return the value; a relative file starts at the settings file's folder."""
    if secret.env:
        value = os.environ.get(secret.env)  # noqa: TID251 - secrets are the exception
        if value is None:
            raise ConfigurationError(f"the environment variable {secret.env} is not set")
        return value
    path = folder / secret.file
    try:
        with path.open("rb") as handle:
            content = handle.read(MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"secret file {path}: {error.strerror}") from error
    if len(content) > MAX_SECRET_BYTES:
        raise ConfigurationError(f"secret file {path} is over {MAX_SECRET_BYTES} bytes")
    try:
        return content.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:  # which holds the secret
        raise ConfigurationError(f"secret file {path} is not UTF-8 text") from None
