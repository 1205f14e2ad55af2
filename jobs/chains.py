"""Follow a chain of lists from the one that is signed down to the artifact.

InRelease names Packages.xz, which names a package; SHA256SUMS names a file. Every link is a digest
compared with bytes we hashed, and no list is unpacked or read before its own link held. What each
kind of list says is in `jobs/signed_lists.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from collectors.file_content import shown
from core.errors import CollectionError, MalformedError
from core.limits import Limits
from core.model import Check, CheckOutcome, Digest, Outcome, Subject, Verification
from core.reasons import outcome_of
from jobs.signed_lists import Entry, Listing, RefusedError, read_list

_SHOWN_CANDIDATES = 3
_READABLE = "a list that can be read, within the limits"


@dataclass(frozen=True, slots=True)
class Member:
    """One document of a chain, or the artifact at its end.

    `name` is what the list before should call it; where it is empty, the digest alone finds it.
    With `is_demanded` no other name will do: somebody said so.
    """

    subject: Subject
    name: str = ""
    is_demanded: bool = False


@dataclass(frozen=True, slots=True)
class Walk:
    """What following a chain gave: one check for each link tried; the last may have failed."""

    checks: tuple[Check, ...]
    expected: str = ""
    found: str = ""

    @property
    def broken(self) -> Check | None:
        """The link that does not hold, if one does not."""
        last = self.checks[-1] if self.checks else None
        return last if last is not None and last.outcome is CheckOutcome.FAILED else None


def walk(members: Sequence[Member], limits: Limits) -> Walk:
    """Follow the chain from its first member, which something else vouches for; never raise."""
    checks: list[Check] = []
    for upper, lower in pairwise(members):
        step = f"{_called(lower)} stands in {shown(upper.name or upper.subject.name)}"
        try:
            detail = _link(upper, lower, limits)
        except (RefusedError, MalformedError, CollectionError) as error:
            refused = _as_refusal(error)
            failed = Check(step, CheckOutcome.FAILED, refused.detail, refused.reason)
            return Walk((*checks, failed), refused.expected, refused.found)
        checks.append(Check(step, CheckOutcome.PASSED, detail))
    return Walk(tuple(checks))


def extend(verification: Verification, members: Sequence[Member], walked: Walk) -> Verification:
    """Return the verification of the first list as one of the chain's last member.

    A link counts only where something vouches for the list it starts from.
    """
    if verification.outcome is not Outcome.VERIFIED:
        why = "not followed: nothing vouches for the first list"
        skipped = tuple(
            Check(f"{_called(lower)} stands in the list before", CheckOutcome.SKIPPED, why)
            for lower in members[1:]
        )
        return replace(verification, checks=(*verification.checks, *skipped))
    linked = replace(verification, checks=(*verification.checks, *walked.checks))
    broken = walked.broken
    if broken is None:
        return linked
    outcome = outcome_of(broken.reason)
    if outcome in (None, Outcome.VERIFIED):
        raise KeyError(f"{broken.reason} is no reason of a verification")
    return replace(
        linked,
        outcome=outcome,
        reason=broken.reason,
        detail=broken.detail,
        expected=walked.expected,
        found=walked.found,
        due_at=None,
        due_reason="",
    )


def _called(member: Member) -> str:
    return shown(member.name or member.subject.name)


def _as_refusal(error: RefusedError | MalformedError | CollectionError) -> RefusedError:
    if isinstance(error, RefusedError):
        return error
    cause = "" if isinstance(error, CollectionError) else "the list cannot be read: "
    return RefusedError(error.reason, f"{cause}{error}", _READABLE, str(error))


def _link(upper: Member, lower: Member, limits: Limits) -> str:
    """Find the lower member in the list; return the entry that names it, raise otherwise."""
    if upper.subject.content is None:
        detail = "the list itself is not at hand"
        raise RefusedError("CONTENT_NEEDED", detail, "the bytes of the list", "its digests alone")
    listing = read_list(upper.subject.content, limits)
    entry = _find(listing, lower)
    return f"{listing.kind}: {entry.name}: {entry.digest}"


@dataclass(slots=True)
class _Named:
    """The entries under the name that is wanted; its whole name, once seen, goes before a part."""

    is_whole: bool = False
    held: Entry | None = None  # the first with the right digest
    first: list[Entry] = field(default_factory=list)  # the first few, of `count`
    count: int = 0

    def take(self, entry: Entry, *, is_equal: bool, is_whole: bool) -> None:
        """Count an entry in; in another folder a file of the same name is another one."""
        if is_whole and not self.is_whole:
            self.is_whole, self.held, self.first, self.count = True, None, [], 0
        if self.is_whole and not is_whole:
            return
        self.held = entry if is_equal and self.held is None else self.held
        self.count += 1
        self.first += [entry] if len(self.first) < _SHOWN_CANDIDATES else []


def _find(listing: Listing, wanted: Member) -> Entry:
    """Return the entry for the member; every entry is read, so that the whole list was."""
    known: dict[str, Digest | None] = {}
    equal: Entry | None = None  # the first with this digest, under whatever name
    named = _Named()
    binding = wanted.is_demanded or (listing.has_binding_names and bool(wanted.name))
    for listed in listing.entries:
        is_named = bool(wanted.name) and wanted.name in listed.aliases
        entry = listed
        is_equal = entry.digest is not None and _digest(wanted, entry.digest, known) == entry.digest
        # The second reading costs another hash of the bytes: only where it could decide.
        if not is_equal and entry.other is not None and (is_named or not wanted.name):
            is_equal = _digest(wanted, entry.other, known) == entry.other
            entry = replace(entry, digest=entry.other) if is_equal else entry
        if is_equal and equal is None:
            equal = entry
        if is_named:
            is_whole = binding and entry.name == wanted.name
            named.take(entry, is_equal=is_equal, is_whole=is_whole)
    if named.held is not None:
        return named.held
    if named.count:
        raise _differs(wanted, named.first, named.count, known)
    if equal is None or binding:
        raise _unlisted(listing, wanted, equal, known)
    return equal


def _digest(wanted: Member, listed: Digest, known: dict[str, Digest | None]) -> Digest | None:
    if listed.algorithm not in known:
        known[listed.algorithm] = wanted.subject.digest(listed.algorithm)
    return known[listed.algorithm]


def _differs(
    wanted: Member, named: Sequence[Entry], count: int, known: dict[str, Digest | None]
) -> RefusedError:
    strong = [one for entry in named for one in entry.readings]
    if not strong:
        detail = f"the list names {shown(wanted.name)} by no digest that still means something"
        return RefusedError("ALGORITHM_WEAK", detail, "SHA256 or SHA512", "weaker digests alone")
    expected = " or ".join(dict.fromkeys(map(str, strong)))
    lacking = next((one.algorithm for one in strong if known.get(one.algorithm) is None), None)
    if lacking is not None:
        detail = f"the {lacking} digest of {shown(wanted.name)} is not at hand"
        return RefusedError("CONTENT_NEEDED", detail, expected, _digests_of(wanted))
    ours = ", ".join(dict.fromkeys(str(known[one.algorithm]) for one in strong))
    detail = f"the list gives another digest for {shown(wanted.name)}"
    if count > 1:
        detail = f"the list has {count} entries for {shown(wanted.name)}, none with this digest"
    return RefusedError("DIGEST_MISMATCH", detail, expected, ours)


def _digests_of(wanted: Member) -> str:
    return ", ".join(map(str, wanted.subject.digests)) or "no digest"


def _unlisted(
    listing: Listing, wanted: Member, equal: Entry | None, known: dict[str, Digest | None]
) -> RefusedError:
    name = _called(wanted)
    if equal is not None:
        detail = f"the {listing.kind} names this content, but not as {name}"
        found = shown(equal.name)
        return RefusedError("SUBJECT_MISMATCH", detail, f"an entry for {name}", found)
    if known and None in known.values() and not wanted.name:
        algorithms = ", ".join(sorted(algorithm for algorithm, ours in known.items() if not ours))
        detail = f"the list gives {algorithms} digests, and that of {name} is not at hand"
        return RefusedError("CONTENT_NEEDED", detail, f"{algorithms} digests", _digests_of(wanted))
    detail = f"the {listing.kind} does not name {name}"
    return RefusedError("SUBJECT_MISMATCH", detail, f"an entry for {name}", "none")
