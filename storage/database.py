"""Open the database: SQLite (WAL, one writer) by default, PostgreSQL by one setting."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from core.errors import ConfigurationError, ConflictError, StorageError, UnavailableError
from storage import hints

BUSY_SECONDS = 30
_PLACE = "; its folder must be there, and this account must be allowed to write there"
OUTSIDE_SQLITE = {  # what is not our fault → what to do
    sqlite3.SQLITE_PERM: _PLACE,
    sqlite3.SQLITE_READONLY: _PLACE,
    sqlite3.SQLITE_CANTOPEN: _PLACE,
    sqlite3.SQLITE_BUSY: "; another program holds it",
    sqlite3.SQLITE_FULL: "; make room there",
    sqlite3.SQLITE_IOERR: "; the disk may be full, or fail",
    sqlite3.SQLITE_CORRUPT: "; bring back a backup",
    sqlite3.SQLITE_NOTADB: "; name another file under `database`",
}
OUTSIDE_POSTGRESQL = ("OperationalError", "InsufficientPrivilege", "ReadOnlySqlTransaction")
WRITER = 0x436F756E  # the advisory lock of every write transaction
_KEY = "hashtextextended(:name, 7)"  # of a named one

Connection = sa.Connection  # for the rings above, which do not import SQLAlchemy
PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "temp_store=MEMORY")
READER_PRAGMAS = (*PRAGMAS, "cache_size=-16384", "mmap_size=268435456")
WRITER_PRAGMAS = (*PRAGMAS, "cache_size=-4096")  # a scanner's memory stays flat


class LockedError(ConflictError):
    """A named lock is held by somebody else now; later it may be free."""


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock as long as it is held; on PostgreSQL a lost connection loses it."""

    connection: sa.Connection | None = None

    def held(self) -> bool:
        """Say whether the lock is still ours."""
        if self.connection is None:
            return True
        try:
            self.connection.execute(sa.text("SELECT 1"))
        except DBAPIError:
            return False
        return True


class Database:
    """One database and its two ways in: `reading` sees a snapshot, `writing` is alone."""

    def __init__(
        self,
        engine: sa.Engine,
        writer: sa.Engine,
        demand: Callable[[sa.Connection], None] | None = None,
        turn: threading.Lock | None = None,
    ) -> None:
        self.engine, self._writer, self._demand = engine, writer, demand
        # writers of one process wait here, without a limit: SQLite makes them poll, and gives up
        self._turn = turn or threading.Lock()

    def guarded(self, demand: Callable[[sa.Connection], None]) -> Database:
        """Return the same database, whose every write transaction begins with `demand`.

        It refuses by raising: nothing of that transaction is written then.
        """
        return Database(self.engine, self._writer, demand, self._turn)

    @classmethod
    def open(cls, url: str, *, base: Path | None = None) -> Database:
        """Open by SQLAlchemy URL; a relative SQLite path starts at `base`."""
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise ConfigurationError(f"database: not a database URL: {url!r}") from error
        if parsed.get_backend_name() == "sqlite":
            parsed = _anchored(parsed, base)
            reader = _sqlite(parsed, "BEGIN", READER_PRAGMAS)
            return cls(reader, _sqlite(parsed, "BEGIN IMMEDIATE", WRITER_PRAGMAS))
        if parsed.get_backend_name() == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
            # prepared, a query over 2,000 names gets a generic plan that reads the whole index
            never = {"prepare_threshold": None}
            engine = sa.create_engine(parsed, pool_pre_ping=True, pool_size=8, connect_args=never)
            event.listen(engine, "connect", _without_jit)
            return cls(engine, engine)
        raise ConfigurationError(
            f"database: {parsed.drivername!r} is not supported; use sqlite:///FILE "
            "or postgresql+psycopg://USER@HOST/NAME"
        )

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.engine.dialect.name

    @property
    def url(self) -> URL:
        """The address, with any password."""
        return self.engine.url

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Open a read transaction: every statement in it sees the same state."""
        with translated(self.url), self.engine.connect() as connection:
            if self.dialect == "postgresql":
                connection = connection.execution_options(  # noqa: PLW2901 - same connection
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            yield connection
            connection.rollback()

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Open the write transaction; it commits at the end of the block or leaves no trace."""
        with translated(self.url), self._turn, self._writer.begin() as connection:
            if self.dialect == "postgresql":  # one writer, as SQLite has it: no two insert alike
                connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({WRITER})"))
            if self._demand is not None:
                self._demand(connection)
            yield connection

    @contextmanager
    def lock(self, name: str) -> Iterator[Lock]:
        """Hold a named lock that dies with this process; LockedError when another holds it."""
        holder = _file_lock if self.dialect == "sqlite" else _advisory_lock
        with holder(self, name) as lock:
            yield lock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all pooled connections."""
        self.engine.dispose()
        self._writer.dispose()


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """Turn what the driver raises into a StorageError that names the database."""
    try:
        yield
    except DBAPIError as error:
        raise _refusal(url, error.orig or error) from error
    except Exception as error:  # COPY goes past SQLAlchemy
        if not type(error).__module__.startswith(("psycopg", "sqlite3")):
            raise
        raise _refusal(url, error) from error


def _refusal(url: URL, error: BaseException) -> StorageError:
    words, fix = " ".join(str(error).split()), _fix(error)
    if fix is None:
        return StorageError(f"the database refused: {words}")
    where = url.render_as_string()
    return UnavailableError(f"the database {where} cannot be used: {words}{fix}")


def _fix(error: BaseException) -> str | None:
    """Return what to do about a fault that is not ours; None for one that is."""
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
        return OUTSIDE_SQLITE.get(code & 0xFF)  # the bytes above only say it more precisely
    names = {kind.__name__ for kind in type(error).__mro__}  # psycopg is imported by SQLAlchemy
    return None if names.isdisjoint(OUTSIDE_POSTGRESQL) else ""


def _anchored(url: URL, base: Path | None) -> URL:
    if base is None or url.database in (None, "", ":memory:"):
        return url
    return url.set(database=str((base / str(url.database)).absolute()))


def _sqlite(url: URL, begin: str, pragmas: Sequence[str]) -> sa.Engine:
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_SECONDS})
    hints.honour(engine)

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _without_jit(connection: Any, _record: Any) -> None:
    # our statements take milliseconds; where PostgreSQL overrates one, compiling it takes longer
    connection.autocommit = True
    connection.execute("SET jit = off")
    connection.autocommit = False


@contextmanager
def _file_lock(database: Database, name: str) -> Iterator[Lock]:
    path = f"{database.url.database}.{name}.lock"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LockedError(f"another process holds the lock {name!r}") from error
        yield Lock()
    finally:
        os.close(handle)


@contextmanager
def _advisory_lock(database: Database, name: str) -> Iterator[Lock]:
    # A connection of its own, outside the pool: the lock lives no longer than it does.
    named = {"name": f"countersign:{name}"}
    engine = sa.create_engine(
        database.url,
        poolclass=sa.pool.NullPool,
        isolation_level="AUTOCOMMIT",
        connect_args={"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 5},
    )
    with translated(database.url), engine.connect() as connection:
        if not connection.execute(sa.text(f"SELECT pg_try_advisory_lock({_KEY})"), named).scalar():
            raise LockedError(f"another process holds the lock {name!r}")
        try:
            yield Lock(connection)
        finally:
            # Said, for the server notices a closed connection only a moment later.
            with suppress(SQLAlchemyError):  # a lost one has lost the lock
                connection.execute(sa.text(f"SELECT pg_advisory_unlock({_KEY})"), named)
