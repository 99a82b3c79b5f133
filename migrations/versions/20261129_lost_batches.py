"""lost batches

Revision ID: 0011
Revises: 0010
Create Date: 2026-11-29 06:40:00.000000
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    # A statement that waits long for its lock would block all later statements on the table.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column(
        "batch",
        sa.Column("lost_leases", sa.Integer(), server_default=sa.text("0"), nullable=False),
    )
    op.create_index(
        "ix_batch_suspect",
        "batch",
        ["space_id", "sync_id"],
        unique=False,
        postgresql_where=sa.text("state <> 'settled' AND lost_leases >= 2"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_index(
        "ix_batch_suspect",
        table_name="batch",
        postgresql_where=sa.text("state <> 'settled' AND lost_leases >= 2"),
    )
    op.drop_column("batch", "lost_leases")
