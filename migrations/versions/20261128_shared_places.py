"""shared places

Revision ID: 0009
Revises: 0008
Create Date: 2026-11-28 18:05:00.000000
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    # A statement that waits long for its lock would block all later statements on the table.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("destination", sa.Column("account", sa.Text(), nullable=True))
    op.create_table(
        "held_place",
        sa.Column("space_id", sa.Text(), nullable=False),
        sa.Column("activation_id", sa.Text(), nullable=False),
        sa.Column("local", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("made_from", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "space_id", "activation_id", "local", "place", name=op.f("pk_held_place")
        ),
    )
    op.create_index("ix_held_place_place", "held_place", ["workspace_id", "place"])
    op.create_table(
        "place_wait",
        sa.Column("space_id", sa.Text(), nullable=False),
        sa.Column("activation_id", sa.Text(), nullable=False),
        sa.Column("other_space_id", sa.Text(), nullable=False),
        sa.Column("other_activation_id", sa.Text(), nullable=False),
        sa.Column("seen", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.PrimaryKeyConstraint(
            "space_id",
            "activation_id",
            "other_space_id",
            "other_activation_id",
            name=op.f("pk_place_wait"),
        ),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("place_wait")
    op.drop_index("ix_held_place_place", table_name="held_place")
    op.drop_table("held_place")
    op.drop_column("destination", "account")
