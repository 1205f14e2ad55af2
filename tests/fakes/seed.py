"""A made-up estate of any size, written straight into the tables, the same on every run.

Every status, reason class, policy status, exclusion and kind of change occurs. Counts are kept
consistent here, by code of its own: what reads them is tested against the rows.
"""

from __future__ import annotations

import hashlib
import json
import random
import zlib
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from core.model import (
    Check,
    CheckOutcome,
    Outcome,
    Role,
    Signer,
    SignerKind,
    Verification,
)
from storage import schema, search
from storage.bulk import insert_rows
from storage.documents import dump_verification
from verification.format import VERIFIER_VERSION

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
HISTORY_DAYS = 100
SIGNERS = 12
FINDINGS = 70  # more than one page of them
SOURCES = (  # name, kind, owner, share of the locations in percent
    ("debian", "apt", "platform", 70),
    ("downloads", "file_tree", "web", 10),
    ("registry", "oci", "web", 20),
    ("never-read", "oci", "mobile", 0),
)
STANDINGS = (  # status, reason, contested
    ("verified", "", False),
    ("verified", "", False),
    ("verified", "", True),
    ("failed", "SIGNATURE_INVALID", False),
    ("failed", "KEY_EXPIRED", False),
    ("unsigned", "NO_SIGNATURE", False),
    ("unknown", "CONTENT_NEEDED", False),
)
OUTCOMES = {
    "": Outcome.VERIFIED,
    "SIGNATURE_INVALID": Outcome.INVALID,
    "KEY_EXPIRED": Outcome.UNTRUSTED,
    "CONTENT_NEEDED": Outcome.UNVERIFIABLE,
}
WORST = ("failed", "unknown", "warned", "passed")
POLICIES = (("signed", "enforce"), ("release", "warn"), ("trial", "observe"))
REQUIREMENTS = ((1, 1, "signature"), (2, 1, "known-signer"), (3, 2, "fresh-key"), (4, 3, "two"))
WORDS = ("lib", "tool", "Server", "agent", "100%_done", "naïve", "web\\cache", 'quo"te')


def digest_of(*parts: object) -> bytes:
    """Return 32 bytes named by the parts."""
    return hashlib.sha256(":".join(map(str, parts)).encode()).digest()


def fill(connection: sa.Connection, locations: int = 400) -> None:
    """Make the schema in an empty database and fill it, in the caller's write transaction."""
    schema.metadata.create_all(connection)
    Estate(locations).write(connection)
    search.create(connection)


class Estate:
    """All rows, by table."""

    def __init__(self, locations: int) -> None:
        self.rows: dict[sa.Table, list[dict[str, Any]]] = defaultdict(list)
        self.random = random.Random(7)
        self.standing: Counter[tuple[Any, ...]] = Counter()
        self.findings: Counter[tuple[Any, ...]] = Counter()
        self.set_sizes: Counter[int] = Counter()
        self._blobs: set[bytes] = set()
        self._trust()
        self._policies()
        self._exclusions()
        for number, (name, kind, owner, share) in enumerate(SOURCES, start=1):
            self._source(number, name, kind, owner)
            if share:
                self._scans(number)
                self._contents(number, kind, max(20, locations * share // 100))
        self._counts()

    def write(self, connection: sa.Connection) -> None:
        """Insert everything, tables that others point at first."""
        for table in schema.metadata.sorted_tables:
            rows = self.rows[table]
            for start in range(0, len(rows), 20_000):
                insert_rows(connection, table, rows[start : start + 20_000])
            if connection.dialect.name == "postgresql" and "id" in table.c and rows:
                connection.execute(
                    sa.text(
                        "SELECT setval(pg_get_serial_sequence(:name, 'id'), :top)"
                    ), {"name": table.name, "top": max(row["id"] for row in rows)},
                )  # fmt: skip

    def _add(self, table: sa.Table, **row: Any) -> int:
        self.rows[table].append(row)
        return len(self.rows[table])

    def _next(self, table: sa.Table) -> int:
        return len(self.rows[table]) + 1

    def _keep(self, content: bytes, media_type: str, *, pieces: int = 1) -> bytes:
        digest = hashlib.sha256(content).digest()
        if digest in self._blobs:
            return digest
        self._blobs.add(digest)
        self._add(schema.blob, digest=digest, size=len(content), media_type=media_type,
                  encoding="zlib", added_at=NOW - 90 * DAY)  # fmt: skip
        step = -(-len(content) // pieces)
        for position in range(pieces):
            piece = zlib.compress(content[position * step : (position + 1) * step])
            self._add(schema.blob_chunk, digest=digest, position=position, bytes=piece)
        return digest

    # --- what stands around ----------------------------------------------------------------------

    def _trust(self) -> None:
        for entry in range(1, 5):
            content = self._keep(f"key material {entry}".encode(), "application/pgp-keys")
            self._add(schema.trust_entry, id=entry, digest=digest_of("entry", entry),
                      kind=("keyring", "key", "ca", "key")[entry - 1], content_digest=content,
                      only="[]", valid_from=None, valid_until=NOW + entry * 20 * DAY,
                      added_at=NOW - entry * DAY)  # fmt: skip
            for position in range(3 if entry == 1 else 1):
                self._add(schema.credential, id=self._next(schema.credential), entry_id=entry,
                          position=position, kind="openpgp" if entry == 1 else "key",
                          fingerprint=anchor(entry, position), identity=f"Key {entry}.{position}",
                          algorithm="RSA-4096", valid_from=NOW - 900 * DAY,
                          valid_until=NOW + (entry * 30 - 60) * DAY,
                          revoked=position == 2)  # fmt: skip
        for number in range(1, SIGNERS + 1):
            self._add(schema.signer, id=number, kind="openpgp" if number % 2 else "key",
                      fingerprint=f"{number:040X}", issuer="" if number % 3 else "Example CA",
                      identity=f"Signer <s{number}@example.org>", algorithm="Ed25519",
                      valid_from=None, valid_until=NOW + (number * 10 - 30) * DAY,
                      first_seen_at=NOW - number * 3 * DAY)  # fmt: skip

    def _policies(self) -> None:
        for number, (name, mode) in enumerate(POLICIES, start=1):
            text = f"metadata: {{name: {name}}}\n"
            self._add(schema.policy_version, id=number, digest=digest_of("policy", name),
                      name=name, text=text, added_at=NOW - 60 * DAY)  # fmt: skip
            self._add(schema.policy, id=number, name=name, title=f"Policy {name}", owner="security",
                      mode=mode, active=True, version_id=number)  # fmt: skip
        for number, policy_id, name in REQUIREMENTS:
            self._add(schema.requirement, id=number, policy_id=policy_id, name=name,
                      title=f"Requirement {name}")  # fmt: skip
        for number in range(1, 4):
            self._add(schema.finding_text, id=number, digest=digest_of("text", number),
                      detail=f"detail {number}", expected="a good key", found="<b>another</b>",
                      solution="Sign it again.")  # fmt: skip

    def _exclusions(self) -> None:
        for number in range(1, 4):
            match = json.dumps({"oci": {"repository": f"scratch/{number}/**"}})
            self._add(schema.exclusion, id=number, digest=digest_of("rule", number), match=match,
                      reason="throw-away builds", owner="platform", active=number != 3,
                      added_at=NOW - 40 * DAY)  # fmt: skip

    # --- a source --------------------------------------------------------------------------------

    def _source(self, number: int, name: str, kind: str, owner: str) -> None:
        read = number != 4
        partial = number == 3
        self._add(schema.source, id=number, name=name, kind=kind, address=f"example {name}",
                  owner=owner, tier="release", every_seconds=3600, configured=True,
                  added_at=NOW - HISTORY_DAYS * DAY, read_at=NOW - DAY / 48 if read else None,
                  complete_at=(NOW - (3 * DAY if partial else DAY / 48)) if read else None,
                  verifier="earlier" if partial else VERIFIER_VERSION,
                  reason="SOURCE_DENIED" if partial else "",
                  detail="the source wants credentials" if partial else "")  # fmt: skip
        for part in range(2):
            troubled = partial and part == 1
            self._add(schema.unit, id=self._next(schema.unit), source_id=number,
                      name=f"unit-{part}", state="", complete_at=NOW - DAY,
                      reason="SOURCE_DENIED" if troubled else "",
                      detail="401" if troubled else "", gone_at=None)  # fmt: skip
        if number == 1:
            for place in range(FINDINGS):
                self._finding(1 + place % 2, place)
        for entry in range(1, 5):
            if (entry + number) % 2:
                self._add(schema.source_trust, source_id=number, unit="", entry_id=entry,
                          name=f"ring-{entry}", origin=f"/etc/ring-{entry}.asc",
                          flags='["machine-wide keyring"]' if entry == 1 else "[]")  # fmt: skip

    def _finding(self, unit_id: int, place: int) -> None:
        reason = ("SOURCE_OPTION_WEAK", "SIGNED_BY_MISSING", "SOURCE_PACKAGES_UNSEEN")[place % 3]
        self._add(schema.unit_finding, id=self._next(schema.unit_finding), unit_id=unit_id,
                  reason=reason, detail=f"/etc/apt/sources.list:{place} asks for less",
                  expected="no option trusted", found="trusted=yes",
                  since_at=NOW - place * DAY)  # fmt: skip

    def _scans(self, number: int) -> None:
        partial = number == 3
        for back in (3, 2, 1):
            started = NOW - back * DAY / 24
            state = "partial" if partial and back == 1 else "complete"
            errors = '[["unit-1","SOURCE_DENIED","401"]]' if partial and back == 1 else "[]"
            self._scan(number, state, started, started + DAY / 48, errors)
        if number == 2:
            self._scan(number, "running", NOW - DAY / 240, None, "[]")
            self._add(schema.scan_request, id=self._next(schema.scan_request), source_id=number,
                      requested_at=NOW - DAY / 240, taken_at=NOW - DAY / 240)  # fmt: skip
        if number == 3:
            self._add(schema.scan_request, id=self._next(schema.scan_request), source_id=number,
                      requested_at=NOW - DAY / 1440, taken_at=None)  # fmt: skip
        content = f"Package: list of {number}\n".encode() * 50
        digest = self._keep(content, "text/plain", pieces=3)
        self._add(schema.kept_index, id=number, source_id=number, name="Packages", digest=digest,
                  kept_at=NOW - DAY)  # fmt: skip

    def _scan(
        self, number: int, state: str, started: datetime, ended: datetime | None, errors: str
    ) -> None:
        self._add(schema.scan, id=self._next(schema.scan), source_id=number, state=state,
                  slot=started.isoformat(), started_at=started, beat_at=ended or NOW,
                  finished_at=ended, cancel_at=None, units_total=2,
                  units_done=1 if not ended else 2, sightings=10, requests=4, bytes=1000,
                  rows_written=3, errors=errors)  # fmt: skip

    # --- evidence and what it vouches for --------------------------------------------------------

    def _contents(self, source: int, kind: str, locations: int) -> None:
        sets = len(STANDINGS) * 3 if kind == "apt" else max(len(STANDINGS), locations // 2)
        first = self._next(schema.evidence_set)
        for number in range(sets):
            self._set(source, STANDINGS[number % len(STANDINGS)])
        for number in range(locations):
            set_id = first + (number * number + number // 7) % sets
            self._location(source, kind, number, set_id)

    def _set(self, source: int, standing: tuple[str, str, bool]) -> None:
        status, reason, contested = standing
        set_id = self._next(schema.evidence_set)
        unread = '[["CONTENT_NEEDED","the file is needed"]]' if status == "unknown" else "[]"
        self._add(schema.evidence_set, id=set_id, source_id=source, key=f"set-{set_id}", state="",
                  status=status, reason=reason, contested=contested, looked='["beside the file"]',
                  unread=unread, facts_digest=digest_of("facts", set_id),
                  verdicts_digest=digest_of("verdicts"), locations=0, restate_after=None,
                  due_at=None, changed_at=NOW - 5 * DAY)  # fmt: skip
        if status == "unsigned":
            return
        reasons = [reason, "SIGNATURE_INVALID"] if contested else [reason]
        if set_id % 5 == 0:
            reasons.append(reason)
        signers = set()
        for position, why in enumerate(reasons):
            who = 1 + (set_id * 5 + position) % (SIGNERS - 1)
            self._item(set_id, position, who, why)
            if not why:
                signers.add(who)
        for who in sorted(signers):
            self._add(schema.set_signer, signer_id=who, set_id=set_id)

    def _item(self, set_id: int, position: int, who: int, reason: str) -> None:
        number = self._next(schema.verification)
        outcome = OUTCOMES[reason]
        entry = 1 + number % 3  # the fourth entry is used by nobody
        anchors = () if outcome is Outcome.UNVERIFIABLE else (anchor(entry, 0), anchor(1, 1))
        signed_at = NOW - timedelta(days=number % 300) if number % 9 else None
        proved = outcome is Outcome.VERIFIED
        said = CheckOutcome.FAILED if reason else CheckOutcome.PASSED
        signer = Signer(SignerKind.KEY, f"{who:040X}", "Ed25519", f"Signer <s{who}@example.org>")
        facts = Verification(
            outcome, "openpgp", Role.SIGNATURE, reason, "a sentence" if reason else "",
            "this digest" if reason else "", "another digest" if reason else "",
            signer if proved else None, {"issuer": "x"}, signed_at=signed_at,
            checks=(
                Check("1. Read", CheckOutcome.PASSED, "version 4", "", "RFC 4880 5.2"),
                Check("2. Verify", said, "", reason),
            ),
            anchors=anchors,
        )  # fmt: skip
        evidence = self._keep(f"signature {number}".encode(), "application/pgp-signature")
        self._add(schema.verification, id=number, key=digest_of("key", number),
                  evidence_digest=evidence, subject_digest="", trust_digest=digest_of("trust", 1),
                  format="openpgp", role="signature", outcome=outcome, reason=reason,
                  signer_id=who if proved else None, signed_at=signed_at,
                  document=dump_verification(facts), due_at=None,
                  verified_at=NOW - 4 * DAY)  # fmt: skip
        for one in anchors:
            self._add(schema.verification_anchor, verification_id=number, anchor=one)
        link = json.dumps([["InRelease", "main/Packages", "sha256:" + "ab" * 32]])
        self._add(schema.evidence_item, set_id=set_id, position=position, verification_id=number,
                  media_type="application/pgp-signature", origin=f"dists/{set_id}/InRelease",
                  subject="InRelease", hint_digest=None, through=link)  # fmt: skip

    def _location(self, source: int, kind: str, number: int, set_id: int) -> None:
        location_id = self._next(schema.location)
        standing = self.rows[schema.evidence_set][set_id - 1]
        roll = self.random.random()
        gone = roll < 0.04
        excluded = (location_id % 2 + 1) if 0.04 <= roll < 0.10 else None
        first = NOW - timedelta(days=int(roll * 1e4) % HISTORY_DAYS)
        status_since = first + (NOW - first) * (int(roll * 1e6) % 4) / 4
        verdicts = {} if int(roll * 1e5) % 5 == 0 else self._verdicts(location_id, standing, roll)
        policy_status = min(verdicts.values(), key=WORST.index, default="ungoverned")
        unconstrained = policy_status == "passed" and location_id % 3 == 0
        word = WORDS[number % len(WORDS)]
        self._add(schema.location, id=location_id, source_id=source,
                  unit_id=source * 2 - number % 2, repository=f"repo-{number % 3}",
                  name=f"{word}-{number // 2}", version=f"1.{number % 2}",
                  variant="amd64" if kind == "apt" else "",
                  artifact_id=self._artifact(kind, number), set_id=set_id,
                  status=standing["status"], reason=standing["reason"],
                  contested=standing["contested"], policy_status=policy_status,
                  unconstrained=unconstrained, exclusion_id=excluded, first_seen_at=first,
                  since_at=first, status_since_at=status_since,
                  gone_at=NOW - (NOW - first) / 3 if gone else None)  # fmt: skip
        self._history(location_id, standing["status"], first, status_since)
        if gone:
            return
        self.set_sizes[set_id] += 1
        self.standing[
            source, excluded is not None, standing["status"], standing["reason"],
            standing["contested"], policy_status, unconstrained,
        ] += 1  # fmt: skip
        self._policy_rows(location_id, source, verdicts, excluded=excluded is not None)

    def _artifact(self, kind: str, number: int) -> int:
        artifact_id = self._next(schema.artifact)
        if number % 10 == 9:  # the same content at two places
            return artifact_id - 1
        self._add(schema.artifact, id=artifact_id, digest=digest_of("artifact", kind, number),
                  algorithm="sha256", kind={"apt": "deb", "oci": "oci-image"}.get(kind, "file"),
                  origin="index" if kind == "apt" else "computed", size=1000 + number,
                  media_type="", first_seen_at=NOW - 50 * DAY)  # fmt: skip
        return artifact_id

    def _history(
        self, location_id: int, status: str, first: datetime, status_since: datetime
    ) -> None:
        if status_since != first:
            self._add(schema.status_change, id=self._next(schema.status_change),
                      location_id=location_id, changed_at=status_since, from_status="unknown",
                      from_reason="CONTENT_NEEDED", to_status=status, to_reason="")  # fmt: skip
        if location_id % 50 == 0:
            self._add(schema.location_past, id=self._next(schema.location_past),
                      location_id=location_id, artifact_id=1, from_at=first - 9 * DAY,
                      until_at=first)  # fmt: skip

    def _verdicts(self, location_id: int, standing: dict[str, Any], roll: float) -> dict[int, str]:
        if standing["status"] == "verified":
            first = "passed"
        elif standing["status"] == "unknown":
            first = "unknown"
        else:
            first = "failed"
        second = ("passed", "warned", "failed")[int(roll * 1e7) % 3]
        return {1: first} if location_id % 4 else {1: first, 2: second}

    def _policy_rows(
        self, location_id: int, source: int, verdicts: dict[int, str], *, excluded: bool
    ) -> None:
        if verdicts and location_id % 6 == 0:
            verdicts = {**verdicts, 3: "failed"}
        for policy_id, outcome in verdicts.items():
            self._add(schema.verdict, location_id=location_id, policy_id=policy_id,
                      version_id=policy_id, outcome=outcome, decided_at=NOW - 2 * DAY)  # fmt: skip
            if outcome == "passed":
                continue
            for number, owner, name in REQUIREMENTS:
                if owner == policy_id and (name != "known-signer" or location_id % 3):
                    reason = "RULE_FALSE" if location_id % 2 else "KEY_EXPIRED"
                    self._add(schema.finding, location_id=location_id, requirement_id=number,
                              source_id=source, outcome=outcome, reason=reason,
                              text_id=1 + location_id % 3)  # fmt: skip
                    self.findings[source, number, outcome, reason, excluded] += 1

    # --- counts ----------------------------------------------------------------------------------

    def _counts(self) -> None:
        for one in self.rows[schema.evidence_set]:
            one["locations"] = self.set_sizes[one["id"]]
        names = [column.name for column in schema.standing_count.columns][:-1]
        for key, number in self.standing.items():
            row = dict(zip(names, key, strict=True))
            self._add(schema.standing_count, **row, locations=number)
        names = [column.name for column in schema.finding_count.columns][:-1]
        for key, number in self.findings.items():
            row = dict(zip(names, key, strict=True))
            self._add(schema.finding_count, **row, locations=number)
        self._days()

    def _days(self) -> None:
        today = schema.to_microseconds(NOW) // 86_400_000_000
        kept: Counter[tuple[int, str, str]] = Counter()
        for (source, excluded, status, _, _, policy_status, _), number in self.standing.items():
            if not excluded:
                kept[source, status, policy_status] += number
        for back in range(HISTORY_DAYS):
            for (source, status, policy_status), number in kept.items():
                if back and back % (source + 1):
                    continue  # not scanned that day
                share = number - number * back // (2 * HISTORY_DAYS)
                self._add(schema.standing_day, day=today - back, source_id=source, status=status,
                          policy_status=policy_status, locations=share)  # fmt: skip


def anchor(entry: int, position: int) -> str:
    """Return the fingerprint of a credential."""
    return f"{entry:020X}{position:020X}"
