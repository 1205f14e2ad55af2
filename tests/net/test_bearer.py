"""Credentials and tokens: who gets them, and who never does."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DeniedError, MalformedError, RefusedError
from core.limits import Limits
from net.address import Origin
from net.bearer import Authority, Credentials, read_challenges
from net.http import Http
from tests.fakes.hostile_server import Asked, HostileServer, Script, Step, answer

LIMITS = Limits(connect_seconds=20, read_seconds=20, attempts=1)
HOME = Origin("https", "registry.example", 443)
ALICE = Credentials("alice", "hunter2:ü")
BASIC = "Basic " + base64.b64encode("alice:hunter2:ü".encode()).decode()
TAGS = "/v2/acme/app/tags/list"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", {}),
        ("Basic", {"basic": {}}),
        ('Basic realm="a b"', {"basic": {"realm": "a b"}}),
        (
            'Bearer realm="https://a/t",service="s",scope="repository:x/y:pull,push"',
            {
                "bearer": {
                    "realm": "https://a/t",
                    "service": "s",
                    "scope": "repository:x/y:pull,push",
                }
            },
        ),
        (
            'Basic realm="r", BEARER realm=bare , Scope="q\\"uoted"',
            {"basic": {"realm": "r"}, "bearer": {"realm": "bare", "scope": 'q"uoted'}},
        ),
        ('Bearer realm="first", realm="second"', {"bearer": {"realm": "first"}}),
        ('Bearer realm="open', {"bearer": {}}),
    ],
)  # fmt: skip
def test_challenges_are_read(header: str, expected: dict[str, dict[str, str]]) -> None:
    assert read_challenges(header) == expected


@given(st.text(alphabet=st.sampled_from('aB "\\,=\t;é'), max_size=200))
def test_any_challenge_is_read_without_complaint(header: str) -> None:
    assert all(name == name.lower() for name in read_challenges(header))


def test_password_is_not_shown() -> None:
    assert "hunter2" not in repr(ALICE)


def challenge(realm: str, scope: str = "repository:acme/app:pull") -> Step:
    return answer(
        401, WWW_Authenticate=f'Bearer realm="{realm}",service="registry",scope="{scope}"'
    )


def guarded(token: str, realm: Callable[[], str]) -> Callable[[Asked], Step]:
    """Answer 200 to requests with this token, else a challenge."""

    def step(asked: Asked) -> Step:
        if asked.headers.get("authorization") == f"Bearer {token}":
            return answer(200, b"inside")
        return challenge(realm())

    return step


def token_body(token: str = "t0k.en", **more: object) -> bytes:
    return json.dumps({"token": token, **more}).encode()


def token_path() -> str:
    return "/token?service=registry&scope=repository%3Aacme%2Fapp%3Apull"


def client(server: HostileServer, **more: Callable[[], bool]) -> Http:
    return Http(LIMITS, home=server.url, **more)  # type: ignore[arg-type]


def test_token_is_fetched_once_per_repository_and_offered_from_then_on() -> None:
    script: Script = {}
    with HostileServer(script) as server:
        step = guarded("t0k.en", lambda: server.url + "/token")
        script |= {TAGS: step, "/v2/acme/app/manifests/v1": step}
        script[token_path()] = answer(200, token_body())
        http = client(server)
        assert http.get(server.url + TAGS).body == b"inside"
        assert http.head(server.url + "/v2/acme/app/manifests/v1").status == 200
        http.close()
        assert server.paths() == [
            f"GET {TAGS}", f"GET {token_path()}", f"GET {TAGS}", "HEAD /v2/acme/app/manifests/v1",
        ]  # fmt: skip
        assert "authorization" not in server.asked[1].headers  # nobody logged in
        assert http.traffic.requests == 4


def test_credentials_go_to_the_realm_of_home_and_the_token_to_home() -> None:
    script: Script = {}
    with HostileServer(script) as server:
        script[TAGS] = guarded("t0k.en", lambda: server.url + "/token")
        script[token_path()] = answer(200, token_body())
        http = client(server)
        http.authenticate(ALICE)
        assert http.get(server.url + TAGS).body == b"inside"
        http.close()
        sent = [one.headers.get("authorization") for one in server.asked]
        assert sent == [None, BASIC, "Bearer t0k.en"]


def test_attack_15_realm_on_another_host_gets_no_credentials() -> None:
    script: Script = {}
    with HostileServer({token_path(): answer(200, token_body())}) as thief:
        with HostileServer(script) as server:
            script[TAGS] = challenge(thief.url + "/token")
            for credentials, words in ((ALICE, "without TLS"), (None, "without TLS")):
                http = client(server)
                http.authenticate(credentials)
                with pytest.raises(RefusedError, match=words):
                    http.get(server.url + TAGS)
                http.close()
        assert thief.asked == []


def test_attack_15_realm_on_another_protected_host_gets_no_credentials() -> None:
    asked: list[str] = []

    def fetch(url: str, _headers: Mapping[str, str]) -> bytes:
        asked.append(url)
        return token_body()

    header = 'Bearer realm="https://auth.example/token"'
    authority = Authority(HOME, fetch, LIMITS)
    authority.use(ALICE, frozenset())
    with pytest.raises(RefusedError, match="token_hosts"):
        authority.answer(TAGS, header, "")
    assert asked == []
    authority.use(None, frozenset())
    assert authority.answer(TAGS, header, "") == "Bearer t0k.en"
    assert asked == ["https://auth.example/token"]


def test_realm_at_a_host_the_settings_name_gets_the_credentials() -> None:
    script: Script = {}
    with HostileServer({token_path(): answer(200, token_body())}) as tokens:
        with HostileServer(script) as server:
            script[TAGS] = guarded("t0k.en", lambda: tokens.url + "/token")
            http = client(server)
            http.authenticate(ALICE, token_hosts=[f"127.0.0.1:{tokens.port}"])
            assert http.get(server.url + TAGS).body == b"inside"
            http.close()
        assert tokens.asked[0].headers["authorization"] == BASIC


def test_attack_15_realm_that_redirects_elsewhere_takes_no_credentials_along() -> None:
    script: Script = {}
    with HostileServer({"/t": answer(200, token_body())}) as thief:
        with HostileServer(script) as server:
            script[TAGS] = guarded("t0k.en", lambda: server.url + "/token")
            script[token_path()] = answer(302, Location=thief.url + "/t")
            http = client(server)
            http.authenticate(ALICE)
            with pytest.raises(RefusedError):
                http.get(server.url + TAGS)
            http.allow([thief.url])
            assert http.get(server.url + TAGS).body == b"inside"
            http.close()
        assert [one.headers.get("authorization") for one in thief.asked] == [None]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{}", b'{"token": 5}', b'{"token": "a\\r\\nX: y"}', b'{"token": "a b"}',
        b'{"token": "x", "expires_in": "soon"}', b'{"token":' + b"[" * 100_000,
        b'{"token": "' + b"x" * 70_000 + b'"}',
    ],
)  # fmt: skip
def test_answer_that_is_no_token_is_denied(body: bytes) -> None:
    script: Script = {}
    with HostileServer(script) as server:
        script[TAGS] = challenge(server.url + "/token")
        script[token_path()] = answer(200, body)
        http = client(server)
        with pytest.raises(DeniedError, match="no token"):
            http.get(server.url + TAGS)
        http.close()


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_token_service_that_refuses_is_denied(status: int) -> None:
    script: Script = {}
    with HostileServer(script) as server:
        script[TAGS] = challenge(server.url + "/token")
        script[token_path()] = challenge(server.url + "/token") if status == 401 else answer(status)
        http = client(server)
        with pytest.raises(DeniedError):
            http.get(server.url + TAGS)
        http.close()
        assert len(server.asked) == 2


def test_token_that_is_refused_is_renewed_once_and_then_denied() -> None:
    script: Script = {}
    with HostileServer(script) as server:
        script[TAGS] = challenge(server.url + "/token")
        script[token_path()] = answer(200, token_body())
        http = client(server)
        with pytest.raises(DeniedError):
            http.get(server.url + TAGS)
        http.close()
        assert len(server.asked) == 3


@pytest.mark.parametrize("realm", ["", "not a url", "ftp://a/", "https://a b/"])
def test_realm_that_is_no_url_is_malformed(realm: str) -> None:
    authority = Authority(HOME, lambda _url, _headers: b"", LIMITS)
    with pytest.raises(MalformedError, match=f"^{HOME} names no usable token service"):
        authority.answer(TAGS, f'Bearer realm="{realm}"', "")


@pytest.mark.parametrize(
    ("expires_in", "seconds"), [(None, 54), (0, 54), (-5, 54), (300, 270), (10**9, 3240)]
)
def test_token_is_used_for_most_of_its_life(expires_in: int | None, seconds: float) -> None:
    now = [0.0]
    authority = Authority(
        HOME, lambda _url, _headers: token_body(expires_in=expires_in), LIMITS, lambda: now[0]
    )
    header = 'Bearer realm="https://registry.example/t",scope="repository:acme/app:pull"'
    assert authority.answer(TAGS, header, "") == "Bearer t0k.en"
    now[0] = seconds - 0.1
    assert authority.header("/v2/acme/app/blobs/sha256:00") == "Bearer t0k.en"
    assert authority.header("/v2/acme/other/tags/list") == ""
    now[0] = seconds + 0.1
    assert authority.header("/v2/acme/app/blobs/sha256:00") == ""


def test_token_without_repository_holds_for_all_pages_of_a_path() -> None:
    authority = Authority(HOME, lambda _url, _headers: token_body(), LIMITS)
    header = 'Bearer realm="https://registry.example/t",scope="registry:catalog:*"'
    assert authority.answer("/v2/_catalog?n=1000", header, "") == "Bearer t0k.en"
    assert authority.header("/v2/_catalog?n=1000&last=z") == "Bearer t0k.en"


def test_basic_is_offered_on_demand_then_at_once_and_only_at_home() -> None:
    def step(asked: Asked) -> Step:
        if asked.headers.get("authorization") == BASIC:
            return answer(200, b"inside")
        return answer(401, WWW_Authenticate='Basic realm="x"')

    with HostileServer({"/a": step, "/b": step}) as server:
        http = client(server)
        http.authenticate(ALICE)
        assert http.get(server.url + "/a").body == b"inside"
        assert http.get(server.url + "/b").body == b"inside"
        assert len(server.asked) == 3
        wrong = client(server)
        wrong.authenticate(Credentials("alice", "wrong"))
        with pytest.raises(DeniedError, match="username"):
            wrong.get(server.url + "/a")
        nobody = client(server)
        with pytest.raises(DeniedError):
            nobody.get(server.url + "/a")
        assert len(server.asked) == 6
        for one in (http, wrong, nobody):
            one.close()


def test_token_that_another_thread_fetched_meanwhile_is_taken() -> None:
    tokens = iter(["first", "second"])
    authority = Authority(HOME, lambda _url, _headers: token_body(next(tokens)), LIMITS)
    header = 'Bearer realm="https://registry.example/t",scope="repository:acme/app:pull"'
    assert authority.answer(TAGS, header, "") == "Bearer first"
    assert authority.answer(TAGS, header, "") == "Bearer first"
    assert authority.answer(TAGS, header, "Bearer first") == "Bearer second"


def test_many_threads_fetch_one_token() -> None:
    script: Script = {}
    inside: list[bytes] = []
    with HostileServer(script) as server:
        script[TAGS] = guarded("t0k.en", lambda: server.url + "/token")
        script[token_path()] = answer(200, token_body())
        http = client(server)
        threads = [
            threading.Thread(target=lambda: inside.append(http.get(server.url + TAGS).body))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        http.close()
        assert inside == [b"inside"] * 8
        assert server.paths().count(f"GET {token_path()}") == 1
