"""dataset files

Revision ID: 0023
Revises: 0022
Create Date: 2026-11-29 13:10:00.000000
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0023"
down_revision: str | None = "0022"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    # A statement that waits long for its lock would block all later statements on the table.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column(
        "dataset",
        sa.Column(
            "file_read", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    # An earlier version knows no files: their contents stay, as if they had been uploaded.
    op.execute("UPDATE dataset SET kind = 'upload', settings = NULL WHERE kind = 'object'")
    op.drop_column("dataset", "file_read")
