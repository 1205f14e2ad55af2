"""Files of several documents: lines, and what GitHub's API answers for an artifact."""

from __future__ import annotations

import json

import pytest

from core.json_lines import attestations_in
from core.limits import Limits

LIMITS = Limits(signatures=2)
ONE, TWO = {"mediaType": "one"}, {"mediaType": "two"}


def answer(*bundles: object, **beside: object) -> bytes:
    return json.dumps({"attestations": [{"bundle": each} | beside for each in bundles]}).encode()


def test_lines_are_documents_and_one_document_is_itself() -> None:
    assert attestations_in(b'{"a":1}\n\n{"b":2}\n', Limits()) == [b'{"a":1}', b'{"b":2}']
    for whole in (b'{"a":\n1}\n', b'{"a":\n{"b":1}}', b'{"a":[\n{"b":1},\n{"b":2}]}\n', b"{\n{"):
        assert attestations_in(whole, LIMITS) == [whole]


def test_line_that_breaks_off_does_not_join_the_others() -> None:
    for lines in (b'{"a":1}\n{"b"', b'{"a"\n{"b":1}\n{"c":1}'):
        assert attestations_in(lines, Limits()) == lines.split(b"\n")


@pytest.mark.parametrize("indent", [None, 2])
def test_an_answer_holds_each_under_bundle(indent: int | None) -> None:
    content = json.dumps(json.loads(answer(ONE, TWO, repository_id=7)), indent=indent).encode()
    assert list(map(json.loads, attestations_in(content, LIMITS))) == [ONE, TWO]


def test_no_piece_is_longer_than_the_answer_it_came_in() -> None:
    content = json.dumps(json.loads(answer({"a": "é😀" * 99, "b": [1, 2]})), ensure_ascii=False,
                         separators=(",", ":")).encode()  # fmt: skip
    (piece,) = attestations_in(content, LIMITS)
    assert piece in content


def test_one_more_than_the_limit_says_that_there_are_more() -> None:
    assert len(attestations_in(answer(*[ONE] * 9), LIMITS)) == 3


@pytest.mark.parametrize(
    "content",
    [
        answer(),
        answer(None),  # its bundle is kept elsewhere (bundle_url)
        answer("text"),
        answer(ONE, predicateType="https://slsa.dev/provenance/v1"),  # a registry's
        answer(ONE)[:-1],
        answer(ONE).replace(b'{"attestations"', b'{"a": 1, "a": 2, "attestations"'),
        b'["attestations", "bundle"]',
        json.dumps({"attestations": {"bundle": ONE}}).encode(),
    ],
)
def test_any_other_document_is_one(content: bytes) -> None:
    assert attestations_in(content, LIMITS) == [content]


def test_a_bundle_that_the_answer_only_points_to_is_passed_over() -> None:
    pointed = {"bundle": None, "bundle_url": "https://forge.example/bundle"}
    content = json.dumps({"attestations": [pointed, {"bundle": ONE}]}).encode()
    assert list(map(json.loads, attestations_in(content, LIMITS))) == [ONE]
