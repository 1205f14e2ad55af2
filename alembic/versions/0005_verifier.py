"""Keep which version of the verifier a source was last read completely by

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not in a batch: that makes the table anew, which SQLite refuses while others refer to it.
    op.add_column("source", sa.Column("verifier", sa.String(), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("source", "verifier")
