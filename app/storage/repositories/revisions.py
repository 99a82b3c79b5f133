"""Revisions: the configurations that an activation has had."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from sqlalchemy import Select, and_, func, select

from app.domain.sync_states import SyncState
from app.storage.models import ASIDE_KINDS, Activation, ActivationRevision, Sync
from app.storage.repositories.base import Repository
from app.storage.repositories.built import built

#: Joins activations with their current configuration.
CURRENT_REVISION = and_(
    ActivationRevision.space_id == Activation.space_id,
    ActivationRevision.id == Activation.revision_id,
)


class RevisionRepository(Repository[ActivationRevision]):
    """Table ``activation_revision``. Rows are added, and never changed."""

    model = ActivationRevision
    noun = "revision"
    key = (ActivationRevision.space_id, ActivationRevision.id)
    parent = (ActivationRevision.space_id, ActivationRevision.activation_id)

    async def config_of(self, activation: Activation) -> dict[str, Any]:
        """Read the current configuration of an activation, as JSON in the form of ``ActivationRevision.config``."""
        revision = await self.known(activation.space_id, activation.revision_id)
        assert revision is not None  # noqa: S101  an activation names a revision from its first row on
        return deepcopy(revision.config)

    async def newest_number(self, space_id: str, activation_id: str) -> int:
        """Return the number of the newest revision, 0 if there is none."""
        return await self._number(_newest_number(space_id, activation_id))

    async def newest(
        self, space_id: str, activation_id: str, *, before: int | None, limit: int
    ) -> Sequence[ActivationRevision]:
        """Read revisions with numbers below ``before``, newest first."""
        return await self._newest(
            space_id, activation_id, column=ActivationRevision.number, before=before, limit=limit
        )

    async def delivered(self, space_id: str, activation_id: str) -> int | None:
        """Return the number of the revision that the newest complete sync was planned with."""
        return await self._value(_delivered(space_id, activation_id))


@built
def _newest_number(space_id: str, activation_id: str) -> Select[Any]:
    return select(func.max(ActivationRevision.number)).where(
        ActivationRevision.space_id == space_id,
        ActivationRevision.activation_id == activation_id,
    )


@built
def _delivered(space_id: str, activation_id: str) -> Select[int]:
    return (
        select(ActivationRevision.number)
        .join(
            Sync,
            (Sync.space_id == ActivationRevision.space_id)
            & (Sync.revision_id == ActivationRevision.id),
        )
        .where(
            Sync.space_id == space_id,
            Sync.activation_id == activation_id,
            Sync.kind.not_in(ASIDE_KINDS),
            Sync.state == SyncState.COMPLETE,
        )
        .order_by(Sync.number.desc())
        .limit(1)
    )
