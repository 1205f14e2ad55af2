"""The production server: a free port, an answer, a prompt end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from core.errors import ConfigurationError
from dashboard.server import free_port
from tests.dashboard.conftest import Site

ROOT = Path(__file__).parent.parent.parent
PROGRAM = """
import sys
from core.settings import Settings
from dashboard.application import create_dashboard
from dashboard.server import serve
from storage.database import Database
from tests.fakes import seed
database = Database.open(sys.argv[1])
with database.reading():
    pass
serve(create_dashboard(database, Settings(), lambda: seed.NOW), "127.0.0.1", int(sys.argv[2]), 4)
"""


def test_a_taken_port_gives_the_next_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        chosen = free_port("127.0.0.1", port)
        assert port < chosen <= port + 50


def test_zero_lets_the_system_choose() -> None:
    assert free_port("127.0.0.1", 0) > 1023
    assert free_port("::1", 0) > 1023


def test_an_address_that_is_not_ours_is_a_settings_error() -> None:
    with pytest.raises(ConfigurationError, match=r"serve\.host"):
        free_port("192.0.2.1", 8600)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 30
    pause = threading.Event()
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        pause.wait(0.05)
    pytest.fail("the server did not come up")


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_and_ends_promptly(fresh: Site, ending: signal.Signals) -> None:
    port = free_port("127.0.0.1", 0)
    url = str(fresh.database.url)
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, url, str(port)], cwd=ROOT)
    try:
        _wait_for(port, process)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20) as answer:
            assert b"Coverage" in answer.read()
        begun = time.monotonic()
        process.send_signal(ending)
        assert process.wait(15) == 0
        assert time.monotonic() - begun < 10
    finally:
        process.kill()
        process.wait()


PATIENCE = 60
SLOW_PROGRAM = """
import sys, threading
from core.settings import Settings
from dashboard.application import create_dashboard
from dashboard import server
from storage.database import Database
from tests.fakes import seed
application = create_dashboard(Database.open(sys.argv[1]), Settings(), lambda: seed.NOW)
@application.get("/slow")
def slow():
    print("asked", flush=True)
    threading.Event().wait()
server.GRACE_SECONDS, server.PATIENCE_SECONDS = int(sys.argv[3]), 3600
server.serve(application, "127.0.0.1", int(sys.argv[2]), 4)
"""
GET = "GET {} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.mark.parametrize(
    ("ending", "grace"), [(signal.SIGINT, 3600), (signal.SIGTERM, 1)], ids=["ctrl-c", "term"]
)
def test_open_connections_and_a_slow_page_neither_hold_it_up_nor_make_it_complain(
    fresh: Site, ending: signal.Signals, grace: int
) -> None:
    port = free_port("127.0.0.1", 0)
    command = [sys.executable, "-c", SLOW_PROGRAM, str(fresh.database.url), str(port), str(grace)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    _wait_for(port, process)
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(4)]
    kept, slow, half, _silent = sockets
    try:
        kept.sendall(GET.format("/healthz").encode())
        assert kept.recv(4096).startswith(b"HTTP/1.1 200")
        half.sendall(b"GET / HTTP/1.1\r\nHo")
        slow.sendall(GET.format("/slow").encode())
        assert process.stdout is not None
        assert process.stdout.readline() == b"asked\n"
        os.killpg(process.pid, ending)  # as a terminal does: parent and child
        _, said = process.communicate(timeout=PATIENCE)  # what waits, waits for an hour
        assert (process.returncode, said) == (0, b"")
    finally:
        for one in sockets:
            one.close()
        process.kill()
        process.wait()
