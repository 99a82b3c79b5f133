"""Definitions that are saved: what certainly cannot be resolved is refused, and what may change is a warning."""

from __future__ import annotations

import pytest

from app.core.errors import Invalid
from app.domain.save_warnings import WarningCode
from app.services.audiences.resolution import (
    resolution_warnings,
    resolve_definition,
    saved_definition,
)
from app.storage.models import Dataset
from tests.flow import ACTOR, Flow

QUERY = "SELECT id AS profile_id, emial FROM orders"


async def test_the_columns_of_a_database_may_have_changed(flow: Flow) -> None:
    async with flow.platform.unit_of_work() as session:
        dataset = Dataset(
            space_id=flow.space_id,
            id="dst_1",
            name="orders",
            kind="postgres",
            settings=b"sealed",
            columns={},
            created_by=ACTOR,
            updated_by=ACTOR,
        )
        session.add(dataset)
        await session.flush()
        unknown = await resolve_definition(session, flow.space_id, QUERY, "USERS")
        assert [one.code for one in unknown.warnings] == [WarningCode.DATASET_NOT_CHECKED]
        dataset.columns = {"columns": [["id", "VARCHAR"], ["email", "VARCHAR"]]}
        await session.flush()
        assert await saved_definition(session, flow.space_id, QUERY, "USERS") == QUERY
        found = await resolve_definition(session, flow.space_id, QUERY, "USERS")
        (warning,) = resolution_warnings(found)
        assert (warning.code, found.certain) == (WarningCode.UNRESOLVED_NAME, False)
        assert "Did you mean email?" in warning.message
        # What runs in the database is not resolved here.
        inside = await resolve_definition(session, flow.space_id, "-- run in: orders\nSELECT", "")
        assert not inside.faults
        with pytest.raises(Invalid) as refused:
            await saved_definition(session, flow.space_id, "SELECT id FROM ordres", "USERS")
        assert "Did you mean orders?" in refused.value.problems[0].message
