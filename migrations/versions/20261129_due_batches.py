"""due batches

Revision ID: 0021
Revises: 0020
Create Date: 2026-11-29 13:10:00.000000
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision: str = "0021"
down_revision: str | None = "0020"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    # A statement that waits long for its lock would block all later statements on the table.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_index(
        "ix_batch_due",
        "batch",
        ["space_id", "sync_id", text("COALESCE(lease_until, next_at)")],
        unique=False,
        postgresql_where=text("state <> 'settled'"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_index("ix_batch_due", table_name="batch")
