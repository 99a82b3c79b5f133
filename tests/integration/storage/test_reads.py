"""A session that only reads gives what a session of SQLAlchemy gives, in one round trip and without a transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Select, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.core.pagination import Position
from app.storage.models import Audience, Base, Run, Snapshot
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.audiences import AudienceRepository, Search, Sort
from app.storage.repositories.audit import AuditRepository, Filter
from app.storage.repositories.base import DATABASE_NOW
from app.storage.repositories.batches import BatchRepository
from app.storage.repositories.connections import ConnectionRepository
from app.storage.repositories.datasets import DatasetRepository
from app.storage.repositories.pins import PinRepository
from app.storage.repositories.places import PlaceRepository
from app.storage.repositories.revisions import RevisionRepository
from app.storage.repositories.spaces import SpaceRepository
from app.storage.repositories.syncs import SyncRepository
from app.storage.repositories.tokens import TokenRepository
from tests.flow import Flow


@dataclass(frozen=True)
class Ids:
    workspace_id: str
    space_id: str
    audience_id: str
    activation_id: str


Read = Callable[[AsyncSession, Ids], Awaitable[Any]]

MODEL_AND_NONE = (
    select(Audience, Snapshot, func.now() > DATABASE_NOW - timedelta(hours=1))
    .outerjoin(Snapshot, Snapshot.space_id == "no space")
    .order_by(Audience.id)
)
OTHER = aliased(Audience)
ALIASED = select(OTHER, Audience.key).join(Audience, Audience.id == OTHER.id).order_by(OTHER.id)
NAMED = text("SELECT id, options, created_at FROM audience WHERE space_id = :space ORDER BY id")


async def _rows(session: AsyncSession, statement: Any, **values: Any) -> Any:
    return (await session.execute(statement, values)).all()


def _of(audience_ids: list[str]) -> Select[str]:
    return select(Audience.id).where(Audience.id.in_(audience_ids))


def _page(search: Search | None, sort: Sort, position: Position) -> Read:
    return lambda s, f: AudienceRepository(s).walk_views(f.space_id, search, sort, position, 5)


READS: dict[str, Read] = {
    "by key": lambda s, f: AudienceRepository(s).get(f.space_id, f.audience_id),
    "missing": lambda s, f: AudienceRepository(s).get(f.space_id, "aud_none"),
    "of another space": lambda s, f: AudienceRepository(s).get("spa_none", f.audience_id),
    "view": lambda s, f: AudienceRepository(s).require_view(f.space_id, f.audience_id),
    "first page": _page(None, Sort(), Position()),
    "by name, after": _page(None, Sort("NAME"), Position("after", ("A", ""))),
    "by time, before": _page(
        None, Sort("UPDATED_AT", descending=True), Position("before", ("2020-01-01T00:00:00Z", ""))
    ),
    "searched": _page(Search("NAME", "e"), Sort(), Position()),
    "searched for a percent sign": _page(Search("DEFINITION", "100%_/"), Sort(), Position()),
    "by the beginning of a key": _page(Search("KEY", "_"), Sort(), Position()),
    "counted": lambda s, f: AudienceRepository(s).count_found(f.space_id, None),
    "consumers": lambda s, f: AudienceRepository(s).walk_consumers(
        f.space_id, f.audience_id, None, Sort(), Position(), 5
    ),
    "sources": lambda s, f: AudienceRepository(s).sources_of(f.space_id, f.activation_id),
    "activations": lambda s, f: ActivationRepository(s).walk_views(
        f.space_id, f.audience_id, Position(), 5
    ),
    "activations after": lambda s, f: ActivationRepository(s).walk_views(
        f.space_id, f.audience_id, Position("after", ("",)), 5
    ),
    "connections": lambda s, f: ConnectionRepository(s).walk_connected(
        f.space_id, f.audience_id, Position("before", ("z",)), 5
    ),
    "revision": lambda s, f: RevisionRepository(s).newest_number(f.space_id, f.activation_id),
    "delivered": lambda s, f: RevisionRepository(s).delivered(f.space_id, f.activation_id),
    "open sync": lambda s, f: SyncRepository(s).open_of(f.space_id, f.activation_id),
    "last sync": lambda s, f: SyncRepository(s).last_planned(f.space_id, f.activation_id),
    "counts of none": lambda s, f: BatchRepository(s).counts(f.space_id, []),
    "counts of two": lambda s, f: BatchRepository(s).counts(f.space_id, ["a", "b"]),
    "counts of three": lambda s, f: BatchRepository(s).counts(f.space_id, ["a", "b", "c"]),
    "pins": lambda s, f: PinRepository(s).pinned_by_each(f.space_id, ["a"]),
    "sharers": lambda s, f: PlaceRepository(s).sharers(f.space_id, f.activation_id),
    "datasets": lambda s, f: DatasetRepository(s).readable(f.space_id),
    "words": lambda s, f: SpaceRepository(s).absent_words(f.space_id),
    "tokens, with a list of texts": lambda s, f: TokenRepository(s).listed(f.workspace_id),
    "audit": lambda s, f: AuditRepository(s).walk_found(
        f.workspace_id, Filter(resource_type="audience"), Position(), 5
    ),
    "one of a list": lambda s, f: _rows(s, _of([f.audience_id])),
    "the last of a longer list": lambda s, f: _rows(s, _of(["a", "b", f.audience_id])),
    "a model that is not there": lambda s, f: _rows(s, MODEL_AND_NONE),
    "an alias": lambda s, f: _rows(s, ALIASED),
    "text": lambda s, f: _rows(s, NAMED, space=f.space_id),
    "text without rows": lambda s, f: _rows(s, NAMED, space="none"),
}


def plain(found: Any) -> Any:
    """A comparable form: rows of models are their columns."""
    if isinstance(found, Base):
        return {column.key: getattr(found, column.key) for column in found.__table__.columns}
    if isinstance(found, str | dict | set | frozenset | None):
        return found
    if hasattr(found, "__dataclass_fields__"):
        return [plain(getattr(found, name)) for name in found.__dataclass_fields__]
    try:
        return [plain(one) for one in found]
    except TypeError:
        return found


async def test_agrees_with_a_session(flow: Flow) -> None:
    platform = flow.platform
    workspace_id = await platform.owner_of(flow.space_id)
    ids = Ids(workspace_id, flow.space_id, flow.audience_id, await flow.activate())
    for name, read in READS.items():
        async with platform.unit_of_work() as session:
            wanted = plain(await read(session, ids))
        for _ in range(2):  # compiled, and found
            assert plain(await read(platform.reading(), ids)) == wanted, name


async def test_no_form_keeps_the_values_of_another_request(flow: Flow) -> None:
    async with flow.platform.unit_of_work() as session:
        repository = AudienceRepository(session)
        for _ in range(2):
            assert await repository.get("spa_other", flow.audience_id) is None
            found = await repository.get(flow.space_id, flow.audience_id, lock="read")
            assert found is not None
            assert await repository.get("spa_other", flow.audience_id, lock="read") is None
    for _ in range(2):
        repository = AudienceRepository(flow.platform.reading())
        assert await repository.get("spa_other", flow.audience_id) is None
        assert await repository.get(flow.space_id, flow.audience_id) is not None


async def test_what_is_read_is_not_saved_and_nothing_else_is_run(flow: Flow) -> None:
    reading = flow.platform.reading()
    row = await AudienceRepository(reading).require(flow.space_id, flow.audience_id)
    row.name = "changed"
    again = await AudienceRepository(reading).require(flow.space_id, flow.audience_id)
    assert again.name != "changed"
    with pytest.raises(TypeError, match="only reads"):
        await reading.execute(update(Run).values(state="new"))
    assert not hasattr(reading, "add")
