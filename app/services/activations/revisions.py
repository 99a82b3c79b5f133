"""Revisions of an activation: one for each configuration, what each changed, and which one is delivered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import new_id
from app.domain.activation_config import is_same
from app.domain.differences import differing
from app.services.activations import reserved_names
from app.storage.models import Activation, ActivationRevision
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.revisions import RevisionRepository


@dataclass(frozen=True, slots=True)
class Numbered:
    """A revision, and the parts of the configuration that it changed; for the first, all parts."""

    revision: ActivationRevision
    changed: Sequence[str]


async def list_revisions(
    session: AsyncSession,
    space_id: str,
    audience_id: str,
    activation_id: str,
    *,
    before: int | None,
    limit: int,
) -> tuple[list[Numbered], int, int | None]:
    """Read revisions, newest first. Returns them, how many there are, and the number of the delivered one, or None."""
    await ActivationRepository(session).require(space_id, audience_id, activation_id)
    repository = RevisionRepository(session)
    found = await repository.newest(space_id, activation_id, before=before, limit=limit + 1)
    entries = [
        Numbered(revision, _changed(revision.config, older.config if older else {}))
        for revision, older in zip_longest(found, found[1:])
    ]
    total = await repository.newest_number(space_id, activation_id)
    return entries[:limit], total, await repository.delivered(space_id, activation_id)


def _changed(config: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    """Return the parts that differ, the mapping also if only the order of its fields does."""
    found = set(differing(before, config))
    name = "destinationMapping"
    if not is_same({name: config.get(name)}, {name: before.get(name)}):
        found.add(name)
    return sorted(found)


async def new_revision(
    session: AsyncSession,
    activation: Activation,
    config: Mapping[str, Any],
    actor: str,
    now: datetime,
    *,
    is_first: bool = False,
) -> ActivationRevision:
    """Add the next revision of a locked activation, and flush. Raises Invalid if properties have reserved names.

    A new activation names its first revision already.
    """
    await reserved_names.check_reserved_names(session, activation, config)
    repository = RevisionRepository(session)
    newest = 0
    if not is_first:
        newest = await repository.newest_number(activation.space_id, activation.id)
        activation.revision_id = new_id("rev")
        activation.updated_at = now
    revision = ActivationRevision(
        space_id=activation.space_id,
        id=activation.revision_id,
        activation_id=activation.id,
        number=newest + 1,
        config=dict(config),
        created_by=actor,
        created_at=now,
    )
    repository.add(revision)
    repository.remember(revision)
    await session.flush()
    return revision
