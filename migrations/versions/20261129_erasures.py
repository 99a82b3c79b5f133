"""erasures of persons, and refused keys

Revision ID: 0022
Revises: 0021
Create Date: 2026-11-29 13:00:00.000000
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0022"
down_revision: str | None = "0021"
branch_labels: str | None = None
depends_on: str | None = None

_OPEN = sa.text("state <> 'complete'")
_NOW = sa.text("clock_timestamp()")


def upgrade() -> None:
    # A statement that waits long for its lock would block all later statements on the table.
    op.execute("SET LOCAL lock_timeout = '5s'")
    json = postgresql.JSONB(astext_type=sa.Text())
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "erasure",
        sa.Column("space_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("person", sa.LargeBinary(), nullable=True),
        sa.Column("refuse", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'new'"), nullable=False),
        sa.Column("found", json, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("waits", json, server_default=sa.text("'[]'"), nullable=False),
        sa.Column("unnamed", json, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("passes", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_at", moment, nullable=True),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_token", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease_until", moment, nullable=True),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("created_at", moment, server_default=_NOW, nullable=False),
        sa.Column("updated_at", moment, server_default=_NOW, nullable=False),
        sa.Column("finished_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["space_id"], ["space.id"], name=op.f("fk_erasure_space_id_space")),
        sa.PrimaryKeyConstraint("space_id", "id", name=op.f("pk_erasure")),
    )
    op.create_index("ix_erasure_open", "erasure", ["state"], unique=False, postgresql_where=_OPEN)
    op.create_index(
        "uq_erasure_open", "erasure", ["space_id", "digest"], unique=True, postgresql_where=_OPEN
    )
    op.create_table(
        "refused_key",
        sa.Column("space_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("erasure_id", sa.Text(), nullable=False),
        sa.Column("created_at", moment, server_default=_NOW, nullable=False),
        sa.ForeignKeyConstraint(
            ["space_id"], ["space.id"], name=op.f("fk_refused_key_space_id_space")
        ),
        sa.PrimaryKeyConstraint("space_id", "digest", name=op.f("pk_refused_key")),
    )
    op.add_column("run", sa.Column("refused", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_column("run", "refused")
    op.drop_table("refused_key")
    op.drop_index("uq_erasure_open", table_name="erasure")
    op.drop_index("ix_erasure_open", table_name="erasure")
    op.drop_table("erasure")
