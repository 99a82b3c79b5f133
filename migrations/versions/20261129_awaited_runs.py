"""awaited runs

Revision ID: 0016
Revises: 0015
Create Date: 2026-11-29 10:20:00.000000
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0016"
down_revision: str | None = "0015"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    # A statement that waits long for its lock would block all later statements on the table.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("activation", sa.Column("awaits_since", sa.DateTime(timezone=True)))
    op.create_index(
        "ix_activation_awaits",
        "activation",
        ["awaits_since"],
        unique=False,
        postgresql_where=sa.text("awaits_since IS NOT NULL"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_index(
        "ix_activation_awaits",
        table_name="activation",
        postgresql_where=sa.text("awaits_since IS NOT NULL"),
    )
    op.drop_column("activation", "awaits_since")
