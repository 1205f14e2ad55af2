"""Find withdrawn sets without asking each; drop verifications that no set names

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

WITHDRAWN = sa.text("reason = 'TRUST_CHANGED'")
UNNAMED = """
    SELECT v.id FROM verification v
    WHERE NOT EXISTS (SELECT 1 FROM evidence_item i WHERE i.verification_id = v.id)"""


def upgrade() -> None:
    # Earlier versions kept those whose place others had taken: they counted for nothing.
    op.execute(f"DELETE FROM verification_anchor WHERE verification_id IN ({UNNAMED})")
    op.execute(f"DELETE FROM verification WHERE id IN ({UNNAMED})")
    with op.batch_alter_table("evidence_set", schema=None) as batch_op:
        batch_op.create_index(
            "ix_evidence_set_withdrawn",
            ["id"],
            unique=False,
            sqlite_where=WITHDRAWN,
            postgresql_where=WITHDRAWN,
        )


def downgrade() -> None:
    with op.batch_alter_table("evidence_set", schema=None) as batch_op:
        batch_op.drop_index("ix_evidence_set_withdrawn", sqlite_where=WITHDRAWN)
