"""A registry that lies, floods, stalls and breaks: one clear error each, and the rest goes on."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, count
from pathlib import Path

import pytest

from collectors.collector import Surroundings
from collectors.oci import PATIENCE, Faults, OciCollector, OciOptions, _due
from collectors.oci_evidence import SignatureReader
from collectors.oci_look import Later, Look
from collectors.oci_registry import Registry
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
from core.model import Digest, Discovery, EvidenceSet, Sighting, UnitEnd
from core.reasons import REASONS
from net.http import Http
from tests.fakes.hostile_server import Asked, HostileServer, Script, Step, answer, raw
from tests.fakes.registry import IMAGE, INDEX, SIMPLE, signature_tag
from tests.fakes.unit_memory import UnitMemory

LIMITS = Limits(
    connect_seconds=20, read_seconds=20, total_seconds=40, attempts=1, document_bytes=64 * 1024
)
# For answers that never come: long enough for the good ones of a busy machine.
SILENT = replace(LIMITS, read_seconds=1.0)
NASTY = ["<script>alert(1)</script>", "\x1b[31mred", "a\u202eb", "../../etc", "a b", "", "A" * 300]
BASE = "/v2/acme/app"


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def image(name: str, **more: object) -> bytes:
    """Return an image manifest of its own digest."""
    config = {
        "mediaType": "application/vnd.oci.image.config.v1+json",
        "digest": digest(name.encode()),
        "size": 2,
    }
    document = {"schemaVersion": 2, "mediaType": IMAGE, "config": config, "layers": [], **more}
    return json.dumps(document).encode()


def manifest(content: bytes, kind: str = IMAGE, **fields: str) -> Step:
    fields = {"Docker_Content_Digest": digest(content), "Content_Type": kind, **fields}
    return answer(200, content, fields=fields)


def child(content: bytes, platform: object = None, **more: object) -> dict[str, object]:
    platform = {"os": "linux", "architecture": "amd64"} if platform is None else platform
    return {
        "mediaType": IMAGE,
        "digest": digest(content),
        "size": len(content),
        "platform": platform,
        **more,
    }


def index(*listed: object) -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}).encode()


def tags(*names: str) -> Step:
    return answer(200, json.dumps({"name": "acme/app", "tags": names}).encode())


GOOD = image("good")


def script_with(bad: Step | Callable[[Asked], Step], **more: Step) -> Script:
    """Return a repository whose tag `bad` answers so, between two good tags."""
    return {
        f"{BASE}/tags/list?n=1000": tags("a-good", "bad", "z-good", *more),
        f"{BASE}/manifests/a-good": manifest(GOOD),
        f"{BASE}/manifests/bad": bad,
        f"{BASE}/manifests/z-good": manifest(image("another")),
        **{f"{BASE}/manifests/{tag}": step for tag, step in more.items()},
    }


def collector(server: HostileServer, **options: object) -> OciCollector:
    chosen = OciOptions.model_validate({"url": server.url, "repositories": ["acme/app"], **options})
    stalls = any(
        isinstance(step, Step) and step.after == "stall" for step in server.script.values()
    )
    http = Http(SILENT if stalls else LIMITS, home=server.url, pause=lambda _seconds: None)
    secrets = {"password": "hunter2"}
    return OciCollector("prod", chosen, Surroundings(http, LIMITS, secrets, Path(), Path()))


def read(looking: Iterator[Discovery]) -> tuple[list[Discovery], Exception | None]:
    """Return what came until the end or the error."""
    found: list[Discovery] = []
    try:
        found.extend(looking)
    except (CollectionError, MalformedError) as error:
        return found, error
    return found, None


def scan(script: Script, **options: object) -> tuple[list[Discovery], Exception | None]:
    with HostileServer(script) as server:
        one = collector(server, **options)
        found, error = read(one.collect("acme/app", UnitMemory()))
        one._registry._http.close()
    # UnitEnd if and only if nothing went wrong: else something would be taken for gone.
    assert (error is None) == (bool(found) and isinstance(found[-1], UnitEnd))
    return found, error


def versions(found: list[Discovery]) -> list[str]:
    return [
        one.location.version
        for one in found
        if isinstance(one, Sighting) and not one.location.variant
    ]


def stated(content: bytes, lie: bytes) -> Step:
    return manifest(content, Docker_Content_Digest=digest(lie))


METADATA = "http://169.254.169.254/latest"
ELSEWHERE = "SOURCE_REDIRECT_REFUSED"
INDEX_WITH_LAYERS = index()[:-1] + b',"layers":[]}'
IMAGE_WITH_CHILDREN = b'{"schemaVersion":2,"config":{},"layers":[],"manifests":[]}'
BREAKS = {
    "another digest than it says": (stated(image("x"), b"lie"), "DIGEST_MISMATCH"),
    "huge": (manifest(image("x") + b" " * 70_000), "TOO_LARGE"),
    "huge without a length": (raw(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 70_000), "TOO_LARGE"),
    "gzip": (manifest(gzip.compress(image("x")), Content_Encoding="gzip"), "MALFORMED"),
    "deeply nested": (manifest(b'{"a":' * 5000 + b"1" + b"}" * 5000), "TOO_LARGE"),
    "deep list": (manifest(b"[" * 60_000), "TOO_LARGE"),
    "wrong encoding": (manifest(image("x").decode().encode("utf-16")), "MALFORMED"),
    "not UTF-8": (manifest(b'{"schemaVersion":2,"layers":[],"x":"\xff"}'), "MALFORMED"),
    "not JSON": (manifest(b"<html>"), "MALFORMED"),
    "empty": (manifest(b""), "MALFORMED"),
    "a list": (manifest(b"[]"), "MALFORMED"),
    "duplicate key": (manifest(image("x")[:-1] + b',"layers":[]}'), "MALFORMED"),
    "schema 1": (manifest(b'{"schemaVersion":1,"fsLayers":[]}'), "MALFORMED"),
    "both image and index": (manifest(image("x", manifests=[])), "MALFORMED"),
    "an index with layers": (manifest(INDEX_WITH_LAYERS, INDEX), "MALFORMED"),
    "an image with children": (manifest(IMAGE_WITH_CHILDREN), "MALFORMED"),
    "neither": (manifest(b'{"schemaVersion":2}'), "MALFORMED"),
    "served as an index": (manifest(image("x"), INDEX), "MALFORMED"),
    "unknown type": (manifest(image("x", mediaType="text/html"), "text/html"), "MALFORMED"),
    "reset": (answer(200, b"{", length=500, after="reset"), "SOURCE_UNREACHABLE"),
    "cut": (answer(200, b"{", length=500, after="close"), "SOURCE_UNREACHABLE"),
    "stalled": (answer(200, b"{", length=500, after="stall"), "SOURCE_UNREACHABLE"),
    "silent": (Step(b"", after="stall"), "SOURCE_UNREACHABLE"),
    "server error": (answer(500), "SOURCE_UNREACHABLE"),
    "odd status": (answer(206, GOOD), "SOURCE_UNREACHABLE"),
    "denied": (answer(403), "SOURCE_DENIED"),
    "redirect inside": (answer(307, Location=METADATA), ELSEWHERE),
    "redirect to loopback": (answer(307, Location="http://127.0.0.1:1/"), ELSEWHERE),
    "redirect loop": (answer(302, Location=f"{BASE}/manifests/bad"), ELSEWHERE),
    "redirect with injection": (answer(302, Location="/a\x0b\tb"), "MALFORMED"),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_tag_that_breaks_is_one_clear_error_and_the_others_are_read(name: str) -> None:
    step, reason = BREAKS[name]
    found, error = scan(script_with(step))
    assert versions(found) == ["a-good", "z-good"]
    assert isinstance(error, CollectionError)
    assert error.reason == reason
    assert reason in REASONS
    assert str(error).isprintable()
    assert "more)" not in str(error)


def test_two_broken_tags_are_one_error_that_counts() -> None:
    found, error = scan(script_with(manifest(b"<html>"), worse=manifest(b"")))
    assert versions(found) == ["a-good", "z-good"]
    assert "(and 1 more)" in str(error)


def test_tag_that_vanished_is_gone_without_complaint() -> None:
    found, error = scan(script_with(answer(404)))
    assert versions(found) == ["a-good", "z-good"]
    assert error is None


def test_source_that_is_down_is_not_asked_for_every_tag() -> None:
    names = [f"v{number:03}" for number in range(200)]
    down: Script = {f"{BASE}/tags/list?n=1000": tags(*names)}
    down |= {f"{BASE}/manifests/{name}": answer(500) for name in names}
    with HostileServer(down) as server:
        one = collector(server, connections=1)
        found, error = read(one.collect("acme/app", UnitMemory()))
        one._registry._http.close()
        assert found == []
        assert isinstance(error, CollectionError)
        assert len(server.asked) < 20


def test_source_that_throttles_ends_the_unit() -> None:
    found, error = scan(script_with(answer(429, Retry_After="7200")), connections=1)
    assert versions(found) == ["a-good"]
    assert isinstance(error, ThrottledError)


# --- lists ---------------------------------------------------------------------------------------


def endless(path: str, key: str) -> Callable[[Asked], Step]:
    """Answer every page with a new name and a next page."""
    numbers = count()

    def step(_asked: Asked) -> Step:
        number = next(numbers)
        body = json.dumps({key: [f"n{number}"]}).encode()
        return answer(200, body, Link=f'<{path}?last={number}>; rel="next"')

    return step


class Endless(dict[str, object]):
    """A script that knows one answer for all paths."""

    def __init__(self, step: Callable[[Asked], Step]) -> None:
        super().__init__()
        self.step = step

    def get(self, key: str, default: object = None) -> object:
        return self.step if " " not in key else default


def test_attack_16_endless_list_of_tags_ends_at_the_limit() -> None:
    limits = replace(LIMITS, tags=50)
    with HostileServer(Endless(endless(f"{BASE}/tags/list", "tags"))) as server:  # type: ignore[arg-type]
        http = Http(limits, home=server.url)
        options = OciOptions.model_validate({"url": server.url})
        one = OciCollector("prod", options, Surroundings(http, limits, {}, Path(), Path()))
        with pytest.raises(TooLargeError, match=r"limits\.tags"):
            list(one.collect("acme/app", UnitMemory()))
        http.close()
        assert len(server.asked) == 51


def test_endless_catalog_ends_at_the_limit() -> None:
    limits = replace(LIMITS, pages=7)
    with HostileServer(Endless(endless("/v2/_catalog", "repositories"))) as server:  # type: ignore[arg-type]
        http = Http(limits, home=server.url)
        options = OciOptions.model_validate({"url": server.url})
        one = OciCollector("prod", options, Surroundings(http, limits, {}, Path(), Path()))
        with pytest.raises(TooLargeError, match=r"limits\.pages"):
            list(one.units())
        http.close()


ENVELOPE = "application/vnd.dsse.envelope.v1+json"
FEW = replace(LIMITS, evidence_bytes=1024)  # of which four pieces may wait


def companions(images: list[bytes]) -> list[str]:
    return [f"{digest(one).replace(':', '-')}.att" for one in images]


def attested(images: list[bytes]) -> Script:
    """Return what a repository answers of images each of which has an attestation of 1000 bytes."""
    payload = b"x" * 1000
    layer = {"mediaType": ENVELOPE, "digest": digest(payload), "size": len(payload)}
    held = manifest(image("attestation", layers=[layer]))
    script: Script = {f"{BASE}/blobs/{digest(payload)}": answer(200, payload)}
    script |= {f"{BASE}/manifests/{digest(one)}": manifest(one) for one in images}
    return script | {f"{BASE}/manifests/{tag}": held for tag in companions(images)}


def test_attack_16_evidence_of_platforms_that_waits_is_bounded() -> None:
    images = [image(f"{number:02}") for number in range(12)]
    script = attested(images)
    script[f"{BASE}/manifests/00"] = manifest(index(*map(child, images)), INDEX)
    script[f"{BASE}/tags/list?n=1000"] = tags("00", *companions(images))
    with HostileServer(script) as server:
        options = OciOptions.model_validate(
            {"url": server.url, "repositories": ["acme/app"], "connections": 1}
        )
        http = Http(FEW, home=server.url)
        one = OciCollector("prod", options, Surroundings(http, FEW, {}, Path(), Path()))
        most, told = 0, 0
        for found in one.collect("acme/app", UnitMemory()):
            fetched = sum("/blobs/" in asked.path for asked in server.asked)
            most = max(most, fetched - told)
            told += isinstance(found, EvidenceSet) and bool(found.evidence)
        http.close()
    assert told == 12
    assert isinstance(found, UnitEnd)
    # Four wait, the fifth tells that they are too many; one more is read while the first is due.
    assert most <= 6


@contextmanager
def looking(script: Script, images: list[bytes]) -> Iterator[tuple[HostileServer, Look]]:
    """Lend a look at a repository of these images, each under a tag of its own."""
    named = {f"{BASE}/manifests/v{at}": one for at, one in enumerate(images)}
    script = {
        path: manifest(one, json.loads(one)["mediaType"]) for path, one in named.items()
    } | script
    with HostileServer(script) as server:
        http = Http(FEW, home=server.url, pause=lambda _seconds: None)
        registry = Registry(http, server.url, FEW, 1)
        reader = SignatureReader(registry, "acme/app", companions(images), FEW)
        yield server, Look(registry, reader, "acme/app", UnitMemory(), platforms="each", limits=FEW)
        http.close()


@pytest.mark.parametrize("is_index", [False, True])
def test_attack_16_evidence_of_tags_that_waits_is_bounded(*, is_index: bool) -> None:
    images = [image(f"{number:02}") for number in range(12)]
    below = {f"{BASE}/manifests/{digest(one)}": manifest(one) for one in images}
    images = [index(child(one)) for one in images] if is_index else images
    with looking(attested(images) | below, images) as (server, look):
        looked = [look.at(f"v{number}") for number in range(12)]
        assert sum("/blobs/" in asked.path for asked in server.asked) == 5
        for one in looked:
            found = list(_due(one, Faults()))
            held, sighting = found[:2]
            assert isinstance(held, EvidenceSet)
            assert isinstance(sighting, Sighting)
            assert len(held.evidence) == 1
            assert len(found) == (4 if is_index else 2)
            look.told(held)
        assert look._waiting == 0


def test_registry_that_is_silent_about_what_was_left_for_later_is_not_asked_on() -> None:
    images = [image(f"{number:02}") for number in range(12)]
    script = attested(images)
    for tag in companions(images)[5:]:
        script[f"{BASE}/manifests/{tag}"] = answer(500)
    with looking(script, images) as (server, look):
        looked, faults = [look.at(f"v{number}") for number in range(12)], Faults()
        assert sum(isinstance(one, Later) for one in looked) == 7
        with pytest.raises(CollectionError, match="failed"):
            list(chain.from_iterable(_due(one, faults) for one in looked))
        assert sum(asked.path.endswith(".att") for asked in server.asked) == 5 + PATIENCE


def test_platform_is_told_that_its_index_is_signed_whenever_the_index_was_told() -> None:
    below = image("below")
    images = [index(child(below))] * 2
    script = attested(images[:1]) | {f"{BASE}/manifests/{digest(below)}": manifest(below)}
    with looking(script, images) as (_, look):
        held = next(_due(look.at("v0"), Faults()))
        assert isinstance(held, EvidenceSet)
        look.told(held)
        (platform,) = (one for one in _due(look.at("v1"), Faults()) if isinstance(one, EvidenceSet))
        assert any("is signed" in note for note in platform.looked)


def test_evidence_left_for_later_that_breaks_leaves_the_unit_incomplete() -> None:
    images = [image(f"{number:02}") for number in range(8)]
    script = attested(images)
    script[f"{BASE}/manifests/00"] = manifest(index(*map(child, images)), INDEX)
    last = companions(images)[-1]
    script[f"{BASE}/manifests/{last}"] = answer(500)
    script[f"{BASE}/tags/list?n=1000"] = tags("00", *companions(images))
    with HostileServer(script) as server:
        options = OciOptions.model_validate({"url": server.url, "repositories": ["acme/app"]})
        http = Http(FEW, home=server.url, pause=lambda _seconds: None)
        one = OciCollector("prod", options, Surroundings(http, FEW, {}, Path(), Path()))
        found, error = read(one.collect("acme/app", UnitMemory()))
        http.close()
    assert isinstance(error, CollectionError)
    assert last in str(error)
    assert sum(isinstance(each, Sighting) for each in found) == 1 + 7
    assert not any(isinstance(each, UnitEnd) for each in found)


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/v2/_catalog", "repositories"),
        (f"{BASE}/tags/list", "tags"),
        (f"{BASE}/referrers/{digest(GOOD)}", "manifests"),
    ],
)
def test_attack_16_pages_of_one_list_are_bounded_together(path: str, key: str) -> None:
    limits = replace(LIMITS, document_bytes=4096)

    def page(asked: Asked) -> Step:
        name = asked.path.rpartition("=")[2].rjust(3000, "x")
        named = {**child(name.encode()), "annotations": {"more": name}}
        body = {key: [named if key == "manifests" else name]}
        following = f'<{path}?n={len(server.asked)}>; rel="next"'
        return answer(200, json.dumps(body).encode(), Link=following)

    with HostileServer(Endless(page)) as server:  # type: ignore[arg-type]
        http = Http(limits, home=server.url)
        registry = Registry(http, server.url, limits, 1)
        image = Digest.parse(digest(GOOD))
        read: dict[str, Callable[[], object]] = {
            "repositories": lambda: list(registry.repositories()),
            "tags": lambda: registry.tags("acme/app"),
            "manifests": lambda: registry.referrers("acme/app", image),
        }
        with pytest.raises(TooLargeError, match=r"32768 bytes \(8 x document_bytes\)"):
            read[key]()
        http.close()
        assert len(server.asked) < 12


def test_attack_16_page_of_referrers_that_leads_to_itself_is_not_asked_again() -> None:
    path = f"{BASE}/referrers/{digest(GOOD)}"
    page = answer(200, b'{"manifests":[]}', Link='<>; rel="next"')
    with HostileServer({path: page}) as server:
        http = Http(LIMITS, home=server.url)
        registry = Registry(http, server.url, LIMITS, 1)
        with pytest.raises(MalformedError, match="names no new one, and a next page"):
            registry.referrers("acme/app", Digest.parse(digest(GOOD)))
        http.close()
        assert len(server.asked) == 1


def test_link_that_cannot_be_read_is_named_with_its_place() -> None:
    first = f"{BASE}/tags/list?n=1000"
    _, error = scan({first: answer(200, b'{"tags":["a"]}', Link="</next; rel=next")})
    assert isinstance(error, MalformedError)
    assert f"{BASE}/tags/list?…: a Link header that cannot be read" in str(error)


def test_attack_12_not_modified_of_what_was_never_read_is_no_answer() -> None:
    path = f"{BASE}/manifests/v1"
    with HostileServer({path: [answer(200), answer(304)]}) as server:
        http = Http(LIMITS, home=server.url)
        registry = Registry(http, server.url, LIMITS, 1)
        with pytest.raises(UnreachableError, match="the registry answered 304"):
            registry.digest_of_tag("acme/app", "v1", None)
        http.close()


def test_next_page_is_read_however_its_link_is_written() -> None:
    first = f"{BASE}/tags/list?n=1000"
    link = f'<{first}&last=a>; title="more"; REL="Next"'
    script: Script = {
        first: answer(200, b'{"tags":["a"]}', Link=link),
        f"{first}&last=a": tags("b"),
        f"{BASE}/manifests/a": manifest(GOOD),
        f"{BASE}/manifests/b": manifest(GOOD),
    }
    found, error = scan(script)
    assert error is None
    assert versions(found) == ["a", "b"]


@pytest.mark.parametrize(
    ("path", "key"), [("/v2/_catalog", "repositories"), (f"{BASE}/tags/list", "tags")]
)
def test_list_that_repeats_itself_is_malformed(path: str, key: str) -> None:
    page = answer(200, json.dumps({key: ["same"]}).encode(), Link=f'<{path}?n=1000>; rel="next"')
    with HostileServer({f"{path}?n=1000": page}) as server:
        one = collector(server, repositories=["**"])
        with pytest.raises(MalformedError, match="repeats itself"):
            list(one.units() if key == "repositories" else one.collect("acme/app", UnitMemory()))
        one._registry._http.close()
        assert len(server.asked) == 2


@pytest.mark.parametrize(
    "link", ["http://other.example/v2/_catalog", "//169.254.169.254/v2/x", "/admin"]
)
def test_attack_14_next_page_elsewhere_is_refused(link: str) -> None:
    page = answer(200, b'{"repositories":["a"]}', Link=f'<{link}>; rel="next"')
    with HostileServer({"/v2/_catalog?n=1000": page}) as server:
        one = collector(server, repositories=["**"])
        with pytest.raises(RefusedError, match="next page"):
            list(one.units())
        one._registry._http.close()
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"errors":[{"code":"UNAVAILABLE"}]}',
        b'{"tags":5}',
        b'{"tags":[1]}',
        b'{"tags":' + b"[" * 9000,
        b"\xff",
        b'{"tags":[]}x',
    ],
)
def test_broken_list_is_malformed(body: bytes) -> None:
    _, error = scan({f"{BASE}/tags/list?n=1000": answer(200, body)})
    assert isinstance(error, MalformedError)
    assert "the list of tags at http://127.0.0.1:" in str(error)
    assert f"{BASE}/tags/list" in str(error)


@pytest.mark.parametrize("name", NASTY)
def test_impossible_tag_is_named_and_the_others_are_read(name: str) -> None:
    script = script_with(manifest(image("x")))
    script[f"{BASE}/tags/list?n=1000"] = tags("a-good", name, "z-good")
    found, error = scan(script)
    assert versions(found) == ["a-good", "z-good"]
    assert isinstance(error, CollectionError)
    assert error.reason == "MALFORMED"
    assert str(error).isprintable()


@pytest.mark.parametrize("name", NASTY)
def test_impossible_repository_is_refused_and_the_others_are_read(name: str) -> None:
    page = answer(200, json.dumps({"repositories": ["acme/app", name, "z"]}).encode())
    with HostileServer({"/v2/_catalog?n=1000": page}) as server:
        one = collector(server, repositories=["**"])
        units = list(one.units())
        assert units[0] == "acme/app"
        assert "z" in units
        [bad] = set(units) - {"acme/app", "z"}
        assert bad.isprintable()
        before = len(server.asked)
        with pytest.raises(MalformedError):
            list(one.collect(bad, UnitMemory()))
        assert len(server.asked) == before
        one._registry._http.close()


def test_catalog_that_is_not_offered_says_what_to_do() -> None:
    with HostileServer({}) as server:
        one = collector(server, repositories=["**"])
        with pytest.raises(UnreachableError, match="without wildcards"):
            list(one.units())
        one._registry._http.close()


def test_repository_of_the_catalog_without_tags_is_empty() -> None:
    with HostileServer({}) as server:
        one = collector(server, repositories=["acme/*"])
        assert list(one.collect("acme/app", UnitMemory())) == [UnitEnd()]
        one._registry._http.close()


def test_attack_15_realm_on_another_host_never_gets_the_password() -> None:
    with HostileServer({}) as thief:
        challenge = f'Bearer realm="{thief.url}/token",service="s"'
        denied = answer(401, WWW_Authenticate=challenge)
        with HostileServer({f"{BASE}/tags/list?n=1000": denied}) as server:
            one = collector(server, username="alice", password={"env": "PASSWORD"})
            _, error = read(one.collect("acme/app", UnitMemory()))
            one._registry._http.close()
            assert isinstance(error, RefusedError)
            assert all("authorization" not in asked.headers for asked in server.asked)
        assert thief.asked == []


def test_wrong_password_is_denied() -> None:
    with HostileServer(
        {f"{BASE}/tags/list?n=1000": answer(401, WWW_Authenticate="Basic")}
    ) as server:
        one = collector(server, username="alice", password={"env": "PASSWORD"})
        with pytest.raises(DeniedError):
            list(one.collect("acme/app", UnitMemory()))
        one._registry._http.close()
        assert len(server.asked) == 2


# --- indexes -------------------------------------------------------------------------------------


def index_script(content: bytes, children: dict[str, Step]) -> Script:
    return {
        f"{BASE}/tags/list?n=1000": tags("v1"),
        f"{BASE}/manifests/v1": manifest(content, INDEX),
        **{f"{BASE}/manifests/{name}": step for name, step in children.items()},
    }


def platforms(found: list[Discovery]) -> list[str]:
    return [one.location.variant for one in found if isinstance(one, Sighting)]


ARM = {"os": "linux", "architecture": "arm64"}


@pytest.mark.parametrize("claim", [digest(image("one")), digest(image("evil")), "", "nonsense"])
def test_attack_05_child_whose_bytes_are_others_is_a_mismatch_and_its_sibling_is_read(
    claim: str,
) -> None:
    one, two = image("one"), image("two")
    steps = {
        digest(one): manifest(image("evil"), Docker_Content_Digest=claim),
        digest(two): manifest(two),
    }
    found, error = scan(index_script(index(child(one), child(two, ARM)), steps))
    assert platforms(found) == ["", "linux/arm64"]
    assert isinstance(error, CollectionError)
    assert error.reason == "DIGEST_MISMATCH"
    assert digest(one) in str(error)


def test_child_that_is_not_here_is_noted_and_asked_for_again() -> None:
    one, two = image("one"), image("two")
    script = index_script(index(child(one), child(two, ARM)), {digest(two): manifest(two)})
    with HostileServer(script) as server:
        looking = collector(server)
        memory = UnitMemory()
        found = memory.keep(looking.collect("acme/app", memory))
        assert platforms(found) == ["", "linux/arm64"]
        [own] = [
            each
            for each in found
            if isinstance(each, EvidenceSet) and each.looked[-1].endswith("not here")
        ]
        assert digest(one) in own.looked[-1]
        script[f"{BASE}/manifests/{digest(one)}"] = manifest(one)
        assert "linux/amd64" in platforms(memory.keep(looking.collect("acme/app", memory)))
        looking._registry._http.close()


def test_children_of_one_platform_keep_different_places_whatever_their_order() -> None:
    one, two = image("one"), image("two")
    steps = {digest(one): manifest(one), digest(two): manifest(two)}
    found, error = scan(index_script(index(child(one), child(two), child(one)), steps))
    assert error is None
    short = [f"linux/amd64@{digest(each)[:19]}" for each in (one, two)]
    assert platforms(found) == ["", *short]


@pytest.mark.parametrize(
    "listed",
    [
        "text",
        {"digest": digest(b"x"), "size": 1},
        {"mediaType": IMAGE, "digest": "sha1:" + "a" * 40, "size": 1},
        {"mediaType": IMAGE, "digest": "../../x", "size": 1},
        {"mediaType": IMAGE, "digest": digest(b"x"), "size": -1},
        {"mediaType": IMAGE, "digest": digest(b"x"), "size": 1.5},
        child(b"x", {"os": "<b>", "architecture": "amd64"}),
        child(b"x", {"os": "linux\u202e", "architecture": "amd64"}),
        child(b"x", {"os": "linux"}),
        child(b"x", {"os": "linux", "architecture": ""}),
        child(b"x", "linux/amd64"),
        child(b"x", annotations={"a": 1}),
    ],
)
def test_index_with_an_impossible_child_is_seen_and_the_error_names_it(listed: object) -> None:
    found, error = scan(index_script(index(listed), {}))
    assert platforms(found) == [""]
    assert isinstance(error, CollectionError)
    assert error.reason == "MALFORMED"
    assert "acme/app:v1" in str(error)
    assert str(error).isprintable()


def test_index_inside_an_index_is_an_error_not_a_silence() -> None:
    inner = index()
    found, error = scan(index_script(index(child(inner)), {digest(inner): manifest(inner, INDEX)}))
    assert platforms(found) == [""]
    assert "index inside an index" in str(error)


def test_index_of_too_many_children_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collectors.oci_manifest.MAX_CHILDREN", 2)
    found, error = scan(index_script(index(*[child(image(str(n))) for n in range(3)]), {}))
    assert platforms(found) == [""]
    assert isinstance(error, CollectionError)
    assert error.reason == "TOO_LARGE"


def test_child_whose_platform_is_empty_has_none() -> None:
    one = image("one")
    listed = child(one, {"os": "", "architecture": ""})
    found, error = scan(index_script(index(listed), {digest(one): manifest(one)}))
    assert error is None
    assert platforms(found) == ["", f"@{digest(one)[:19]}"]


def test_child_of_an_unknown_type_is_noted_and_no_error() -> None:
    # image-spec, image-index.md: an unknown type must not generate an error.
    one = image("one")
    other = {"mediaType": "application/xml", "digest": digest(b"<x/>"), "size": 4}
    found, error = scan(index_script(index(child(one), other), {digest(one): manifest(one)}))
    assert error is None
    assert platforms(found) == ["", "linux/amd64"]
    looked = [line for each in found if isinstance(each, EvidenceSet) for line in each.looked]
    assert f"{digest(b'<x/>')} is of the type application/xml, not an image" in looked


def test_record_of_a_build_is_noted_not_counted() -> None:
    one = image("one")
    record = child(
        image("record"),
        {"os": "unknown", "architecture": "unknown"},
        annotations={"vnd.docker.reference.type": "attestation-manifest"},
    )
    found, error = scan(index_script(index(child(one), record), {digest(one): manifest(one)}))
    assert error is None
    assert platforms(found) == ["", "linux/amd64"]


# --- evidence ------------------------------------------------------------------------------------

SIG = signature_tag(digest(GOOD))


def layer(content: bytes, **more: object) -> dict[str, object]:
    return {
        "mediaType": SIMPLE,
        "digest": digest(content),
        "size": len(content),
        "annotations": {},
        **more,
    }


def signed_script(signature: Step, blobs: dict[bytes, Step] | None = None) -> Script:
    return {
        f"{BASE}/tags/list?n=1000": tags("v1", SIG),
        f"{BASE}/manifests/v1": manifest(GOOD),
        f"{BASE}/manifests/{SIG}": signature,
        **{f"{BASE}/blobs/{digest(content)}": step for content, step in (blobs or {}).items()},
    }


def holding(*layers: object) -> Step:
    return manifest(image("x", layers=layers))


UNREAD = {
    "not JSON": signed_script(manifest(b"<html>")),
    "listed but absent": signed_script(answer(404)),
    "lying digest": signed_script(stated(image("x"), b"lie")),
    "an index": signed_script(manifest(index(), INDEX)),
    "layer is no object": signed_script(manifest(image("x", layers=["a"]))),
    "annotation is a number": signed_script(holding(layer(b"p", annotations={"a": 1}))),
    "blob absent": signed_script(holding(layer(b"p"))),
    "blob altered": signed_script(holding(layer(b"p")), {b"p": answer(200, b"q")}),
    "blob longer": signed_script(holding(layer(b"p")), {b"p": answer(200, b"pp")}),
    "blob of terabytes": signed_script(manifest(image("x", layers=[layer(b"p", size=10**13)]))),
    "other type": signed_script(manifest(image("x", layers=[layer(b"p", mediaType="a/b")]))),
}  # fmt: skip


@pytest.mark.parametrize("name", UNREAD)
def test_evidence_that_breaks_is_unread_never_unsigned_and_looked_at_again(name: str) -> None:
    with HostileServer(UNREAD[name]) as server:
        looking, memory = collector(server), UnitMemory()
        found = memory.keep(looking.collect("acme/app", memory))
        [only] = [one for one in found if isinstance(one, EvidenceSet)]
        assert only.evidence == ()
        too_large = name in ("blob longer", "blob of terabytes")
        reason = "TOO_LARGE" if too_large else "REFERRERS_NOT_READ"
        assert [one.reason for one in only.unread] == [reason]
        assert only.unread[0].detail.isprintable()
        assert versions(found) == ["v1"]
        looking._registry._http.close()
    assert (only.state == "") == (name != "other type")


@pytest.mark.parametrize(
    "step", [answer(500), Step(b"", after="stall"), answer(200, b"{", length=99, after="reset")]
)
def test_evidence_out_of_reach_leaves_the_image_to_its_last_look(step: Step) -> None:
    found, error = scan(signed_script(step))
    assert found == []
    assert isinstance(error, CollectionError)
    assert error.reason == "SOURCE_UNREACHABLE"


def test_layers_of_a_broken_and_a_good_signature_are_told_apart() -> None:
    layers = [layer(b"broken"), layer(b"good")]
    script = signed_script(manifest(image("x", layers=layers)), {b"good": answer(200, b"good")})
    found, error = scan(script)
    [only] = [one for one in found if isinstance(one, EvidenceSet)]
    assert error is None
    assert len(only.evidence) == len(only.unread) == 1


# --- re-scan of registries that say less ---------------------------------------------------------


def test_registry_whose_head_says_no_digest_is_asked_on_condition() -> None:
    def step(asked: Asked) -> Step:
        if asked.method == "HEAD":
            return answer(200, GOOD, Content_Type=IMAGE)
        if asked.headers.get("if-none-match") == f'"{digest(GOOD)}"':
            return raw(b"HTTP/1.1 304 Not Modified\r\n\r\n")
        return manifest(GOOD)

    script: Script = {f"{BASE}/tags/list?n=1000": tags("v1"), f"{BASE}/manifests/v1": step}
    with HostileServer(script) as server:
        looking, memory = collector(server), UnitMemory()
        memory.keep(looking.collect("acme/app", memory))
        assert len(memory.keep(looking.collect("acme/app", memory))) == 2
        script[f"{BASE}/manifests/v1"] = lambda asked: (
            answer(200, GOOD) if asked.method == "HEAD" else manifest(image("moved"))
        )
        moved = memory.keep(looking.collect("acme/app", memory))
        assert versions(moved) == ["v1"]
        looking._registry._http.close()
