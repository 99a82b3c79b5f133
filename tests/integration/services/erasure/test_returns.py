"""Databases of the user, from which an erased person may come again."""

from __future__ import annotations

from app.services.erasure.returns import find_returns
from app.storage.models import Dataset
from tests.flow import ACTOR, Flow


async def test_datasets_of_databases_are_named(flow: Flow) -> None:
    async with flow.platform.unit_of_work() as session:
        for number, settings in enumerate((None, b"sealed")):
            session.add(
                Dataset(
                    space_id=flow.space_id,
                    id=f"dst_{number}",
                    name=f"table{number}",
                    kind="postgres" if settings else "upload",
                    settings=settings,
                    created_by=ACTOR,
                    updated_by=ACTOR,
                )
            )
    assert await find_returns(flow.platform, flow.space_id) == ["dst_1"]
