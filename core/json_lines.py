"""Files that hold several JSON documents: one on each line, or GitHub's list of attestations."""

from __future__ import annotations

import json

from core import wire
from core.errors import MalformedError
from core.limits import Limits

_MARKS = (b'"attestations"', b'"bundle"')
# What is written shorter than it came stays within the limits on evidence.
_ENCODER = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"))


def json_lines(content: bytes, most: int) -> list[bytes]:
    """Return the documents of a JSON-lines file, or all the content where it is one document.

    One more than `most` says that there are more; the last then holds all that is left.
    """
    if b"\n" not in content:
        return [content]
    lines = [line for line in content.split(b"\n", most) if line.strip()]
    begun = all(line.lstrip()[:1] == b"{" for line in lines)
    # In one document no object follows on another without a comma between them.
    several = begun and any(line.rstrip()[-1:] == b"}" for line in lines[:-1])
    return lines if several else [content]


def attestations_in(content: bytes, limits: Limits) -> list[bytes]:
    """Return what a file of attestations holds, each as a document of its own.

    They stand on lines, or in what GitHub's API answers for an artifact: an object whose list
    `attestations` holds each under `bundle`. Any other file is one document. One more than
    `limits.signatures` says that there are more.
    """
    documents = json_lines(content, limits.signatures)
    if len(documents) > 1 or not all(mark in content for mark in _MARKS):
        return documents
    return _answered(content, limits) or documents


def _answered(content: bytes, limits: Limits) -> list[bytes]:
    """Return the bundles of GitHub's answer; nothing where it is another document.

    A registry lists each bundle with its type beside it, and all of its bundles belong together.
    """
    try:
        document = wire.as_mapping(wire.read_json(content, limits=limits), "the answer")
        listed = [
            wire.as_mapping(item, "an attestation") for item in wire.items(document, "attestations")
        ]
        # Of a bundle that it only points to (`bundle_url`) the answer says null.
        held = [item for item in listed if "bundle" not in item or item["bundle"] is not None]
        bundles = [wire.mapping(item, "bundle") for item in held]
    except MalformedError:
        return []
    if any("predicateType" in item for item in listed):
        return []
    return [_ENCODER.encode(each).encode() for each in bundles[: limits.signatures + 1]]
