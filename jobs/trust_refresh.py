"""A Sigstore trusted root fetched anew through its TUF repository; only ever on request.

Signatures, expiry and rollback are the TUF client's (specification sections 5.3 to 5.7); the bytes
come through our own bounded HTTP. What was fetched lies beside the settings, and counts from then
on like any other trust file: with its digest in every verification it vouched for.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tuf.api.exceptions import DownloadError, DownloadHTTPError, RepositoryError
from tuf.ngclient.config import UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface
from tuf.ngclient.updater import Updater

from core.errors import ConfigurationError, CountersignError, MalformedError, UnreachableError
from core.limits import Limits
from core.model import Digest, TrustEntry, TrustKind, digest_of
from jobs.builtin_roots import REFRESHED, builtin_repository, refreshed_places
from net.http import Http
from verification.trust import describe

TARGET = "trusted_root.json"
MAX_BYTES = 8 * 1024 * 1024
_FOUND = 200
_READABLE = 0o644


@dataclass(frozen=True, slots=True)
class Repository:
    """Where a root is refreshed from: its TUF repository, the root metadata to start with."""

    url: str
    first_root: bytes
    metadata: Path  # what was accepted so far: the TUF client's memory against rollback
    destination: Path
    fetched_under: Path  # beside it: the TUF root metadata of the fetch, which dates it


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh came to."""

    name: str
    path: Path
    digest: Digest
    is_new: bool


def builtin_refresh(name: str, folder: Path) -> Repository:
    """Return where a root that comes with us is refreshed from, and to."""
    url, first_root = builtin_repository(name)
    destination, fetched_under = refreshed_places(name, folder)
    return Repository(
        url, first_root, folder / REFRESHED / "tuf" / name, destination, fetched_under
    )


def refresh(name: str, repository: Repository, limits: Limits) -> Refreshed:
    """Fetch the root and write it; raise CountersignError and change nothing where it fails."""
    content = _fetch(repository, limits)
    try:
        describe(TrustEntry(name, TrustKind.ROOT, content, repository.url), limits)
    except MalformedError as error:
        raise MalformedError(f"{repository.url}: {TARGET}: {error}") from error
    _replace(repository.fetched_under, (repository.metadata / "root.json").read_bytes())
    is_new = _replace(repository.destination, content)
    return Refreshed(name, repository.destination, digest_of(content), is_new)


def _fetch(repository: Repository, limits: Limits) -> bytes:
    http = Http(limits, home=repository.url)
    url = repository.url.rstrip("/")
    repository.metadata.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="countersign-") as folder:
        try:
            updater = Updater(
                str(repository.metadata), f"{url}/", folder, f"{url}/targets/", _Fetcher(http),
                UpdaterConfig(targets_max_length=MAX_BYTES), bootstrap=repository.first_root,
            )  # fmt: skip
            updater.refresh()
            target = updater.get_targetinfo(TARGET)
            if target is None:
                raise MalformedError(f"{url}: the repository has no {TARGET}")
            if target.length > MAX_BYTES:
                raise MalformedError(f"{url}: {TARGET} has {target.length} bytes, over {MAX_BYTES}")
            return Path(updater.download_target(target)).read_bytes()
        except (DownloadError, RepositoryError) as error:
            raise _complaint(url, error) from error
        finally:
            http.close()


def _complaint(url: str, error: Exception) -> CountersignError:
    cause = error.__cause__
    if isinstance(cause, CountersignError):
        return cause
    if isinstance(error, DownloadError):
        return UnreachableError(f"{url}: {error}")
    return MalformedError(f"{url}: the TUF metadata is refused: {error}")


def _replace(path: Path, content: bytes) -> bool:
    """Put the file in place whole, for everybody to read; return whether it is another one.

    Whoever reads it meanwhile sees the old or the new one; a failure leaves the old one alone.
    """
    try:
        if path.is_file() and path.read_bytes() == content:
            path.chmod(_READABLE)
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, content)
    except OSError as error:
        raise ConfigurationError(f"cannot be written: {error.strerror}", path=str(path)) from error
    return True


def _write(path: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    try:
        with open(descriptor, "wb") as written:  # noqa: PTH123 - a descriptor has no Path
            written.write(content)
            written.flush()
            os.fchmod(descriptor, _READABLE)  # the dashboard may run as somebody else
            os.fsync(descriptor)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


class _Fetcher(FetcherInterface):
    """The TUF client's way out: one bounded GET."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def _fetch(self, url: str) -> Iterator[bytes]:
        answer = self._http.get(url, limit=MAX_BYTES)
        if answer.status != _FOUND:
            raise DownloadHTTPError(f"{url} answered {answer.status}", answer.status)
        yield answer.body
