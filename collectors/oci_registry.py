"""The protocol of a container registry (OCI distribution-spec 1.1), reading only.

Nothing the registry says of itself is believed: every document is hashed here, and the digest in
a header only ever leads to an error or to a request that is not made.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from collectors.oci_manifest import (
    ACCEPT,
    MAX_CHILDREN,
    Descriptor,
    Manifest,
    descriptors,
    digest_over,
    read_digest,
    read_manifest,
)
from core import wire
from core.errors import (
    CollectionError,
    MalformedError,
    RefusedError,
    TooLargeError,
    UnreachableError,
)
from core.limits import Limits
from core.model import Digest
from core.text import display
from net.address import follow, read_url, shown
from net.http import Http, Response
from net.link import next_page

PAGE = 1000  # distribution refuses a catalog page of more
LIST_FACTOR = 8  # documents of the greatest size: what all pages of one list may come to
# distribution-spec, "Pulling manifests": the grammar of names and tags.
_NAME = re.compile(
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*\Z"
)
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}\Z")
MAX_NAME = 255
_FOUND, _NOT_MODIFIED, _ABSENT = 200, 304, 404
# What a registry without the referrers API answers: unknown path or method, not implemented.
_NOT_OFFERED = frozenset({400, 404, 405, 406, 501})
_MANIFEST_HEADERS = {"Accept": ACCEPT}


@dataclass(frozen=True, slots=True)
class Names:
    """Names as listed: those that fit the grammar, and how the others look."""

    good: list[str]
    bad: list[str]


def is_name(text: str) -> bool:
    """Say whether a repository may be called so."""
    return len(text) <= MAX_NAME and _NAME.match(text) is not None


def is_tag(text: str) -> bool:
    """Say whether a tag may be called so."""
    return _TAG.match(text) is not None


class Registry:
    """One registry. Safe to use from several threads; at most `connections` requests at a time."""

    def __init__(self, http: Http, url: str, limits: Limits, connections: int) -> None:
        self._http, self._limits = http, limits
        self._root = read_url(url)
        self.host = self._root.origin.authority
        self._gate = threading.BoundedSemaphore(connections)

    # --- lists -----------------------------------------------------------------------------------

    def repositories(self) -> Iterator[Names]:
        """Yield the catalog page by page; CollectionError when there is none."""
        path, seen = f"/v2/_catalog?n={PAGE}", _Seen("repositories", self._limits.repositories)
        for response in self._pages(path):
            if response.status != _FOUND:
                raise UnreachableError(
                    f"{self.host} offers no catalog ({response.status}); name the repositories"
                    " of this source without wildcards"
                )
            yield seen.take(self._listed(response, "repositories"), is_name)

    def tags(self, repository: str) -> Names | None:
        """Return all tags of a repository; None when the registry says there is no such one."""
        path, seen = f"/v2/{repository}/tags/list?n={PAGE}", _Seen("tags", self._limits.tags)
        names = Names([], [])
        for response in self._pages(path):
            if response.status == _ABSENT:
                return None
            _demand_found(response, f"the tags of {repository}")
            page = seen.take(self._listed(response, "tags"), is_tag)
            names.good.extend(page.good)
            names.bad.extend(page.bad)
        return names

    def _pages(self, path: str) -> Iterator[Response]:
        target, most = follow(self._root, path), LIST_FACTOR * self._limits.document_bytes
        size = 0
        for _ in range(self._limits.pages):
            response = self._get(target.path)
            size += len(response.body)
            if size > most:
                sentence = f"a list of more than {most} bytes ({LIST_FACTOR} x document_bytes)"
                raise TooLargeError(f"{self.host}: {sentence}")
            yield response
            link = _following(response)
            if link is None:
                return
            there = follow(target, link)
            # A proxy in front may hide scheme and port; the next page is asked for at home anyway.
            if there.origin.host != self._root.origin.host or not there.path.startswith("/v2/"):
                raise RefusedError(f"{self.host} names a next page elsewhere: {there.origin}")
            target = follow(self._root, there.path)
        raise TooLargeError(f"{self.host}: more than {self._limits.pages} pages (limits.pages)")

    def _listed(self, response: Response, key: str) -> list[str]:
        try:
            return _entries(wire.read_json(response.body, limits=self._limits), key)
        except MalformedError as error:
            place = f"the list of {key} at {shown(response.url)}"
            raise type(error)(f"{place}: {error}") from None

    # --- documents -------------------------------------------------------------------------------

    def digest_of_tag(self, repository: str, tag: str, known: Digest | None) -> Digest | None:
        """Return what a tag points at, None if nothing; without a manifest GET where possible.

        A registry whose HEAD does not say is asked on condition that it is no longer `known`.
        """
        path = f"/v2/{repository}/manifests/{tag}"
        response = self._head(path, _MANIFEST_HEADERS)
        if response.status == _ABSENT:
            return None
        _demand_found(response, f"{repository}:{tag}")
        stated = _stated(response)
        if stated is not None:
            return stated
        condition = {} if known is None else {"If-None-Match": f'"{known}"'}
        response = self._get(path, {**_MANIFEST_HEADERS, **condition})
        if response.status == _NOT_MODIFIED and known is not None:
            return known
        _demand_found(response, f"{repository}:{tag}")
        return digest_over(response.body, known)

    def has_manifest(self, repository: str, digest: Digest) -> bool:
        """Say whether a document is still there, without reading it."""
        response = self._head(f"/v2/{repository}/manifests/{digest}", _MANIFEST_HEADERS)
        if response.status == _ABSENT:
            return False
        _demand_found(response, f"{repository}@{digest}")
        return True

    def manifest(self, repository: str, reference: str | Digest) -> Manifest | None:
        """GET a manifest by tag or digest and hash it; None if there is none.

        CollectionError DIGEST_MISMATCH when the bytes are not what was asked for, or not what the
        registry says they are.
        """
        place = f"{repository}{'@' if isinstance(reference, Digest) else ':'}{reference}"
        response = self._get(f"/v2/{repository}/manifests/{reference}", _MANIFEST_HEADERS)
        if response.status == _ABSENT:
            return None
        _demand_found(response, place)
        expected = reference if isinstance(reference, Digest) else _stated(response)
        digest = digest_over(response.body, expected)
        if expected is not None and digest != expected:
            raise mismatch(place, expected, digest)
        content_type = response.headers.get("content-type", "")
        try:
            return read_manifest(response.body, content_type, digest, self._limits)
        except TooLargeError as error:
            raise TooLargeError(f"{place}: {error}") from None
        except MalformedError as error:
            raise MalformedError(f"{place}: {error}") from None

    def blob(self, repository: str, descriptor: Descriptor) -> bytes | None:
        """GET a blob and hash it; None if there is none. Errors as of `manifest`."""
        place = f"{repository}@{descriptor.digest}"
        if descriptor.size > self._limits.evidence_bytes:
            most = self._limits.evidence_bytes
            sentence = f"{place}: {descriptor.size} bytes, more than {most} (evidence_bytes)"
            raise TooLargeError(sentence)
        path = f"/v2/{repository}/blobs/{descriptor.digest}"
        response = self._get(path, limit=descriptor.size)
        if response.status == _ABSENT:
            return None
        _demand_found(response, place)
        digest = digest_over(response.body, descriptor.digest)
        if digest != descriptor.digest:
            raise mismatch(place, descriptor.digest, digest)
        return response.body

    def referrers(self, repository: str, digest: Digest) -> list[Descriptor] | None:
        """Return what is said to refer to a manifest, each once; None if the API is not offered."""
        place = f"the referrers of {repository}@{digest}"
        found: dict[Digest, Descriptor] = {}
        for response in self._pages(f"/v2/{repository}/referrers/{digest}"):
            if not found and response.status in _NOT_OFFERED:
                return None
            _demand_found(response, place)
            document = wire.read_json(response.body, limits=self._limits)
            before = len(found)
            for entry in descriptors(wire.as_mapping(document, "referrers")):
                found.setdefault(entry.digest, entry)
            if len(found) == before and _following(response) is not None:
                raise MalformedError("a page of referrers that names no new one, and a next page")
            if len(found) > MAX_CHILDREN:
                raise TooLargeError(f"more than {MAX_CHILDREN} documents refer to it")
        return list(found.values())

    def _get(
        self, path: str, headers: Mapping[str, str] | None = None, limit: int | None = None
    ) -> Response:
        with self._gate:
            return self._http.get(f"{self._root.origin}{path}", headers=headers, limit=limit)

    def _head(self, path: str, headers: Mapping[str, str]) -> Response:
        with self._gate:
            return self._http.head(f"{self._root.origin}{path}", headers=headers)


class _Seen:
    """What a paged list has brought so far: a list that repeats itself never ends."""

    def __init__(self, what: str, most: int) -> None:
        self._what, self._most = what, most
        self._names: set[str] = set()
        self._pages = 0

    def take(self, listed: list[str], fits: Callable[[str], bool]) -> Names:
        new = [name for name in dict.fromkeys(listed) if name not in self._names]
        if self._pages and not new:
            raise MalformedError(f"the list of {self._what} repeats itself, page {self._pages + 1}")
        self._pages += 1
        self._names.update(new)
        if len(self._names) > self._most:
            raise TooLargeError(f"more than {self._most} {self._what} (limits.{self._what})")
        good = [name for name in new if fits(name)]
        bad = [display(name, 100) for name in new if not fits(name)]
        return Names(good, bad)


def mismatch(place: str, expected: Digest, found: Digest) -> CollectionError:
    """Return the error of bytes that are not what they were said to be."""
    return CollectionError(
        f"{place}: expected {expected}, found bytes with {found}", reason="DIGEST_MISMATCH"
    )


def _entries(document: object, key: str) -> list[str]:
    """Return what a list holds; what is no list is not an empty one: all would be gone."""
    listed = wire.as_mapping(document, "it")
    if key not in listed:
        raise MalformedError(f"it has no {key}")
    written = listed[key]  # null, where there are none, in what distribution answers
    entries = [] if written is None else wire.as_items(written, key)
    return [wire.as_text(entry, f"one of {key}") for entry in entries]


def _following(response: Response) -> str | None:
    try:
        return next_page(response.headers.get("link", ""))
    except MalformedError as error:
        raise MalformedError(f"{shown(response.url)}: {error}") from None


def _demand_found(response: Response, what: str) -> None:
    if response.status != _FOUND:
        raise UnreachableError(f"{what}: the registry answered {response.status}")


def _stated(response: Response) -> Digest | None:
    try:
        return read_digest(response.headers.get("docker-content-digest", ""))
    except MalformedError:
        return None
