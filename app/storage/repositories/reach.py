"""Reads for the reach of an audience: activations of its connections, and the counts of their plans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, select

from app.storage.models import Activation, ActivationRevision, Sync, SyncSource
from app.storage.repositories.base import Reader
from app.storage.repositories.pins import PinRepository
from app.storage.repositories.revisions import CURRENT_REVISION

#: Kinds of syncs that plan from the whole membership.
_WHOLE = ("incremental", "resync", "baseline")


@dataclass(frozen=True, slots=True)
class Planned:
    """Counts of a plan: keys that should be held, and members that were left out, by reason."""

    wanted: int
    left_out: Mapping[str, int]


class ReachQueries(Reader):
    """Reads across activations, revisions and syncs."""

    async def activations_on(
        self, space_id: str, connection_ids: Sequence[str]
    ) -> Sequence[tuple[Activation, Mapping[str, Any]]]:
        """Read the activations of connections, oldest first, each with the form of ``ActivationRevision.config`` that is current."""
        query = (
            select(Activation, ActivationRevision.config)
            .join(ActivationRevision, CURRENT_REVISION)
            .where(
                Activation.space_id == space_id,
                Activation.connection_id.in_(connection_ids),
                Activation.deleted_at.is_(None),
            )
            .order_by(Activation.id)
        )
        return [(row[0], row[1]) for row in await self.session.execute(query)]

    async def planned(self, activation: Activation, snapshots: Mapping[str, str]) -> Planned | None:
        """Return the counts of the newest plan with the current revision, or None if it used other snapshots.

        ``snapshots`` is ``{audience id: snapshot id}``.
        """
        audience_id = activation.audience_id
        query = (
            select(Sync)
            .join(
                SyncSource,
                and_(SyncSource.space_id == Sync.space_id, SyncSource.sync_id == Sync.id),
            )
            .where(
                Sync.space_id == activation.space_id,
                Sync.activation_id == activation.id,
                Sync.revision_id == activation.revision_id,
                Sync.kind.in_(_WHOLE),
                Sync.wanted.is_not(None),
                SyncSource.audience_id == audience_id,
                SyncSource.snapshot_id == snapshots[audience_id],
            )
            .order_by(Sync.number.desc())
            .limit(1)
        )
        sync = (await self.session.scalars(query)).first()
        if sync is None or sync.wanted is None:
            return None
        pinned = await PinRepository(self.session).pinned(sync.space_id, sync.id)
        if pinned != snapshots:
            return None
        return Planned(sync.wanted, sync.left_out)
