"""former contents of datasets

Revision ID: 0014
Revises: 0013
Create Date: 2026-11-29 10:23:00.000000
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0014"
down_revision: str | None = "0013"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    # A statement that waits long for its lock would block all later statements on the table.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "dataset_content",
        sa.Column("space_id", sa.Text(), nullable=False),
        sa.Column("dataset_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("file", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("columns", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reading", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("byte_count", sa.BigInteger(), nullable=False),
        sa.Column("uploaded_by", sa.Text(), nullable=False),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["space_id", "dataset_id"],
            ["dataset.space_id", "dataset.id"],
            name=op.f("fk_dataset_content_space_id_dataset_id_dataset"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("space_id", "dataset_id", "id", name=op.f("pk_dataset_content")),
    )
    op.create_index("ix_dataset_content_replaced", "dataset_content", ["replaced_at"], unique=False)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_index("ix_dataset_content_replaced", table_name="dataset_content")
    op.drop_table("dataset_content")
