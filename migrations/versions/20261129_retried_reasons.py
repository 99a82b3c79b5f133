"""retried reasons

Revision ID: 0025
Revises: 0024
Create Date: 2026-11-29 21:15:00.000000
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0025"
down_revision: str | None = "0024"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    # A statement that waits long for its lock would block all later statements on the table.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column(
        "sync",
        sa.Column(
            "retried", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    # An earlier version knows no reasons: a sync that is not planned yet retries all that was refused.
    op.execute("UPDATE sync SET retry_refused = true WHERE retried IS NOT NULL AND state = 'new'")
    op.drop_column("sync", "retried")
