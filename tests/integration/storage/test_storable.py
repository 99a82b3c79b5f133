"""Any text can be written to rows: what PostgreSQL refuses is replaced."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import JSON, String, literal, select, update

from app.connectors.base import Receipts, Refusal
from app.connectors.errors import ConnectorError
from app.core import clock
from app.domain.call_progress import read_progress
from app.services.delivery.call_results import CallResults
from app.services.delivery.receipts import delivered_batch
from app.storage.engine import Database, open_database
from app.storage.models import AudiencePreview, Base, Batch, Space, Workspace
from app.storage.models.base import JSONB, EnumText, StorableText

ODD = "a\0b\ud800c😀"
STORED = "a\ufffdb\ufffdc😀"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = open_database(database_url)
    yield opened
    await opened.close()


async def test_text_and_json_of_all_statements_can_be_stored(database: Database) -> None:
    odd = {ODD: [ODD, float("nan"), 2**70, {"\\u0000": 1.5}]}
    stored = {STORED: [STORED, None, 2**70, {"\\u0000": 1.5}]}
    async with database.sessions() as session:
        session.add(Workspace(id="ws_odd", slug="odd", name=ODD))
        await session.flush()
        session.add(Space(id="spa_odd", workspace_id="ws_odd", slug="odd", name=ODD))
        await session.flush()
        preview = AudiencePreview(
            space_id="spa_odd", id="pre_odd", audience_type="USERS", query=ODD, options=odd,
            status="RUNNING", attempts=0, created_at=clock.now(),
        )  # fmt: skip
        session.add(preview)
        await session.flush()
        await session.refresh(preview)
        assert (preview.query, preview.options) == (STORED, stored)
        await session.execute(
            update(AudiencePreview).values(failure_reason=ODD, size=literal(odd, JSONB))
        )
        found = (await session.scalars(select(AudiencePreview))).all()
        await session.refresh(preview)
        assert (preview.failure_reason, preview.size) == (STORED, stored)
        assert found == [preview]
        same = select(AudiencePreview.id).where(AudiencePreview.query == ODD)
        assert await session.scalar(same) == "pre_odd"
        await session.rollback()


def test_each_column_of_text_replaces_what_cannot_be_stored() -> None:
    columns = [column for table in Base.metadata.tables.values() for column in table.columns]
    kinds = {type(column.type) for column in columns}
    assert {kind for kind in kinds if issubclass(kind, String)} == set()
    assert {StorableText, EnumText} <= kinds
    assert any(issubclass(kind, JSON) for kind in kinds), "for these the engine has the serializer"


def test_words_of_a_partner_can_be_stored() -> None:
    assert ConnectorError(ODD).message == STORED
    assert Refusal(ODD, ODD).message == STORED
    batch = Batch(number=1)
    receipts = Receipts(partner_ids={0: ODD}, identities={0: {"email": ODD}})
    stored = {"partnerIds": {"0": STORED}, "identities": {"0": {"email": STORED}}}
    assert json.loads(delivered_batch(batch, receipts).receipts) == stored
    results = CallResults(batch, read_progress(None), {})
    results.confirm((0, 1), receipts)
    assert json.loads(results.recorded().receipts) == json.loads(results.kept().receipts) == stored
