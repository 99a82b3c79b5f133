"""What all repositories share: reads by key, locks, listings, and deleted rows."""

from __future__ import annotations

import asyncio

import pytest

from app.core.errors import NotFound
from app.core.pagination import START, Position
from app.storage.models import Dataset
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.base import Lock
from app.storage.repositories.datasets import DatasetRepository
from tests.flow import Flow


async def three_datasets(flow: Flow) -> list[str]:
    async with flow.platform.unit_of_work() as session:
        repository = DatasetRepository(session)
        for number in (1, 2, 3):
            repository.add(
                Dataset(
                    space_id=flow.space_id,
                    id=f"dst_{number}",
                    name=f"d{number}",
                    kind="UPLOAD",
                    created_by="test",
                    updated_by="test",
                )
            )
    return ["dst_1", "dst_2", "dst_3"]


@pytest.mark.walk
async def test_a_row_that_is_missing(flow: Flow) -> None:
    async with flow.platform.unit_of_work() as session:
        repository = DatasetRepository(session)
        assert await repository.get(flow.space_id, "dst_none") is None
        with pytest.raises(NotFound, match=r"^There is no dataset dst_none at this path"):
            await repository.require(flow.space_id, "dst_none")
        with pytest.raises(ValueError, match="zip"):
            await repository.get(flow.space_id)


@pytest.mark.walk
async def test_listings_from_both_sides(flow: Flow) -> None:
    ids = await three_datasets(flow)
    async with flow.platform.unit_of_work() as session:
        repository = DatasetRepository(session)

        async def walk(position: Position) -> list[str]:
            rows = await repository.walk(flow.space_id, position=position, limit=2)
            return [row.id for row in rows]

        assert await walk(START) == ids[:2]
        assert await walk(Position("after", ("dst_2",))) == ids[2:]
        assert await walk(Position("before", ("dst_3",))) == ["dst_2", "dst_1"]
        assert await repository.count(flow.space_id) == 3
        assert await repository.count("spc_other") == 0


@pytest.mark.walk
async def test_a_read_sees_what_the_database_has(flow: Flow) -> None:
    async with flow.platform.unit_of_work() as session:
        audience = await AudienceRepository(session).require(flow.space_id, flow.audience_id)
        async with flow.platform.unit_of_work() as other:
            row = await AudienceRepository(other).require(flow.space_id, flow.audience_id)
            row.name = "Renamed"
        again = await AudienceRepository(session).require(flow.space_id, flow.audience_id)
        assert again is audience
        assert again.name == "Renamed"


async def test_what_a_session_knows_is_read_once(flow: Flow) -> None:
    async with flow.platform.unit_of_work() as session:
        repository = AudienceRepository(session)
        assert await repository.known(flow.space_id, "aud_none") is None
        audience = await repository.known(flow.space_id, flow.audience_id)
        assert audience is not None
        name = audience.name
        del audience  # a session forgets rows that nobody uses
        async with flow.platform.unit_of_work() as other:
            row = await AudienceRepository(other).require(flow.space_id, flow.audience_id)
            row.name = "Renamed"
        again = await AudienceRepository(session).known(flow.space_id, flow.audience_id)
        assert again is not None
        assert again.name == name
        added = Dataset(space_id=flow.space_id, id="dst_new", name="New", kind="UPLOAD")
        DatasetRepository(session).remember(added)
        assert await DatasetRepository(session).known(flow.space_id, "dst_new") is added


@pytest.mark.parametrize(
    ("held", "wanted", "waits"),
    [
        ("keep", "keep", False),
        ("keep", "update", False),
        ("keep", "remove", True),
        ("update", "keep", False),
        ("update", "update", True),
        ("update", "read", True),
        ("read", "read", False),
        ("remove", "keep", True),
    ],
)
async def test_locks(flow: Flow, held: Lock, wanted: Lock, waits: bool) -> None:
    async with flow.platform.unit_of_work() as session:
        await AudienceRepository(session).require(flow.space_id, flow.audience_id, lock=held)

        async def read() -> None:
            async with flow.platform.unit_of_work() as other:
                await AudienceRepository(other).require(
                    flow.space_id, flow.audience_id, lock=wanted
                )

        task = asyncio.create_task(read())
        done, _ = await asyncio.wait([task], timeout=0.5 if waits else 20)
        assert bool(done) is not waits
    await task


async def test_deleted_activations(flow: Flow) -> None:
    activation = await flow.activate()
    path = (flow.space_id, flow.audience_id, activation)
    async with flow.platform.unit_of_work() as session:
        repository = ActivationRepository(session)
        row = await repository.require(*path, lock="update")
        row.deleted_at = await repository.database_now()
    async with flow.platform.unit_of_work() as session:
        repository = ActivationRepository(session)
        assert await repository.get(*path) is None
        assert await repository.count(*path[:2]) == 0
        assert await repository.walk(*path[:2], position=START, limit=9) == []
        found = await repository.get_any(flow.space_id, activation)
        assert found is not None and found.id == activation  # noqa: PT018
