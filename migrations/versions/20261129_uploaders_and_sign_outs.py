"""uploaders and sign-outs

Revision ID: 0020
Revises: 0019
Create Date: 2026-11-29 14:00:00.000000
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0020"
down_revision: str | None = "0019"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    # A statement that waits long for its lock would block all later statements on the table.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("dataset", sa.Column("uploaded_by", sa.Text(), nullable=True))
    op.add_column("dataset", sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "console_sign_out",
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("nonce", name="pk_console_sign_out"),
    )
    op.create_index("ix_console_sign_out_end", "console_sign_out", ["ends_at"], unique=False)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_index("ix_console_sign_out_end", table_name="console_sign_out")
    op.drop_table("console_sign_out")
    op.drop_column("dataset", "uploaded_at")
    op.drop_column("dataset", "uploaded_by")
