"""The PostgreSQL that the other tests talk to comes up beside whatever else runs."""

from __future__ import annotations

import socket

import pytest
import sqlalchemy as sa

from tests.fakes import postgres


@pytest.mark.skipif(postgres.binaries() is None, reason="PostgreSQL not found")
def test_a_port_that_was_taken_meanwhile_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = iter([taken.getsockname()[1], postgres._free_port()])
        monkeypatch.setattr(postgres, "_free_port", lambda: next(ports))
        with postgres.cluster() as address:
            engine = sa.create_engine(address, poolclass=sa.NullPool)
            with engine.connect() as connection:
                assert connection.scalar(sa.text("SELECT 1")) == 1
