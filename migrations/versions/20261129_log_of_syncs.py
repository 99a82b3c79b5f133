"""log of syncs

Revision ID: 0017
Revises: 0016
Create Date: 2026-11-29 10:49:00.000000
"""

from __future__ import annotations

from alembic import op

revision: str = "0017"
down_revision: str | None = "0016"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    # A statement that waits long for its lock would block all later statements on the table.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_index("ix_sync_log", "sync", ["space_id", "state", "id"], unique=False)
    op.create_index(
        "ix_sync_ended",
        "sync",
        ["space_id", "finished_at"],
        unique=False,
        postgresql_include=["delivered", "rejected"],
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_index("ix_sync_ended", table_name="sync")
    op.drop_index("ix_sync_log", table_name="sync")
