"""log of notices

Revision ID: 0019
Revises: 0018
Create Date: 2026-11-29 13:00:00.000000
"""

from __future__ import annotations

from alembic import op

revision: str = "0019"
down_revision: str | None = "0018"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    # A statement that waits long for its lock would block all later statements on the table.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_index("ix_notice_log", "notice", ["space_id", "state", "id"], unique=False)
    op.create_index("ix_notice_day", "notice", ["space_id", "created_at"], unique=False)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_index("ix_notice_day", table_name="notice")
    op.drop_index("ix_notice_log", table_name="notice")
