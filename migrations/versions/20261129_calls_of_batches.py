"""calls of batches

Revision ID: 0018
Revises: 0017
Create Date: 2026-11-29 09:55:00.000000
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0018"
down_revision: str | None = "0017"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    # A statement that waits long for its lock would block all later statements on the table.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("batch", sa.Column("call_rows", sa.BigInteger(), nullable=True))
    op.add_column("batch", sa.Column("first_call", sa.Integer(), nullable=True))
    op.add_column(
        "batch", sa.Column("progress", postgresql.JSONB(astext_type=sa.Text()), nullable=True)
    )
    op.add_column("attempt", sa.Column("calls", sa.Integer(), nullable=True))
    op.add_column("attempt", sa.Column("calls_delivered", sa.Integer(), nullable=True))
    op.add_column("attempt", sa.Column("calls_failed", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_column("attempt", "calls_failed")
    op.drop_column("attempt", "calls_delivered")
    op.drop_column("attempt", "calls")
    op.drop_column("batch", "progress")
    op.drop_column("batch", "first_call")
    op.drop_column("batch", "call_rows")
