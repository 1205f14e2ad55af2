"""Where a build's source code came from, as provenance writes it: a URI and digests."""

from __future__ import annotations

import re
from collections.abc import Mapping

from core.frozen import dataclass
from verification.predicates import fields

_REF = re.compile(r"(?P<repository>.+)@(?P<ref>[^@]*)")


@dataclass(frozen=True, slots=True)
class Source:
    """One resource: the repository without scheme prefix and reference, both as far as stated."""

    uri: str
    repository: str = ""
    ref: str = ""
    commit: str = ""  # algorithm:hex

    def claims(self) -> dict[str, str]:
        """Return it as claims."""
        return {
            "source_repository": self.repository,
            "source_ref": self.ref,
            "source_digest": self.commit,
        }


def source_of(document: Mapping[str, object]) -> Source:
    """Read a resource descriptor; only one under a `git+` URI is a source repository.

    SPDX download locations: `git+https://host/path@reference#subpath`.
    """
    uri = fields.optional_text(document, "uri")
    commit = fields.shown_commit(fields.digests(document))
    if not uri.startswith("git+"):
        return Source(uri)
    place = uri.removeprefix("git+").partition("#")[0]
    scheme, _, rest = place.partition("://")
    found = _REF.fullmatch(rest)
    # user@host is no reference: one comes after the path only.
    if found is None or "/" not in found["repository"]:
        return Source(uri, place, "", commit)
    return Source(uri, f"{scheme}://{found['repository']}", found["ref"], commit)
