"""Reads of an erasure across all tables: rows whose values may name a person, rows that name files, and work that reads files.

With ``encrypted.py`` a named exception: what these queries return is changed by the erasure, whichever repository owns the table.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Text, cast, exists, func, or_, select, tuple_

from app.domain.preview_states import PreviewState
from app.domain.run_states import OPEN_STATES as OPEN_RUNS
from app.domain.run_states import RunState
from app.domain.sync_states import FINAL_STATES, SyncState
from app.storage.models import (
    Activation,
    AudiencePreview,
    Base,
    Batch,
    Dataset,
    DatasetContent,
    Erasure,
    IdempotencyKey,
    MemberPatch,
    Notice,
    Run,
    Snapshot,
    Space,
    Sync,
)
from app.storage.personal_data import COLUMNS, Handling
from app.storage.repositories.base import DATABASE_NOW, Reader

_MODELS: Final[dict[str, Any]] = {
    mapper.class_.__tablename__: mapper.class_ for mapper in Base.registry.mappers
}


def columns_by_table(handling: Handling) -> dict[str, list[str]]:
    """Return the columns with a handling, by table."""
    found: dict[str, list[str]] = {}
    for name, one in COLUMNS.items():
        if one is handling:
            table, _, column = name.partition(".")
            found.setdefault(table, []).append(column)
    return found


class PersonalDataQueries(Reader):
    """Rows of a space that may hold data of a person."""

    async def naming(
        self,
        space_id: str,
        table: str,
        columns: Sequence[str],
        texts: Collection[str],
        after: Sequence[Any],
        limit: int,
        *,
        lock: bool,
    ) -> Sequence[Any]:
        """Read the next rows of a table, in the order of its key, whose columns contain one of some texts in any case.

        Rows of work that is not over are left out. With ``lock`` the rows are locked, in this order.
        """
        model = _MODELS[table]
        key = list(model.__table__.primary_key.columns)
        contained = [
            cast(getattr(model, column), Text).icontains(text, autoescape=True)
            for column in columns
            for text in texts
        ]
        query = (
            select(model)
            .where(_scope(model, space_id), or_(*contained), *_is_over(model))
            .order_by(*key)
            .limit(limit)
        )
        if after:
            query = query.where(tuple_(*key) > tuple(after))
        if lock:
            query = query.with_for_update(key_share=True)
        return await self._all(query)

    async def repeats(self, space_id: str, after: str, limit: int) -> Sequence[IdempotencyKey]:
        """Lock and read the next responses that are kept for repeated requests to the workspace of a space."""
        workspace = select(Space.workspace_id).where(Space.id == space_id).scalar_subquery()
        query = (
            select(IdempotencyKey)
            .where(IdempotencyKey.workspace_id == workspace, IdempotencyKey.key > after)
            .order_by(IdempotencyKey.key)
            .limit(limit)
        )
        return await self._all(query, "update", skip_locked=True)

    async def tables(self, space_id: str) -> Sequence[Dataset | DatasetContent]:
        """Return the datasets and former contents of a space that have a file."""
        datasets = select(Dataset).where(Dataset.space_id == space_id, Dataset.file.is_not(None))
        former = select(DatasetContent).where(DatasetContent.space_id == space_id)
        return [*await self._all(datasets), *await self._all(former)]

    async def snapshots(self, space_id: str) -> Sequence[Snapshot]:
        """Return all snapshots of a space, those of one audience together, oldest first."""
        query = (
            select(Snapshot)
            .where(Snapshot.space_id == space_id)
            .order_by(Snapshot.audience_id, Snapshot.version)
        )
        return await self._all(query)

    async def activations(self, space_id: str) -> Sequence[Activation]:
        """Return all activations of a space, those that were deleted, too."""
        query = select(Activation).where(Activation.space_id == space_id).order_by(Activation.id)
        return await self._all(query)

    async def syncs_with_files(self, space_id: str, activation_id: str) -> Sequence[Sync]:
        """Return the syncs of an activation that have ended and still have files, oldest first."""
        query = (
            select(Sync)
            .where(
                Sync.space_id == space_id,
                Sync.activation_id == activation_id,
                Sync.state.in_(FINAL_STATES),
                or_(Sync.plan.is_not(None), Sync.outcome.is_not(None)),
            )
            .order_by(Sync.number)
        )
        return await self._all(query)

    async def unread_inputs(self, space_id: str) -> Sequence[Run]:
        """Return the failed runs that still name their upload, which nothing reads any more."""
        query = select(Run).where(
            Run.space_id == space_id, Run.state == RunState.FAILED, Run.input.has_key("file")
        )
        return await self._all(query)

    async def left_patches(self, space_id: str) -> Sequence[MemberPatch]:
        """Lock and return the changes of members that failed runs have left for a later one."""
        is_open = exists().where(
            Run.space_id == MemberPatch.space_id,
            Run.id == MemberPatch.run_id,
            Run.state.in_(OPEN_RUNS),
        )
        query = select(MemberPatch).where(MemberPatch.space_id == space_id, ~is_open)
        return await self._all(query, "update")

    async def open_runs(self, space_id: str) -> Sequence[Run]:
        """Return the runs of a space that have not ended."""
        query = select(Run).where(Run.space_id == space_id, Run.state.in_(OPEN_RUNS))
        return await self._all(query)

    async def open_work(self, space_id: str, *, besides: str = "") -> Mapping[str, str]:
        """Return the work of a space that may be reading files: ``{id: kind}`` with ``run``, ``sync``, ``preview`` or ``erasure``.

        Each pass of another erasure than ``besides`` is work of its own: it writes files again that it has read, with all
        but its own person.
        """
        claimed = select(Run.id).where(Run.space_id == space_id, Run.state == RunState.RUNNING)
        syncs = select(Sync.id).where(
            Sync.space_id == space_id,
            Sync.state.not_in(FINAL_STATES),
            or_(Sync.lease_owner.is_not(None), Sync.state == SyncState.RUNNING),
        )
        previews = select(AudiencePreview.id).where(
            AudiencePreview.space_id == space_id,
            AudiencePreview.status == PreviewState.RUNNING,
            AudiencePreview.lease_until.is_not(None),
        )
        passes = select(func.concat(Erasure.id, ":", Erasure.lease_token)).where(
            Erasure.space_id == space_id, Erasure.id != besides, Erasure.lease_until > DATABASE_NOW
        )
        found: dict[str, str] = {}
        kinds = (("run", claimed), ("sync", syncs), ("preview", previews), ("erasure", passes))
        for kind, query in kinds:
            found |= dict.fromkeys(await self._scalars(query, None, None, False), kind)
        return found


def _scope(model: Any, space_id: str) -> ColumnElement[bool]:
    """Return the condition that a row belongs to a space, or if its table has none, to the workspace of the space."""
    if hasattr(model, "space_id"):
        found: ColumnElement[bool] = model.space_id == space_id
        return found
    key = model.workspace_id if hasattr(model, "workspace_id") else model.id
    workspace: ColumnElement[bool] = key.in_(select(Space.workspace_id).where(Space.id == space_id))
    return workspace if model is not Space else model.id == space_id


def _is_over(model: Any) -> list[ColumnElement[bool]]:
    """Return the conditions that nothing works with a row any more."""
    if model is Sync:
        return [Sync.state.in_(FINAL_STATES)]
    if hasattr(model, "sync_id") and model is not Notice:
        ended = exists().where(
            Sync.space_id == model.space_id,
            Sync.id == model.sync_id,
            Sync.state.in_(FINAL_STATES),
        )
        left = [Batch.continuation.is_(None)] if model is Batch else []
        return [ended, *left]
    if model is Run:
        return [Run.state.not_in(OPEN_RUNS)]
    if model is AudiencePreview:
        return [AudiencePreview.status != PreviewState.RUNNING]
    return []
