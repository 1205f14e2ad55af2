"""Bounded HTTP against a server that answers whatever a test wrote."""

from __future__ import annotations

import gzip
import hashlib
import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import (
    CollectionError,
    DeniedError,
    MalformedError,
    RefusedError,
    ThrottledError,
    TooLargeError,
    UnreachableError,
)
from core.limits import Limits
from net.bearer import Credentials
from net.http import Http
from tests.fakes.hostile_server import Asked, HostileServer, Script, Step, answer, raw

QUICK = Limits(connect_seconds=10, read_seconds=10, total_seconds=20, attempts=1, redirects=3)
SILENT = Limits(connect_seconds=10, read_seconds=0.1, attempts=1)


MORNING = "Mon, 23 Nov 2026 10:00"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def client(server: HostileServer, limits: Limits = QUICK, **more: object) -> Http:
    more.setdefault("pause", lambda _seconds: None)
    return Http(limits, home=server.url, **more)  # type: ignore[arg-type]


def refused(script: Script, error: type[Exception], *, path: str = "/a") -> str:
    """GET `path` of a server with this script; return the message of the error it must raise."""
    with HostileServer(script) as server:
        http = client(server)
        with pytest.raises(error) as caught:
            http.get(server.url + path)
        http.close()
        assert type(caught.value) is error
        return str(caught.value)


def test_answer_comes_whole_with_lower_case_headers_over_one_connection() -> None:
    ports: set[str] = set()
    with HostileServer(
        {"/a": answer(200, b"body", X_Thing="1"), "/b": answer(404, b"no")}
    ) as server:
        http = client(server)
        first, second = http.get(server.url + "/a"), http.get(server.url + "/b")
        head = http.head(server.url + "/a")
        ports = {str(len(idle)) for idle in http._pool._idle.values()}
        http.close()
        assert (first.status, first.body, first.headers["x-thing"]) == (200, b"body", "1")
        assert (second.status, second.body) == (404, b"no")
        assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "4")
        assert ports == {"1"}
        assert (http.traffic.requests, http.traffic.bytes) == (3, 6)
        asked = server.asked[0].headers
        assert asked["accept-encoding"] == "identity"
        assert asked["user-agent"] == "countersign"
        assert asked["host"] == f"127.0.0.1:{server.port}"


def test_attack_16_body_up_to_the_limit_is_read_and_one_byte_more_is_not() -> None:
    with HostileServer({"/a": answer(200, b"x" * 10)}) as server:
        http = client(server)
        assert len(http.get(server.url + "/a", limit=10).body) == 10
        with pytest.raises(TooLargeError, match="10 bytes, more than 9"):
            http.get(server.url + "/a", limit=9)
        http.close()


@pytest.mark.parametrize(
    "step",
    [
        raw(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000),
        raw(CHUNKED + 2 * (b"400\r\n" + b"x" * 1024 + b"\r\n") + b"0\r\n\r\n"),
    ],
)  # fmt: skip
def test_undeclared_huge_body_is_cut_at_the_limit(step: Step) -> None:
    with HostileServer({"/a": step}) as server:
        http = client(server)
        with pytest.raises(TooLargeError, match="more than 1500"):
            http.get(server.url + "/a", limit=1500)
        assert http.traffic.bytes <= 1501
        http.close()


def test_chunked_answer_is_read() -> None:
    step = raw(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    with HostileServer({"/a": step}) as server:
        http = client(server)
        assert http.get(server.url + "/a").body == b"abcde"
        http.close()


@pytest.mark.parametrize("size", [b"-1", b"-5", b"zz", b"ffffffffffffffffffff", b""])
def test_chunk_of_impossible_size_reads_no_more_than_the_limit_allows(size: bytes) -> None:
    flood = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + size + b"\r\n" + b"x" * 4_000_000
    )
    with HostileServer({"/a": raw(flood)}) as server:
        http = client(server)
        with pytest.raises((UnreachableError, TooLargeError)):
            http.get(server.url + "/a", limit=1000)
        http.close()


def test_chunk_of_negative_size_is_not_read_to_the_end() -> None:
    with HostileServer({"/a": raw(CHUNKED + b"-1\r\n" + b"x" * 4_000_000)}) as server:
        http = client(server)
        with pytest.raises(UnreachableError, match="far larger"):
            http.get(server.url + "/a", limit=1000)
        http.close()


def test_bytes_nobody_asked_for_are_not_the_next_answer() -> None:
    with HostileServer(
        {"/a": answer(200, b"first", after="stray"), "/b": answer(200, b"second")}
    ) as server:
        http = client(server, Limits(read_seconds=20))
        assert http.get(server.url + "/a").body == b"first"
        server.go.set()
        assert server.sent.wait(5)
        assert http.get(server.url + "/b").body == b"second"
        http.close()


@pytest.mark.parametrize(
    "head",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"\x00" * 100,
        b"",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 60_000,
    ],
)
def test_what_is_not_http_is_one_clear_error(head: bytes) -> None:
    assert "/a: " in refused({"/a": raw(head)}, UnreachableError)


def test_broken_off_body_is_unreachable_after_all_tries_and_tries_pause_longer() -> None:
    pauses: list[float] = []
    for after in ("close", "reset"):
        pauses.clear()
        with HostileServer({"/a": answer(200, b"half", length=9, after=after)}) as server:
            http = client(server, Limits(attempts=3, read_seconds=20), pause=pauses.append)
            with pytest.raises(UnreachableError, match="tried 3 times"):
                http.get(server.url + "/a")
            http.close()
            assert len(server.asked) == http.traffic.requests == 3
        assert pauses == [0.5, 1.0]


def test_passing_fault_passes() -> None:
    script: Script = {
        "/a": [answer(503), answer(200, b"ha", length=9, after="reset"), answer(200, b"ok")]
    }
    with HostileServer(script) as server:
        http = client(server, Limits(attempts=3, read_seconds=20))
        assert http.get(server.url + "/a").body == b"ok"
        http.close()


def test_connection_closed_while_idle_costs_no_try() -> None:
    with HostileServer({"/a": answer(200, b"ok", after="close")}) as server:
        http = client(server)
        for _ in range(3):
            assert http.get(server.url + "/a").body == b"ok"
        http.close()
        assert len(server.asked) == http.traffic.requests == 3


@pytest.mark.parametrize(
    "step",
    [
        Step(b"", after="stall"),
        Step(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", after="stall"),
        answer(200, b"hal", length=5, after="stall"),
    ],
)
def test_silence_ends_with_the_limit_named(step: Step) -> None:
    with HostileServer({"/a": step}) as server:
        http = client(server, SILENT)
        with pytest.raises(UnreachableError, match="read_seconds"):
            http.get(server.url + "/a")
        http.close()


def test_answer_that_never_ends_ends_with_total_seconds() -> None:
    with HostileServer({"/a": Step(b"HTTP/1.1 200 OK\r\n", after="stall")}) as server:
        http = client(server, Limits(total_seconds=0.05, attempts=3))
        with pytest.raises(UnreachableError, match="total_seconds"):
            http.get(server.url + "/a")
        http.close()
        assert http.traffic.requests == 1


def test_stop_is_noticed_in_the_middle_of_an_answer() -> None:
    stop = threading.Event()

    def stopping(_asked: Asked) -> Step:
        stop.set()
        return answer(200, b"x", length=5, after="stall")

    with HostileServer({"/a": stopping}) as server:
        http = client(server, Limits(read_seconds=60), cancelled=stop.is_set)
        with pytest.raises(CollectionError) as caught:
            http.get(server.url + "/a")
        http.close()
        assert caught.value.reason == "SCAN_INCOMPLETE"


def test_nobody_there_is_unreachable() -> None:
    with HostileServer({}) as server:
        url = server.url
    http = Http(QUICK, home=url)
    with pytest.raises(UnreachableError, match="no connection"):
        http.get(url + "/a")


@pytest.mark.parametrize(("status", "words"), [(401, "username"), (403, "read access")])
def test_denied_says_what_to_do(status: int, words: str) -> None:
    message = refused({"/a?token=hunter2": answer(status)}, DeniedError, path="/a?token=hunter2")
    assert words in message
    assert "hunter2" not in message


def test_throttled_waits_as_asked_up_to_a_cap() -> None:
    pauses: list[float] = []
    script: Script = {
        "/a": [answer(429, Retry_After="7"), answer(200, b"ok")],
        "/date": [
            answer(503, Date=f"{MORNING}:00 GMT", Retry_After=f"{MORNING}:09 GMT"),
            answer(200, b"ok"),
        ],
        "/long": answer(429, Retry_After="3600"),
        "/odd": answer(429, Retry_After="-∞".encode().decode("latin-1")),
    }  # fmt: skip
    with HostileServer(script) as server:
        http = client(server, Limits(attempts=3), pause=pauses.append)
        assert http.get(server.url + "/a").body == b"ok"
        assert http.get(server.url + "/date").body == b"ok"
        assert pauses == [7.0, 9.0]
        with pytest.raises(ThrottledError) as caught:
            http.get(server.url + "/long")
        assert caught.value.retry_after == 3600
        assert len(pauses) == 2
        with pytest.raises(ThrottledError):
            http.get(server.url + "/odd")
        http.close()


def test_server_error_is_unreachable() -> None:
    assert "(500)" in refused({"/a": answer(500, b"oops")}, UnreachableError)


def test_redirect_is_followed_and_counted() -> None:
    script: Script = {
        "/a": answer(307, Location="/b"),
        "/b": answer(302, Location="c"),
        "/c": answer(200, b"end"),
    }
    with HostileServer(script) as server:
        http = client(server)
        response = http.get(server.url + "/a")
        http.close()
        assert (response.body, response.url) == (b"end", server.url + "/c")
        assert http.traffic.requests == 3


def test_redirect_loop_ends_with_the_limit_named() -> None:
    message = refused({"/a": answer(302, Location="/a")}, RefusedError)
    assert "more than 3 times" in message


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:1/x",
        "http://localhost:1/x",
        "http://[::1]:1/x",
        "http://[::ffff:127.0.0.1]:1/x",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://0x7f.1:1/",
        "http://2130706433:1/",
        "http://user:secret@127.0.0.1/",
    ],
)
def test_attack_14_redirect_into_the_private_network_is_refused(location: str) -> None:
    message = refused({"/a": answer(302, Location=location)}, RefusedError)
    assert "secret" not in message
    assert re.match(r"http://127\.0\.0\.1:\d+/a (?:redirects|sends us elsewhere): ", message)


@pytest.mark.parametrize("location", ["gopher://a/", "file:///etc/passwd", "http://[", "/\x01"])
def test_redirect_to_no_url_is_malformed(location: str) -> None:
    message = refused({"/a": answer(302, Location=location)}, MalformedError)
    assert re.match(r"http://127\.0\.0\.1:\d+/a sends us ", message)


def test_header_injection_is_refused_before_anything_is_sent() -> None:
    with HostileServer({}) as server:
        http = client(server)
        for url in (server.url + "/a\r\nX: y", server.url + "/a b"):
            with pytest.raises(MalformedError):
                http.get(url)
        with pytest.raises(MalformedError):
            http.get(server.url + "/a", headers={"Accept": "x\r\nX: y"})
        assert server.asked == []


def two_hosts(run: Callable[[HostileServer, HostileServer, Http], None], there: Script) -> None:
    """Run with a home that redirects /a to another host which the settings allow."""
    script: Script = {}
    with HostileServer(there) as other, HostileServer(script) as home:
        script["/a"] = answer(302, Location=other.url + "/b")
        http = client(home)
        http.allow([other.url])
        run(home, other, http)
        http.close()


def test_attack_15_credentials_stay_with_their_host_over_a_redirect() -> None:
    def run(home: HostileServer, other: HostileServer, http: Http) -> None:
        secret = {"Authorization": "Basic xyz", "Cookie": "a=b", "X-Plain": "1"}
        assert http.get(home.url + "/a", headers=secret).body == b"b"
        assert home.asked[0].headers["authorization"] == "Basic xyz"
        assert "authorization" not in other.asked[0].headers
        assert "cookie" not in other.asked[0].headers
        assert other.asked[0].headers["x-plain"] == "1"

    two_hosts(run, {"/b": answer(200, b"b")})


def test_a_host_that_is_allowed_gets_nothing_for_its_own_challenge() -> None:
    def run(home: HostileServer, other: HostileServer, http: Http) -> None:
        http.authenticate(Credentials("alice", "hunter2"))
        with pytest.raises(DeniedError):
            http.get(home.url + "/a")
        assert home.paths() == ["GET /a"]
        assert other.paths() == ["GET /b"]
        assert "authorization" not in other.asked[0].headers

    two_hosts(run, {"/b": answer(401, WWW_Authenticate='Basic realm="x"')})


def test_what_home_was_given_is_not_offered_elsewhere() -> None:
    def run(home: HostileServer, other: HostileServer, http: Http) -> None:
        home.script["/login"] = [answer(401, WWW_Authenticate="Basic"), answer(200)]
        http.authenticate(Credentials("alice", "hunter2"))
        assert http.get(home.url + "/login").status == 200
        assert http.get(home.url + "/a").body == b"b"
        assert "authorization" in home.asked[-1].headers
        assert "authorization" not in other.asked[0].headers

    two_hosts(run, {"/b": answer(200, b"b")})


def test_attack_14_encoded_answer_is_refused_not_unpacked() -> None:
    bomb = gzip.compress(b"\0" * 10_000_000)
    message = refused({"/a": answer(200, bomb, Content_Encoding="gzip")}, MalformedError)
    assert "gzip" in message


def test_packed_file_with_an_encoding_header_comes_as_it_is() -> None:
    packed = gzip.compress(b"Package: bash")
    script: Script = {"/Packages.gz": answer(200, packed, Content_Encoding="x-gzip")}
    with HostileServer(script) as server:
        http = client(server)
        assert http.get(server.url + "/Packages.gz").body == packed
        http.close()


def test_spooled_answer_lies_in_the_file_and_knows_its_digest(tmp_path: Path) -> None:
    body = b"0123456789" * 20_000
    with HostileServer({"/a": answer(200, body), "/b": answer(404, b"no")}) as server:
        http = client(server)
        spooled = http.spool(server.url + "/a", tmp_path / "a", limit=len(body))
        assert b"".join(spooled.chunks()) == body
        assert spooled.size == len(body)
        for algorithm in ("sha256", "sha512", "sha1"):
            assert spooled.digest(algorithm).value == hashlib.new(algorithm, body).hexdigest()
        assert spooled.digest("blake2b512").value == hashlib.blake2b(body).hexdigest()
        absent = http.spool(server.url + "/b", tmp_path / "b", limit=10)
        assert (absent.status, absent.size, list(absent.chunks())) == (404, 0, [])
        assert absent.digest("sha256").value == hashlib.sha256().hexdigest()
        with pytest.raises(TooLargeError):
            http.spool(server.url + "/a", tmp_path / "c", limit=100)
        http.close()


def test_spool_that_broke_off_starts_the_file_anew(tmp_path: Path) -> None:
    script: Script = {"/a": [answer(200, b"XXXX", length=9, after="close"), answer(200, b"good")]}
    with HostileServer(script) as server:
        http = client(server, Limits(attempts=2))
        spooled = http.spool(server.url + "/a", tmp_path / "a", limit=100)
        http.close()
    assert (tmp_path / "a").read_bytes() == b"good"
    assert spooled.digest("sha256").value == hashlib.sha256(b"good").hexdigest()


def test_counts_are_exact_from_many_threads() -> None:
    with HostileServer({"/a": answer(200, b"12345")}) as server:
        http = client(server, Limits(read_seconds=10))

        def ask() -> None:
            for _ in range(25):
                assert http.get(server.url + "/a").body == b"12345"

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        http.close()
        assert (http.traffic.requests, http.traffic.bytes) == (200, 1000)
        assert len(server.asked) == 200


def test_attack_14_the_address_judged_is_the_address_connected_to() -> None:
    answers = iter([["127.0.0.1"], ["10.255.255.1"]])
    with HostileServer({"/a": answer(200, b"ok")}) as server:
        home = f"http://registry.test:{server.port}"
        http = Http(QUICK, home=home, resolve=lambda _host, _port: next(answers))
        assert http.get(home + "/a").body == b"ok"
        assert http.get(home + "/a").body == b"ok"
        assert server.asked[0].headers["host"] == f"registry.test:{server.port}"
        assert next(answers) == ["10.255.255.1"]  # asked once, connected to what was judged
        http.close()


def test_home_may_be_empty_and_then_nothing_private_is_asked() -> None:
    with HostileServer({"/a": answer(200)}) as server:
        http = Http(QUICK, home="")
        with pytest.raises(RefusedError):
            http.get(server.url + "/a")
        http.allow([server.url])
        assert http.get(server.url + "/a").status == 200
        http.close()
