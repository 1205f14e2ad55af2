"""A real PostgreSQL of our own: started once per test run, gone afterwards."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import sqlalchemy as sa

FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "2GB",
    "shared_buffers": "128MB",
    "autovacuum": "on",
    "timezone": "UTC",
}


def binaries() -> Path | None:
    """Return the folder of the newest PostgreSQL on this machine."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@contextmanager
def cluster() -> Iterator[sa.URL]:
    """Start a server in a folder of its own; yield the address of its maintenance database.

    PostgreSQL refuses to run as root: there it runs as the account that its package made. Not in
    pytest's folders: each new run of pytest closes them to other accounts.
    """
    programs = binaries()
    if programs is None:
        raise FileNotFoundError("PostgreSQL is not installed")
    with (
        tempfile.TemporaryDirectory(prefix="postgres-") as name,
        _server(programs, Path(name)) as maintenance,
    ):
        yield maintenance


@contextmanager
def _server(programs: Path, folder: Path) -> Iterator[sa.URL]:
    root = os.geteuid() == 0
    if root:
        shutil.chown(folder, "postgres", "postgres")
    prefix = ["runuser", "-u", "postgres", "--"] if root else []
    data = folder / "data"
    _run([*prefix, str(programs / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust",
          "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"])  # fmt: skip
    control = [*prefix, str(programs / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log")]
    options = [f"-c {name}={value}" for name, value in FAST.items()]
    options += [f"-k {folder}", "-c listen_addresses=127.0.0.1"]
    try:
        port = _start([*control, "-o"], " ".join(options))
        yield sa.URL.create(
            "postgresql+psycopg", "postgres", host="127.0.0.1", port=port, database="postgres"
        )
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], capture_output=True, check=False)


def new_database(maintenance: sa.URL) -> sa.URL:
    """Make an empty database in the server; return its address."""
    name = f"test_{uuid4().hex}"
    engine = sa.create_engine(maintenance, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    return maintenance.set(database=name)


def _start(command: list[str], options: str, tries: int = 5) -> int:
    """Start on a free port and return it; another program may take it before the server does."""
    port = _free_port()
    try:
        _run([*command, f"{options} -p {port}", "start"])
    except RuntimeError:
        if tries == 1:
            raise
        return _start(command, options, tries - 1)
    return port


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise RuntimeError(f"{command[-1]}: {done.stdout}{done.stderr}")
