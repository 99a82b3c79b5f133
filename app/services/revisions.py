"""Revisions of an activation: one more whenever its configuration differs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import new_id
from app.storage.models import Activation, ActivationRevision
from app.storage.repositories.revisions import RevisionRepository


async def new_revision(
    session: AsyncSession,
    activation: Activation,
    config: Mapping[str, Any],
    actor: str,
    now: datetime,
) -> ActivationRevision:
    """Give a locked activation its next revision, which is flushed."""
    repository = RevisionRepository(session)
    revision = ActivationRevision(
        space_id=activation.space_id,
        id=new_id("rev"),
        activation_id=activation.id,
        number=await repository.newest_number(activation.space_id, activation.id) + 1,
        config=dict(config),
        created_by=actor,
        created_at=now,
    )
    repository.add(revision)
    activation.revision_id = revision.id
    activation.updated_at = now
    await session.flush()
    return revision
