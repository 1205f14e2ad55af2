"""Create the first schema

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "artifact",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=64), nullable=False),
        sa.Column("algorithm", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("media_type", sa.String(), server_default="", nullable=False),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artifact")),
        sa.UniqueConstraint("digest", "kind", name=op.f("uq_artifact_digest_kind")),
    )
    op.create_table(
        "blob",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("encoding", sa.String(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_blob")),
    )
    op.create_table(
        "exclusion",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("match", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exclusion")),
        sa.UniqueConstraint("digest", name=op.f("uq_exclusion_digest")),
    )
    op.create_table(
        "finding_text",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("expected", sa.Text(), nullable=False),
        sa.Column("found", sa.Text(), nullable=False),
        sa.Column("solution", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding_text")),
        sa.UniqueConstraint("digest", name=op.f("uq_finding_text_digest")),
    )
    op.create_table(
        "policy_version",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_version")),
        sa.UniqueConstraint("digest", name=op.f("uq_policy_version_digest")),
    )
    op.create_table(
        "signer",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("issuer", sa.Text(), server_default="", nullable=False),
        sa.Column("identity", sa.Text(), server_default="", nullable=False),
        sa.Column("algorithm", sa.String(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=True),
        sa.Column("valid_until", sa.BigInteger(), nullable=True),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signer")),
        sa.UniqueConstraint("kind", "fingerprint", name=op.f("uq_signer_kind_fingerprint")),
    )
    with op.batch_alter_table("signer", schema=None) as batch_op:
        batch_op.create_index("ix_signer_first_seen_at", ["first_seen_at"], unique=False)

    op.create_table(
        "source",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("address", sa.String(), server_default="", nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("tier", sa.String(), server_default="", nullable=False),
        sa.Column("every_seconds", sa.Integer(), nullable=False),
        sa.Column("judged_by", sa.String(), server_default="", nullable=False),
        sa.Column("configured", sa.Boolean(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("read_at", sa.BigInteger(), nullable=True),
        sa.Column("complete_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source")),
        sa.UniqueConstraint("name", name=op.f("uq_source_name")),
    )
    op.create_table(
        "blob_chunk",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["digest"], ["blob.digest"], name=op.f("fk_blob_chunk_digest")),
        sa.PrimaryKeyConstraint("digest", "position", name=op.f("pk_blob_chunk")),
    )
    op.create_table(
        "evidence_set",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("state", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), server_default="", nullable=False),
        sa.Column("contested", sa.Boolean(), nullable=False),
        sa.Column("looked", sa.Text(), nullable=False),
        sa.Column("unread", sa.Text(), nullable=False),
        sa.Column("facts_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("verdicts_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("locations", sa.Integer(), server_default="0", nullable=False),
        sa.Column("restate_after", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.id"], name=op.f("fk_evidence_set_source_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence_set")),
        sa.UniqueConstraint("source_id", "key", name=op.f("uq_evidence_set_source_id_key")),
    )
    with op.batch_alter_table("evidence_set", schema=None) as batch_op:
        batch_op.create_index("ix_evidence_set_due_at", ["due_at"], unique=False)
        batch_op.create_index(
            "ix_evidence_set_restate",
            ["source_id"],
            unique=False,
            sqlite_where=sa.text("restate_after IS NOT NULL"),
            postgresql_where=sa.text("restate_after IS NOT NULL"),
        )

    op.create_table(
        "kept_index",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kept_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["digest"], ["blob.digest"], name=op.f("fk_kept_index_digest")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_kept_index_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_index")),
        sa.UniqueConstraint(
            "source_id", "name", "digest", name=op.f("uq_kept_index_source_id_name_digest")
        ),
    )
    op.create_table(
        "policy",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column(
            "version_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["policy_version.id"], name=op.f("fk_policy_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy")),
        sa.UniqueConstraint("name", name=op.f("uq_policy_name")),
    )
    op.create_table(
        "scan",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("slot", sa.String(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("beat_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("cancel_at", sa.BigInteger(), nullable=True),
        sa.Column("units_total", sa.Integer(), server_default="0", nullable=False),
        sa.Column("units_done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sightings", sa.Integer(), server_default="0", nullable=False),
        sa.Column("requests", sa.Integer(), server_default="0", nullable=False),
        sa.Column("bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rows_written", sa.Integer(), server_default="0", nullable=False),
        sa.Column("errors", sa.Text(), server_default="[]", nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_scan_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scan")),
        sa.UniqueConstraint("source_id", "slot", name=op.f("uq_scan_source_id_slot")),
    )
    with op.batch_alter_table("scan", schema=None) as batch_op:
        batch_op.create_index("ix_scan_source_started", ["source_id", "started_at"], unique=False)
        batch_op.create_index(
            "uq_scan_running",
            ["source_id"],
            unique=True,
            sqlite_where=sa.text("state = 'running'"),
            postgresql_where=sa.text("state = 'running'"),
        )

    op.create_table(
        "scan_request",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.id"], name=op.f("fk_scan_request_source_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scan_request")),
    )
    op.create_table(
        "standing_count",
        sa.Column(
            "source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("excluded", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("contested", sa.Boolean(), nullable=False),
        sa.Column("policy_status", sa.String(), nullable=False),
        sa.Column("unconstrained", sa.Boolean(), nullable=False),
        sa.Column("locations", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.id"], name=op.f("fk_standing_count_source_id")
        ),
        sa.PrimaryKeyConstraint(
            "source_id",
            "excluded",
            "status",
            "reason",
            "contested",
            "policy_status",
            "unconstrained",
            name=op.f("pk_standing_count"),
        ),
    )
    op.create_table(
        "standing_day",
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column(
            "source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("policy_status", sa.String(), nullable=False),
        sa.Column("locations", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.id"], name=op.f("fk_standing_day_source_id")
        ),
        sa.PrimaryKeyConstraint(
            "day", "source_id", "status", "policy_status", name=op.f("pk_standing_day")
        ),
    )
    op.create_table(
        "trust_entry",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("content_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("only", sa.Text(), server_default="[]", nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=True),
        sa.Column("valid_until", sa.BigInteger(), nullable=True),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["content_digest"], ["blob.digest"], name=op.f("fk_trust_entry_content_digest")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trust_entry")),
        sa.UniqueConstraint("digest", name=op.f("uq_trust_entry_digest")),
    )
    op.create_table(
        "unit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("state", sa.Text(), server_default="", nullable=False),
        sa.Column("accepted", sa.Text(), server_default="", nullable=False),
        sa.Column("complete_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("gone_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_unit_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit")),
        sa.UniqueConstraint("source_id", "name", name=op.f("uq_unit_source_id_name")),
    )
    op.create_table(
        "verification",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("evidence_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("subject_digest", sa.String(), server_default="", nullable=False),
        sa.Column("trust_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("signer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("signed_at", sa.BigInteger(), nullable=True),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("verified_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["evidence_digest"], ["blob.digest"], name=op.f("fk_verification_evidence_digest")
        ),
        sa.ForeignKeyConstraint(
            ["signer_id"], ["signer.id"], name=op.f("fk_verification_signer_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verification")),
        sa.UniqueConstraint("key", name=op.f("uq_verification_key")),
    )
    with op.batch_alter_table("verification", schema=None) as batch_op:
        batch_op.create_index("ix_verification_due_at", ["due_at"], unique=False)
        batch_op.create_index("ix_verification_evidence_digest", ["evidence_digest"], unique=False)
        batch_op.create_index("ix_verification_signer_id", ["signer_id", "signed_at"], unique=False)

    op.create_table(
        "credential",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("algorithm", sa.String(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=True),
        sa.Column("valid_until", sa.BigInteger(), nullable=True),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["trust_entry.id"], name=op.f("fk_credential_entry_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credential")),
        sa.UniqueConstraint("entry_id", "position", name=op.f("uq_credential_entry_id_position")),
    )
    with op.batch_alter_table("credential", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_credential_fingerprint"), ["fingerprint"], unique=False
        )

    op.create_table(
        "evidence_item",
        sa.Column("set_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column(
            "verification_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("hint_digest", sa.LargeBinary(length=32), nullable=True),
        sa.Column("through", sa.Text(), server_default="[]", nullable=False),
        sa.ForeignKeyConstraint(
            ["set_id"], ["evidence_set.id"], name=op.f("fk_evidence_item_set_id")
        ),
        sa.ForeignKeyConstraint(
            ["verification_id"], ["verification.id"], name=op.f("fk_evidence_item_verification_id")
        ),
        sa.PrimaryKeyConstraint("set_id", "position", name=op.f("pk_evidence_item")),
    )
    with op.batch_alter_table("evidence_item", schema=None) as batch_op:
        batch_op.create_index("ix_evidence_item_verification_id", ["verification_id"], unique=False)

    op.create_table(
        "location",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("repository", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("variant", sa.String(), nullable=False),
        sa.Column(
            "artifact_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("set_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("contested", sa.Boolean(), nullable=False),
        sa.Column("policy_status", sa.String(), nullable=False),
        sa.Column("unconstrained", sa.Boolean(), nullable=False),
        sa.Column(
            "exclusion_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("since_at", sa.BigInteger(), nullable=False),
        sa.Column("status_since_at", sa.BigInteger(), nullable=False),
        sa.Column("gone_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["artifact_id"], ["artifact.id"], name=op.f("fk_location_artifact_id")
        ),
        sa.ForeignKeyConstraint(
            ["exclusion_id"], ["exclusion.id"], name=op.f("fk_location_exclusion_id")
        ),
        sa.ForeignKeyConstraint(["set_id"], ["evidence_set.id"], name=op.f("fk_location_set_id")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_location_source_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_location_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_location")),
        sa.UniqueConstraint(
            "source_id",
            "repository",
            "name",
            "version",
            "variant",
            name=op.f("uq_location_source_id_repository_name_version_variant"),
        ),
    )
    with op.batch_alter_table("location", schema=None) as batch_op:
        batch_op.create_index("ix_location_artifact_id", ["artifact_id"], unique=False)
        batch_op.create_index(
            "ix_location_excluded",
            ["exclusion_id", "id"],
            unique=False,
            sqlite_where=sa.text("gone_at IS NULL AND exclusion_id IS NOT NULL"),
            postgresql_where=sa.text("gone_at IS NULL AND exclusion_id IS NOT NULL"),
        )
        batch_op.create_index("ix_location_first_seen_at", ["first_seen_at"], unique=False)
        batch_op.create_index(
            "ix_location_gone_at",
            ["gone_at"],
            unique=False,
            sqlite_where=sa.text("gone_at IS NOT NULL"),
            postgresql_where=sa.text("gone_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_location_policy",
            ["policy_status", "source_id", "id"],
            unique=False,
            sqlite_where=sa.text("gone_at IS NULL"),
            postgresql_where=sa.text("gone_at IS NULL"),
        )
        batch_op.create_index("ix_location_set_id", ["set_id", "id"], unique=False)
        batch_op.create_index(
            "ix_location_since",
            ["status", "status_since_at", "id"],
            unique=False,
            sqlite_where=sa.text("gone_at IS NULL"),
            postgresql_where=sa.text("gone_at IS NULL"),
        )
        batch_op.create_index(
            "ix_location_standing",
            ["source_id", "status", "reason", "id"],
            unique=False,
            sqlite_where=sa.text("gone_at IS NULL"),
            postgresql_where=sa.text("gone_at IS NULL"),
        )
        batch_op.create_index("ix_location_unit_id", ["unit_id", "id"], unique=False)

    op.create_table(
        "requirement",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "policy_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["policy_id"], ["policy.id"], name=op.f("fk_requirement_policy_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requirement")),
        sa.UniqueConstraint("policy_id", "name", name=op.f("uq_requirement_policy_id_name")),
    )
    op.create_table(
        "set_signer",
        sa.Column(
            "signer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("set_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["set_id"], ["evidence_set.id"], name=op.f("fk_set_signer_set_id")),
        sa.ForeignKeyConstraint(["signer_id"], ["signer.id"], name=op.f("fk_set_signer_signer_id")),
        sa.PrimaryKeyConstraint("signer_id", "set_id", name=op.f("pk_set_signer")),
    )
    with op.batch_alter_table("set_signer", schema=None) as batch_op:
        batch_op.create_index("ix_set_signer_set_id", ["set_id"], unique=False)

    op.create_table(
        "source_trust",
        sa.Column(
            "source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("flags", sa.Text(), server_default="[]", nullable=False),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["trust_entry.id"], name=op.f("fk_source_trust_entry_id")
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.id"], name=op.f("fk_source_trust_source_id")
        ),
        sa.PrimaryKeyConstraint(
            "source_id", "entry_id", "unit", "name", name=op.f("pk_source_trust")
        ),
    )
    op.create_table(
        "verification_anchor",
        sa.Column(
            "verification_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("anchor", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["verification_id"],
            ["verification.id"],
            name=op.f("fk_verification_anchor_verification_id"),
        ),
        sa.PrimaryKeyConstraint("verification_id", "anchor", name=op.f("pk_verification_anchor")),
    )
    with op.batch_alter_table("verification_anchor", schema=None) as batch_op:
        batch_op.create_index("ix_verification_anchor_anchor", ["anchor"], unique=False)

    op.create_table(
        "finding",
        sa.Column(
            "location_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column(
            "requirement_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column(
            "source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("text_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["location_id"], ["location.id"], name=op.f("fk_finding_location_id")
        ),
        sa.ForeignKeyConstraint(
            ["requirement_id"], ["requirement.id"], name=op.f("fk_finding_requirement_id")
        ),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_finding_source_id")),
        sa.ForeignKeyConstraint(["text_id"], ["finding_text.id"], name=op.f("fk_finding_text_id")),
        sa.PrimaryKeyConstraint("location_id", "requirement_id", name=op.f("pk_finding")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("finding", schema=None) as batch_op:
        batch_op.create_index(
            "ix_finding_requirement_id", ["requirement_id", "outcome", "location_id"], unique=False
        )
        batch_op.create_index(
            "ix_finding_source_id", ["source_id", "requirement_id", "location_id"], unique=False
        )

    op.create_table(
        "finding_count",
        sa.Column(
            "source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column(
            "requirement_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("excluded", sa.Boolean(), nullable=False),
        sa.Column("locations", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["requirement_id"], ["requirement.id"], name=op.f("fk_finding_count_requirement_id")
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.id"], name=op.f("fk_finding_count_source_id")
        ),
        sa.PrimaryKeyConstraint(
            "source_id",
            "requirement_id",
            "outcome",
            "reason",
            "excluded",
            name=op.f("pk_finding_count"),
        ),
    )
    op.create_table(
        "location_past",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "location_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column(
            "artifact_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("from_at", sa.BigInteger(), nullable=False),
        sa.Column("until_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["artifact_id"], ["artifact.id"], name=op.f("fk_location_past_artifact_id")
        ),
        sa.ForeignKeyConstraint(
            ["location_id"], ["location.id"], name=op.f("fk_location_past_location_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_location_past")),
    )
    with op.batch_alter_table("location_past", schema=None) as batch_op:
        batch_op.create_index("ix_location_past_artifact_id", ["artifact_id"], unique=False)
        batch_op.create_index("ix_location_past_location_id", ["location_id"], unique=False)

    op.create_table(
        "status_change",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "location_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("from_status", sa.String(), nullable=False),
        sa.Column("from_reason", sa.String(), nullable=False),
        sa.Column("to_status", sa.String(), nullable=False),
        sa.Column("to_reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["location_id"], ["location.id"], name=op.f("fk_status_change_location_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_status_change")),
    )
    with op.batch_alter_table("status_change", schema=None) as batch_op:
        batch_op.create_index("ix_status_change_changed_at", ["changed_at"], unique=False)
        batch_op.create_index(
            "ix_status_change_location_id", ["location_id", "changed_at"], unique=False
        )

    op.create_table(
        "verdict",
        sa.Column(
            "location_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column(
            "policy_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column(
            "version_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["location_id"], ["location.id"], name=op.f("fk_verdict_location_id")
        ),
        sa.ForeignKeyConstraint(["policy_id"], ["policy.id"], name=op.f("fk_verdict_policy_id")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["policy_version.id"], name=op.f("fk_verdict_version_id")
        ),
        sa.PrimaryKeyConstraint("location_id", "policy_id", name=op.f("pk_verdict")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("verdict", schema=None) as batch_op:
        batch_op.create_index(
            "ix_verdict_policy_id", ["policy_id", "outcome", "location_id"], unique=False
        )

    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE VIRTUAL TABLE location_search USING fts5("
            "name, content='location', content_rowid='id', tokenize='trigram', detail='none')"
        )
    else:
        op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        op.execute("CREATE INDEX ix_location_name_trgm ON location USING gin (name gin_trgm_ops)")


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE location_search")
    else:
        op.execute("DROP INDEX ix_location_name_trgm")
    with op.batch_alter_table("verdict", schema=None) as batch_op:
        batch_op.drop_index("ix_verdict_policy_id")

    op.drop_table("verdict")
    with op.batch_alter_table("status_change", schema=None) as batch_op:
        batch_op.drop_index("ix_status_change_location_id")
        batch_op.drop_index("ix_status_change_changed_at")

    op.drop_table("status_change")
    with op.batch_alter_table("location_past", schema=None) as batch_op:
        batch_op.drop_index("ix_location_past_location_id")
        batch_op.drop_index("ix_location_past_artifact_id")

    op.drop_table("location_past")
    op.drop_table("finding_count")
    with op.batch_alter_table("finding", schema=None) as batch_op:
        batch_op.drop_index("ix_finding_source_id")
        batch_op.drop_index("ix_finding_requirement_id")

    op.drop_table("finding")
    with op.batch_alter_table("verification_anchor", schema=None) as batch_op:
        batch_op.drop_index("ix_verification_anchor_anchor")

    op.drop_table("verification_anchor")
    op.drop_table("source_trust")
    with op.batch_alter_table("set_signer", schema=None) as batch_op:
        batch_op.drop_index("ix_set_signer_set_id")

    op.drop_table("set_signer")
    op.drop_table("requirement")
    with op.batch_alter_table("location", schema=None) as batch_op:
        batch_op.drop_index("ix_location_unit_id")
        batch_op.drop_index(
            "ix_location_standing",
            sqlite_where=sa.text("gone_at IS NULL"),
            postgresql_where=sa.text("gone_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_location_since",
            sqlite_where=sa.text("gone_at IS NULL"),
            postgresql_where=sa.text("gone_at IS NULL"),
        )
        batch_op.drop_index("ix_location_set_id")
        batch_op.drop_index(
            "ix_location_policy",
            sqlite_where=sa.text("gone_at IS NULL"),
            postgresql_where=sa.text("gone_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_location_gone_at",
            sqlite_where=sa.text("gone_at IS NOT NULL"),
            postgresql_where=sa.text("gone_at IS NOT NULL"),
        )
        batch_op.drop_index("ix_location_first_seen_at")
        batch_op.drop_index(
            "ix_location_excluded",
            sqlite_where=sa.text("gone_at IS NULL AND exclusion_id IS NOT NULL"),
            postgresql_where=sa.text("gone_at IS NULL AND exclusion_id IS NOT NULL"),
        )
        batch_op.drop_index("ix_location_artifact_id")

    op.drop_table("location")
    with op.batch_alter_table("evidence_item", schema=None) as batch_op:
        batch_op.drop_index("ix_evidence_item_verification_id")

    op.drop_table("evidence_item")
    with op.batch_alter_table("credential", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_credential_fingerprint"))

    op.drop_table("credential")
    with op.batch_alter_table("verification", schema=None) as batch_op:
        batch_op.drop_index("ix_verification_signer_id")
        batch_op.drop_index("ix_verification_evidence_digest")
        batch_op.drop_index("ix_verification_due_at")

    op.drop_table("verification")
    op.drop_table("unit")
    op.drop_table("trust_entry")
    op.drop_table("standing_day")
    op.drop_table("standing_count")
    op.drop_table("scan_request")
    with op.batch_alter_table("scan", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_scan_running",
            sqlite_where=sa.text("state = 'running'"),
            postgresql_where=sa.text("state = 'running'"),
        )
        batch_op.drop_index("ix_scan_source_started")

    op.drop_table("scan")
    op.drop_table("policy")
    op.drop_table("kept_index")
    with op.batch_alter_table("evidence_set", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_evidence_set_restate",
            sqlite_where=sa.text("restate_after IS NOT NULL"),
            postgresql_where=sa.text("restate_after IS NOT NULL"),
        )
        batch_op.drop_index("ix_evidence_set_due_at")

    op.drop_table("evidence_set")
    op.drop_table("blob_chunk")
    op.drop_table("source")
    with op.batch_alter_table("signer", schema=None) as batch_op:
        batch_op.drop_index("ix_signer_first_seen_at")

    op.drop_table("signer")
    op.drop_table("policy_version")
    op.drop_table("finding_text")
    op.drop_table("exclusion")
    op.drop_table("blob")
    op.drop_table("artifact")
