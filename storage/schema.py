"""Tables and constraints, the same on SQLite and PostgreSQL.

Current state and history are apart: a `location` row holds what stands now and is overwritten,
`status_change` and `location_past` grow only on change. Facts (`verification`) are keyed by what
was checked with what, never by artifact; between them and the locations stands `evidence_set`,
whose key lasts, so that a new signature over an unchanged list touches no row per artifact.
Instants are whole microseconds since 1970 UTC. `docs/architecture.md` draws the picture.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
INDEXED_BYTES = 2560  # of all names in a key together: PostgreSQL takes no more than 2704


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant, kept as whole microseconds: small, exact, ordered on every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Turn an aware datetime into microseconds."""
        return None if value is None else to_microseconds(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Turn microseconds into an aware UTC datetime."""
        return None if value is None else from_microseconds(value)


class Written(TypeDecorator[str]):
    r"""Words that others wrote: PostgreSQL keeps no NUL, so each becomes `\u{0}` everywhere.

    Nothing is found by them, for two may become the same.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Spell out what cannot be kept; in a comparison, too."""
        return value.replace("\0", r"\u{0}") if value else value


def to_microseconds(value: datetime) -> int:
    """Return whole microseconds since 1970 UTC; the datetime must be aware."""
    return (value - EPOCH) // MICROSECOND


def from_microseconds(value: int) -> datetime:
    """Return the aware UTC datetime."""
    return EPOCH + timedelta(microseconds=value)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> Column[int]:
    # SQLite gives rowid tables their fast key only for INTEGER, PostgreSQL wants 64 bits
    return Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True)


def _ref(name: str, target: str, *, null: bool = False, key: bool = False) -> Column[int]:
    kind = BigInteger().with_variant(Integer, "sqlite")
    return Column(name, kind, ForeignKey(target), nullable=null, primary_key=key)


CURRENT = text("gone_at IS NULL")


def _current(name: str, *columns: str, only: str = "") -> Index:
    where = text(f"gone_at IS NULL AND {only}") if only else CURRENT
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


# --- sources and scans ---------------------------------------------------------------------------

source = Table(
    "source",
    metadata,
    _id(),
    Column("name", String, nullable=False, unique=True),
    Column("kind", String, nullable=False),
    Column("address", String, nullable=False, server_default=""),  # for people; no credentials
    Column("owner", String, nullable=False),
    Column("tier", String, nullable=False, server_default=""),
    Column("every_seconds", Integer, nullable=False),
    Column("judged_by", String, nullable=False, server_default=""),  # Judge.digest all sets follow
    Column("configured", Boolean, nullable=False),  # still in the settings
    Column("added_at", Instant, nullable=False),
    Column("read_at", Instant),  # end of the last complete or partial scan
    Column("complete_at", Instant),  # end of the last complete scan
    Column("verifier", String, nullable=False, server_default=""),  # the oldest anything rests on
    Column("reason", String, nullable=False, server_default=""),  # why the last scan fell short
    Column("detail", Written, nullable=False, server_default=""),
)

scan = Table(
    "scan",
    metadata,
    _id(),
    _ref("source_id", "source.id"),
    Column("state", String, nullable=False),
    Column("slot", String),  # the due run it answers; unique per source
    Column("started_at", Instant, nullable=False),
    Column("beat_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("cancel_at", Instant),  # somebody asked it to stop
    Column("units_total", Integer, nullable=False, server_default="0"),
    Column("units_done", Integer, nullable=False, server_default="0"),
    Column("sightings", Integer, nullable=False, server_default="0"),
    Column("requests", Integer, nullable=False, server_default="0"),
    Column("bytes", BigInteger, nullable=False, server_default="0"),
    Column("rows_written", Integer, nullable=False, server_default="0"),
    Column("errors", Text, nullable=False, server_default="[]"),  # JSON: [{unit, reason, detail}]
    UniqueConstraint("source_id", "slot"),
    Index(
        "uq_scan_running",
        "source_id",
        unique=True,
        sqlite_where=text("state = 'running'"),
        postgresql_where=text("state = 'running'"),
    ),
    Index("ix_scan_source_started", "source_id", "started_at"),
)

scan_request = Table(
    "scan_request",
    metadata,
    _id(),
    _ref("source_id", "source.id"),
    Column("requested_at", Instant, nullable=False),
    Column("taken_at", Instant),
)

unit = Table(
    "unit",
    metadata,
    _id(),
    _ref("source_id", "source.id"),
    Column("name", String, nullable=False),
    Column("state", Text, nullable=False, server_default=""),  # empty while a reading is under way
    Column("accepted", Text, nullable=False, server_default=""),  # taught by verified evidence only
    Column("complete_at", Instant),
    Column("reason", String, nullable=False, server_default=""),
    Column("detail", Written, nullable=False, server_default=""),
    Column("gone_at", Instant),
    UniqueConstraint("source_id", "name"),
)

unit_finding = Table(  # what is weak in how a unit is configured, while it is
    "unit_finding",
    metadata,
    _id(),
    _ref("unit_id", "unit.id"),
    Column("reason", String, nullable=False),
    Column("detail", Written, nullable=False),
    Column("expected", Written, nullable=False),
    Column("found", Written, nullable=False),
    Column("since_at", Instant, nullable=False),
    Index("ix_unit_finding_unit_id", "unit_id"),
    Index("ix_unit_finding_reason", "reason", "id"),
)

mistake = Table(  # in the files people write, while it is there; at most one row
    "mistake",
    metadata,
    _id(),
    Column("sentence", Written, nullable=False),  # file, line, column, fault and fix
    Column("halts", Boolean, nullable=False),  # nothing is scanned until it is mended
    Column("since_at", Instant, nullable=False),
)

# --- raw bytes, by digest ------------------------------------------------------------------------

blob = Table(
    "blob",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),  # sha256 of the raw bytes
    Column("size", BigInteger, nullable=False),
    Column("media_type", String, nullable=False),
    Column("encoding", String, nullable=False),  # "" or "zlib", per chunk
    Column("added_at", Instant, nullable=False),
)

blob_chunk = Table(
    "blob_chunk",
    metadata,
    Column("digest", LargeBinary(32), ForeignKey("blob.digest"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("bytes", LargeBinary, nullable=False),
)

kept_index = Table(
    "kept_index",
    metadata,
    _id(),
    _ref("source_id", "source.id"),
    Column("name", String, nullable=False),
    Column("digest", LargeBinary(32), ForeignKey("blob.digest"), nullable=False),
    Column("kept_at", Instant, nullable=False),
    UniqueConstraint("source_id", "name", "digest"),
)

# --- trust ---------------------------------------------------------------------------------------

trust_entry = Table(
    "trust_entry",
    metadata,
    _id(),
    Column("digest", LargeBinary(32), nullable=False, unique=True),  # of content, kind and bounds
    Column("kind", String, nullable=False),
    Column("content_digest", LargeBinary(32), ForeignKey("blob.digest"), nullable=False),
    Column("only", Text, nullable=False, server_default="[]"),
    Column("valid_from", Instant),
    Column("valid_until", Instant),
    Column("added_at", Instant, nullable=False),
)

credential = Table(
    "credential",
    metadata,
    _id(),
    _ref("entry_id", "trust_entry.id"),
    Column("position", Integer, nullable=False),
    Column("kind", String, nullable=False),
    Column("fingerprint", String, nullable=False, index=True),
    Column("identity", Written, nullable=False),
    Column("algorithm", String, nullable=False),
    Column("valid_from", Instant),
    Column("valid_until", Instant),
    Column("revoked", Boolean, nullable=False),
    UniqueConstraint("entry_id", "position"),
)

source_trust = Table(
    "source_trust",
    metadata,
    _ref("source_id", "source.id", key=True),
    _ref("entry_id", "trust_entry.id", key=True),
    Column("unit", String, primary_key=True),  # empty: the settings name it for the whole source
    Column("name", String, primary_key=True),
    Column("origin", Text, nullable=False),
    Column("flags", Text, nullable=False, server_default="[]"),
)

# --- evidence and facts --------------------------------------------------------------------------

signer = Table(
    "signer",
    metadata,
    _id(),
    Column("kind", String, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("issuer", Written, nullable=False, server_default=""),
    Column("identity", Written, nullable=False, server_default=""),
    Column("algorithm", String, nullable=False),
    Column("valid_from", Instant),
    Column("valid_until", Instant),
    Column("first_seen_at", Instant, nullable=False),
    UniqueConstraint("kind", "fingerprint"),
    Index("ix_signer_first_seen_at", "first_seen_at"),
)

verification = Table(
    "verification",
    metadata,
    _id(),
    Column("key", LargeBinary(32), nullable=False, unique=True),  # see verifier.verification_key
    Column("evidence_digest", LargeBinary(32), ForeignKey("blob.digest"), nullable=False),
    Column("subject_digest", String, nullable=False, server_default=""),
    Column("trust_digest", LargeBinary(32), nullable=False),
    Column("format", String, nullable=False),
    Column("role", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("reason", String, nullable=False),
    _ref("signer_id", "signer.id", null=True),
    Column("signed_at", Instant),
    Column("document", Text, nullable=False),  # JSON: everything else, storage/documents.py
    Column("due_at", Instant),
    Column("verified_at", Instant, nullable=False),
    Index("ix_verification_signer_id", "signer_id", "signed_at"),
    Index("ix_verification_evidence_digest", "evidence_digest"),
    Index("ix_verification_due_at", "due_at"),
)

verification_anchor = Table(
    "verification_anchor",
    metadata,
    _ref("verification_id", "verification.id", key=True),
    Column("anchor", String, primary_key=True),
    Index("ix_verification_anchor_anchor", "anchor"),
)

evidence_set = Table(
    "evidence_set",
    metadata,
    _id(),
    _ref("source_id", "source.id"),
    Column("key", String, nullable=False),
    Column("state", Text, nullable=False, server_default=""),
    Column("status", String, nullable=False),
    Column("reason", String, nullable=False, server_default=""),
    Column("contested", Boolean, nullable=False),
    Column("looked", Text, nullable=False),  # JSON: [place]
    Column("unread", Text, nullable=False),  # JSON: [{reason, detail}]
    Column("facts_digest", LargeBinary(32), nullable=False),
    Column("verdicts_digest", LargeBinary(32), nullable=False),
    Column("locations", Integer, nullable=False, server_default="0"),  # current ones
    Column("restate_after", BigInteger),  # a mark, see storage.facts.RecordedSet
    Column("due_at", Instant),
    Column("changed_at", Instant, nullable=False),
    UniqueConstraint("source_id", "key"),
    Index("ix_evidence_set_due_at", "due_at"),
    Index(
        "ix_evidence_set_restate",
        "source_id",
        sqlite_where=text("restate_after IS NOT NULL"),
        postgresql_where=text("restate_after IS NOT NULL"),
    ),
    Index(
        "ix_evidence_set_withdrawn",  # see storage/in_force.py
        "id",
        sqlite_where=text("reason = 'TRUST_CHANGED'"),
        postgresql_where=text("reason = 'TRUST_CHANGED'"),
    ),
)

evidence_item = Table(
    "evidence_item",
    metadata,
    _ref("set_id", "evidence_set.id", key=True),
    Column("position", Integer, primary_key=True),
    _ref("verification_id", "verification.id"),
    Column("media_type", String, nullable=False),
    Column("origin", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("hint_digest", LargeBinary(32)),
    Column("through", Text, nullable=False, server_default="[]"),  # JSON: [{list, entry, digest}]
    Index("ix_evidence_item_verification_id", "verification_id"),
)

set_signer = Table(
    "set_signer",
    metadata,
    _ref("signer_id", "signer.id", key=True),
    _ref("set_id", "evidence_set.id", key=True),
    Index("ix_set_signer_set_id", "set_id"),
)

# --- artifacts and where they stand --------------------------------------------------------------

artifact = Table(
    "artifact",
    metadata,
    _id(),
    Column("digest", LargeBinary(64), nullable=False),
    Column("algorithm", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("origin", String, nullable=False),
    Column("size", BigInteger),
    Column("media_type", String, nullable=False, server_default=""),
    Column("first_seen_at", Instant, nullable=False),
    UniqueConstraint("digest", "kind"),
)

exclusion = Table(
    "exclusion",
    metadata,
    _id(),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    Column("match", Text, nullable=False),  # JSON
    Column("reason", Text, nullable=False),
    Column("owner", String, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("added_at", Instant, nullable=False),
)

location = Table(
    "location",
    metadata,
    _id(),
    _ref("source_id", "source.id"),
    _ref("unit_id", "unit.id"),
    Column("repository", String, nullable=False),
    Column("name", String, nullable=False),
    Column("version", String, nullable=False),
    Column("variant", String, nullable=False),
    _ref("artifact_id", "artifact.id"),
    _ref("set_id", "evidence_set.id"),
    Column("status", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("contested", Boolean, nullable=False),
    Column("policy_status", String, nullable=False),
    Column("unconstrained", Boolean, nullable=False),  # governed, but nobody says who may sign
    _ref("exclusion_id", "exclusion.id", null=True),
    Column("first_seen_at", Instant, nullable=False),
    Column("since_at", Instant, nullable=False),  # holds this artifact since
    Column("status_since_at", Instant, nullable=False),
    Column("gone_at", Instant),
    UniqueConstraint("source_id", "repository", "name", "version", "variant"),
    Index("ix_location_set_id", "set_id", "id"),
    Index("ix_location_unit_id", "unit_id", "id"),
    Index("ix_location_artifact_id", "artifact_id"),
    Index("ix_location_first_seen_at", "first_seen_at"),
    Index(
        "ix_location_gone_at",
        "gone_at",
        sqlite_where=text("gone_at IS NOT NULL"),
        postgresql_where=text("gone_at IS NOT NULL"),
    ),
    _current("ix_location_standing", "source_id", "status", "reason", "id"),
    _current("ix_location_since", "status", "status_since_at", "id"),
    _current("ix_location_policy", "policy_status", "source_id", "id"),
    _current("ix_location_excluded", "exclusion_id", "id", only="exclusion_id IS NOT NULL"),
)

location_past = Table(
    "location_past",
    metadata,
    _id(),
    _ref("location_id", "location.id"),
    _ref("artifact_id", "artifact.id"),
    Column("from_at", Instant, nullable=False),
    Column("until_at", Instant, nullable=False),
    Index("ix_location_past_location_id", "location_id"),
    Index("ix_location_past_artifact_id", "artifact_id"),
)

status_change = Table(
    "status_change",
    metadata,
    _id(),
    _ref("location_id", "location.id"),
    Column("changed_at", Instant, nullable=False),
    Column("from_status", String, nullable=False),
    Column("from_reason", String, nullable=False),
    Column("to_status", String, nullable=False),
    Column("to_reason", String, nullable=False),
    Index("ix_status_change_location_id", "location_id", "changed_at"),
    Index("ix_status_change_changed_at", "changed_at"),
)

# --- policies and verdicts -----------------------------------------------------------------------

policy = Table(
    "policy",
    metadata,
    _id(),
    Column("name", String, nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("owner", String, nullable=False),
    Column("mode", String, nullable=False),
    Column("active", Boolean, nullable=False),
    _ref("version_id", "policy_version.id", null=True),
)

policy_version = Table(
    "policy_version",
    metadata,
    _id(),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    Column("name", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("added_at", Instant, nullable=False),
)

requirement = Table(
    "requirement",
    metadata,
    _id(),
    _ref("policy_id", "policy.id"),
    Column("name", String, nullable=False),
    Column("title", Text, nullable=False),
    UniqueConstraint("policy_id", "name"),
)

verdict = Table(
    "verdict",
    metadata,
    _ref("location_id", "location.id", key=True),
    _ref("policy_id", "policy.id", key=True),
    _ref("version_id", "policy_version.id"),
    Column("outcome", String, nullable=False),
    Column("decided_at", Instant, nullable=False),
    Index("ix_verdict_policy_id", "policy_id", "outcome", "location_id"),
    sqlite_with_rowid=False,
)

finding_text = Table(
    "finding_text",
    metadata,
    _id(),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    Column("detail", Written, nullable=False),
    Column("expected", Written, nullable=False),
    Column("found", Written, nullable=False),
    Column("solution", Text, nullable=False),
)

finding = Table(  # only where the outcome is not passed
    "finding",
    metadata,
    _ref("location_id", "location.id", key=True),
    _ref("requirement_id", "requirement.id", key=True),
    _ref("source_id", "source.id"),
    Column("outcome", String, nullable=False),
    Column("reason", String, nullable=False),
    _ref("text_id", "finding_text.id"),
    Index("ix_finding_requirement_id", "requirement_id", "outcome", "location_id"),
    Index("ix_finding_source_id", "source_id", "requirement_id", "location_id"),
    sqlite_with_rowid=False,
)

# --- rollups, maintained in the writing transaction; `db rebuild` must give the same ------------

standing_count = Table(
    "standing_count",
    metadata,
    _ref("source_id", "source.id", key=True),
    Column("excluded", Boolean, primary_key=True),
    Column("status", String, primary_key=True),
    Column("reason", String, primary_key=True),
    Column("contested", Boolean, primary_key=True),
    Column("policy_status", String, primary_key=True),
    Column("unconstrained", Boolean, primary_key=True),
    Column("locations", Integer, nullable=False),
)

finding_count = Table(
    "finding_count",
    metadata,
    _ref("source_id", "source.id", key=True),
    _ref("requirement_id", "requirement.id", key=True),
    Column("outcome", String, primary_key=True),
    Column("reason", String, primary_key=True),
    Column("excluded", Boolean, primary_key=True),
    Column("locations", Integer, nullable=False),
)

standing_day = Table(
    "standing_day",
    metadata,
    Column("day", Integer, primary_key=True),  # days since 1970-01-01 UTC
    _ref("source_id", "source.id", key=True),
    Column("status", String, primary_key=True),
    Column("policy_status", String, primary_key=True),
    Column("locations", Integer, nullable=False),
)
