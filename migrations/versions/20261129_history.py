"""history by age

Revision ID: 0013
Revises: 0012
Create Date: 2026-11-29 10:30:00.000000
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    # A statement that waits long for its lock would block all later statements on the table.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_index("ix_snapshot_age", "snapshot", ["created_at"], unique=False)
    op.create_index(
        "ix_sync_age",
        "sync",
        ["finished_at"],
        unique=False,
        postgresql_where=sa.text("plan IS NOT NULL OR outcome IS NOT NULL"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_index(
        "ix_sync_age",
        table_name="sync",
        postgresql_where=sa.text("plan IS NOT NULL OR outcome IS NOT NULL"),
    )
    op.drop_index("ix_snapshot_age", table_name="snapshot")
