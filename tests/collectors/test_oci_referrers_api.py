"""The referrers API of a registry: its pages, its lies, and what is asked again."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from core.errors import CollectionError
from core.limits import Limits
from core.model import Discovery, EvidenceSet
from tests.collectors.test_oci_hostile import (
    BASE,
    GOOD,
    collector,
    digest,
    image,
    manifest,
    scan,
    tags,
    versions,
)
from tests.fakes.hostile_server import Asked, HostileServer, Script, Step, answer
from tests.fakes.referrers import BUNDLE
from tests.fakes.registry import IMAGE, INDEX, signature_tag
from tests.fakes.unit_memory import UnitMemory

LIST = f"{BASE}/referrers/{digest(GOOD)}"
TAG = signature_tag(digest(GOOD), "")


def referring(*layers: object, to: bytes = GOOD, **more: object) -> bytes:
    """Return a document that refers to an image."""
    subject = {"mediaType": IMAGE, "digest": digest(to), "size": len(to)}
    return image("x", layers=layers, subject=subject, **more)


def layer(content: bytes, **more: object) -> dict[str, object]:
    return {"mediaType": BUNDLE, "digest": digest(content), "size": len(content), **more}


def listed(*documents: bytes) -> bytes:
    entries = [
        {"mediaType": IMAGE, "digest": digest(each), "size": len(each), "artifactType": BUNDLE}
        for each in documents
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()


def answered(content: bytes, **fields: str) -> Step:
    return answer(200, content, fields={"Content_Type": INDEX, **fields})


def script_of(*documents: bytes, blobs: tuple[bytes, ...] = (), tag: bytes | None = None) -> Script:
    """Return a repository of one image, with what the API lists and what lies under the tag."""
    script: Script = {
        f"{BASE}/tags/list?n=1000": tags("v1", *([TAG] if tag else [])),
        f"{BASE}/manifests/v1": manifest(GOOD),
        LIST: answered(listed(*documents)),
        **{f"{BASE}/manifests/{digest(each)}": manifest(each) for each in documents},
        **{f"{BASE}/blobs/{digest(each)}": answer(200, each) for each in blobs},
    }
    if tag:
        script[f"{BASE}/manifests/{TAG}"] = manifest(tag, INDEX)
    return script


ONE, TWO = referring(layer(b"one")), referring(layer(b"two"))


def only(found: list[Discovery]) -> EvidenceSet:
    [one] = [each for each in found if isinstance(each, EvidenceSet)]
    return one


def contents(found: list[Discovery]) -> list[bytes]:
    return [each.content for each in only(found).evidence]


def test_documents_of_both_lists_are_read_each_once() -> None:
    script = script_of(ONE, blobs=(b"one", b"two"), tag=listed(TWO, ONE))
    script[f"{BASE}/manifests/{digest(TWO)}"] = manifest(TWO)
    with HostileServer(script) as server:
        looking, memory = collector(server), UnitMemory()
        found = memory.keep(looking.collect("acme/app", memory))
        assert contents(found) == [b"one", b"two"]
        assert only(found).unread == ()
        first = [f"{asked.method} {asked.path}" for asked in server.asked]
        assert len(first) == len(set(first)) == 1 + 1 + 2 + 2 + 2
        assert len(memory.keep(looking.collect("acme/app", memory))) == 2
        again = [f"{asked.method} {asked.path}" for asked in server.asked[len(first) :]]
        looking._registry._http.close()
    assert sorted(again) == [
        f"GET {LIST}",
        f"GET {BASE}/tags/list?n=1000",
        f"HEAD {BASE}/manifests/{TAG}",
        f"HEAD {BASE}/manifests/{digest(TWO)}",  # what the API lists is there
        f"HEAD {BASE}/manifests/v1",
    ]


def test_empty_list_is_looked_at_and_one_that_changes_is_read_again() -> None:
    script = script_of()
    full = script_of(ONE, TWO, blobs=(b"one", b"two"))
    with HostileServer(script) as server:
        looking, memory = collector(server), UnitMemory()
        empty = memory.keep(looking.collect("acme/app", memory))
        assert only(empty).unread == ()
        assert "referrers API: an empty list" in only(empty).looked
        assert len(memory.keep(looking.collect("acme/app", memory))) == 2
        script.update(full)
        changed = memory.keep(looking.collect("acme/app", memory))
        assert sorted(contents(changed)) == [b"one", b"two"]
        script[LIST] = answered(listed(TWO, ONE))  # the same in another order
        assert len(memory.keep(looking.collect("acme/app", memory))) == 2
        looking._registry._http.close()


def test_state_is_of_the_list_that_was_read() -> None:
    script = script_of(ONE, TWO, blobs=(b"one", b"two"))
    script[LIST] = [answered(listed(ONE)), answered(listed(ONE, TWO))]
    with HostileServer(script) as server:
        looking, memory = collector(server), UnitMemory()
        assert contents(memory.keep(looking.collect("acme/app", memory))) == [b"one"]
        assert contents(memory.keep(looking.collect("acme/app", memory))) == [b"one", b"two"]
        looking._registry._http.close()


def test_state_of_before_referrers_were_read_means_looking_again() -> None:
    with HostileServer(script_of(ONE, blobs=(b"one",))) as server:
        looking, memory = collector(server), UnitMemory()
        memory.keep(looking.collect("acme/app", memory))
        [key] = memory.states
        state = json.loads(memory.states[key])
        state["signed"]["referrers"] = state["signed"]["referrers"].removeprefix("sha256:")
        memory.states[key] = json.dumps(state)
        assert contents(memory.keep(looking.collect("acme/app", memory))) == [b"one"]
        looking._registry._http.close()


def test_list_that_breaks_later_is_unread_then_and_read_once_it_is_mended() -> None:
    script = script_of(ONE, blobs=(b"one",))
    good = script[LIST]
    with HostileServer(script) as server:
        looking, memory = collector(server), UnitMemory()
        memory.keep(looking.collect("acme/app", memory))
        script[LIST] = answer(200, b"<html>")
        broken = only(memory.keep(looking.collect("acme/app", memory)))
        assert (broken.evidence, len(broken.unread), broken.state) == ((), 1, "")
        script[LIST] = good
        assert contents(memory.keep(looking.collect("acme/app", memory))) == [b"one"]
        looking._registry._http.close()


def test_document_listed_under_another_type_than_before_is_looked_at_again() -> None:
    script = script_of(ONE, blobs=(b"one",))
    good, foreign = script[LIST], listed(ONE).replace(IMAGE.encode(), b"application/x-new")
    script[LIST] = answered(foreign)
    with HostileServer(script) as server:
        looking, memory = collector(server), UnitMemory()
        before = only(memory.keep(looking.collect("acme/app", memory)))
        assert (before.evidence, len(before.unread), bool(before.state)) == ((), 1, True)
        script[LIST] = good
        assert contents(memory.keep(looking.collect("acme/app", memory))) == [b"one"]
        looking._registry._http.close()


def test_repository_without_the_api_says_nothing_of_the_others() -> None:
    script = script_of(ONE, blobs=(b"one",))
    script["/v2/acme/old/tags/list?n=1000"] = tags("v1")
    script["/v2/acme/old/manifests/v1"] = manifest(image("old"))
    with HostileServer(script) as server:
        looking = collector(server, repositories=["acme/app", "acme/old"])
        old = list(looking.collect("acme/old", UnitMemory()))
        assert "referrers API: not offered" in only(old).looked
        assert contents(list(looking.collect("acme/app", UnitMemory()))) == [b"one"]
        looking._registry._http.close()


def test_signature_listed_by_a_tag_is_asked_for_again_and_kept_where_nobody_answers() -> None:
    script = script_of(blobs=(b"one",), tag=listed(ONE))
    script[f"{BASE}/manifests/{digest(ONE)}"] = manifest(ONE)
    with HostileServer(script) as server:
        looking, memory = collector(server), UnitMemory()
        assert contents(memory.keep(looking.collect("acme/app", memory))) == [b"one"]
        script[f"{BASE}/manifests/{digest(ONE)}"] = answer(503)
        with pytest.raises(CollectionError, match="503"):
            list(looking.collect("acme/app", memory))
        looking._registry._http.close()


# --- pages ---------------------------------------------------------------------------------------


def link(path: str) -> str:
    return f'<{path}>; rel="next"'


def test_every_page_is_read() -> None:
    script = script_of(ONE, TWO, blobs=(b"one", b"two"))
    script[LIST] = answered(listed(ONE), Link=link(f"{LIST}?page=2"))
    script[f"{LIST}?page=2"] = answered(listed(TWO, ONE))
    found, error = scan(script)
    assert error is None
    assert contents(found) == [b"one", b"two"]


def test_attack_16_endless_list_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collectors.oci_registry.MAX_CHILDREN", 10)
    with HostileServer(script_of()) as server:
        numbers = iter(range(1000))

        def step(_asked: Asked) -> Step:
            page = listed(b"%d" % next(numbers))
            return answered(page, Link=link(LIST))

        server.script[LIST] = step
        looking = collector(server)
        found = list(looking.collect("acme/app", UnitMemory()))
        looking._registry._http.close()
    assert [one.reason for one in only(found).unread] == ["TOO_LARGE"]
    assert next(numbers) == 11


@pytest.mark.parametrize(
    "step",
    [
        answer(200, b"<html>"),
        answer(200, b"{}"),
        answer(200, b'{"manifests":[{"digest":"x"}]}'),
        answer(200, b'{"manifests":[1]}'),
        answered(listed(), Link=link(f"{LIST}?page=2")),
        answered(listed(ONE), Link=link(LIST)),
    ],
)
def test_broken_list_is_unread(step: Step) -> None:
    script = script_of(ONE)
    script[LIST] = step
    found, error = scan(script)
    assert error is None
    assert [one.reason for one in only(found).unread] == ["REFERRERS_NOT_READ"]
    assert only(found).state == ""


def test_attack_14_next_page_elsewhere_is_refused() -> None:
    script = script_of(ONE)
    script[LIST] = answered(listed(ONE), Link=link("http://other.example/v2/x"))
    found, error = scan(script)
    assert found == []
    assert isinstance(error, CollectionError)
    assert error.reason == "SOURCE_REDIRECT_REFUSED"


# --- documents that are not what the list says ----------------------------------------------------


def with_document(content: bytes, step: Step | None = None, *blobs: bytes) -> Script:
    """Return an image with a good document, and one that is listed and answered so."""
    script = script_of(content, ONE, blobs=(b"one", *blobs))
    script[f"{BASE}/manifests/{digest(content)}"] = step or manifest(content)
    return script


def altered() -> Script:
    script = with_document(TWO)
    script[f"{BASE}/blobs/{digest(b'two')}"] = answer(200, b"TWO")
    return script


NOT_JSON = b"<html>"
BOTH = referring(layer(b"two"), manifests=[])
BREAKS: dict[str, Callable[[], Script]] = {
    "absent": lambda: with_document(TWO, answer(404)),
    "other bytes": lambda: with_document(TWO, manifest(referring(layer(b"evil")))),
    "other bytes that lie": lambda: with_document(
        TWO, manifest(ONE, Docker_Content_Digest=digest(TWO))
    ),
    "not JSON": lambda: with_document(NOT_JSON),
    "both image and index": lambda: with_document(BOTH),
    "an index": lambda: with_document(listed(ONE), manifest(listed(ONE), INDEX)),
    "served as an index": lambda: with_document(TWO, manifest(TWO, INDEX)),
    "longer than a document": lambda: with_document(TWO, answer(200, b" " * 70_000)),
    "subject is a text": lambda: with_document(image("x", subject=digest(GOOD))),
    "subject is no digest": lambda: with_document(image("x", subject={"digest": "x"})),
    "layer is a text": lambda: with_document(referring("x")),
    "blob absent": lambda: with_document(TWO),
    "blob altered": altered,
    "blob of terabytes": lambda: with_document(referring(layer(b"two", size=10**13))),
    "about another image": lambda: with_document(referring(layer(b"two"), to=b"x"), None, b"two"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_document_that_breaks_is_unread_and_the_others_count(name: str) -> None:
    found, error = scan(BREAKS[name]())
    assert error is None
    assert versions(found) == ["v1"]
    assert contents(found) == [b"one"]
    too_large = name in ("longer than a document", "blob of terabytes")
    reason = "TOO_LARGE" if too_large else "REFERRERS_NOT_READ"
    [unread] = only(found).unread
    assert unread.reason == reason
    assert unread.detail.isprintable()
    settled = name in ("about another image", "an index")
    assert bool(only(found).state) == settled


@pytest.mark.parametrize("step", [answer(404), answer(200, b"TWO")])
def test_attack_16_layer_that_fails_is_not_asked_for_without_end(step: Step) -> None:
    script = script_of(referring(*[layer(b"two")] * 300))
    script[f"{BASE}/blobs/{digest(b'two')}"] = step
    with HostileServer(script) as server:
        looking = collector(server)
        found = list(looking.collect("acme/app", UnitMemory()))
        looking._registry._http.close()
        asked = [one for one in server.asked if "/blobs/" in one.path]
    assert len(asked) <= Limits().signatures
    assert "limits.signatures" in only(found).unread[-1].detail


@pytest.mark.parametrize("place", [f"{BASE}/manifests/{digest(ONE)}", LIST])
def test_what_is_out_of_reach_leaves_the_image_to_its_last_look(place: str) -> None:
    script = script_of(ONE, blobs=(b"one",))
    script[place] = answer(500)
    found, error = scan(script)
    assert found == []
    assert isinstance(error, CollectionError)
    assert error.reason == "SOURCE_UNREACHABLE"
