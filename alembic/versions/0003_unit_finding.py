"""Keep what is weak in how a unit of a source is configured

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "unit_finding",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("expected", sa.Text(), nullable=False),
        sa.Column("found", sa.Text(), nullable=False),
        sa.Column("since_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["unit_id"], ["unit.id"], name=op.f("fk_unit_finding_unit_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit_finding")),
    )
    with op.batch_alter_table("unit_finding", schema=None) as batch_op:
        batch_op.create_index("ix_unit_finding_reason", ["reason", "id"], unique=False)
        batch_op.create_index("ix_unit_finding_unit_id", ["unit_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("unit_finding", schema=None) as batch_op:
        batch_op.drop_index("ix_unit_finding_unit_id")
        batch_op.drop_index("ix_unit_finding_reason")

    op.drop_table("unit_finding")
