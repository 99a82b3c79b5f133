"""Reach: how many members each destination can take, after runs and before an activation exists."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from app.core.ids import new_hex_id, new_id
from app.services.accounts.settings import seal_settings
from app.services.platform.platform import Platform
from app.snapshots.plans import reach as engine
from app.storage.models import Audience, Destination, DestinationConnection, Space, Sync
from tests.flow import ACTOR, Flow, installation
from tests.stepping import stepped

ROWS: list[dict[str, Any]] = [
    {"profile_id": "p1", "email": "a@x.com", "user_id": "u1", "agreed": True},
    {"profile_id": "p2", "email": "b@x.com", "user_id": None, "agreed": False},
    {"profile_id": "p3", "email": "A@x.com", "user_id": "u3", "agreed": True},
    {"profile_id": "p4", "email": None, "user_id": "u4", "agreed": True},
]


@dataclass
class Desk:
    flow: Flow
    api: httpx.AsyncClient
    klaviyo_id: str

    async def reach(self, query: str = "", audience: str | None = None) -> dict[str, Any]:
        response = await self.ask(query, audience)
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()["data"]["reach"]
        return found

    async def ask(self, query: str = "", audience: str | None = None) -> httpx.Response:
        return await self.api.get(f"audiences/{audience or self.flow.audience_id}/reach{query}")

    async def connect(self) -> str:
        """The audience to Klaviyo."""
        connection_id = new_id("ii")
        async with self.flow.platform.unit_of_work() as session:
            session.add(
                DestinationConnection(
                    space_id=self.flow.space_id,
                    id=connection_id,
                    audience_id=self.flow.audience_id,
                    destination_id=self.klaviyo_id,
                    id_sync=[{"externalId": "email", "strategy": "last"}],
                    id_sync_given=True,
                )
            )
        return connection_id

    async def another_audience(self, rows: list[dict[str, Any]] | None) -> str:
        audience_id = new_id("aud")
        async with self.flow.platform.unit_of_work() as session:
            session.add(
                Audience(
                    space_id=self.flow.space_id,
                    id=audience_id,
                    name="Others",
                    key=audience_id.lower(),
                    enabled=True,
                    audience_type="USERS",
                    query="",
                    created_by=ACTOR,
                    updated_by=ACTOR,
                )
            )
        if rows is not None:
            own, self.flow.audience_id = self.flow.audience_id, audience_id
            await self.flow.upload(rows)
            self.flow.audience_id = own
        return audience_id


@pytest.fixture
async def desk(platform: Platform, client: httpx.AsyncClient) -> AsyncIterator[Desk]:
    async with installation(platform) as flow:
        klaviyo_id = new_hex_id()
        async with platform.unit_of_work() as session:
            space = await session.get(Space, flow.space_id)
            assert space is not None
            session.add(
                Destination(
                    space_id=flow.space_id,
                    id=klaviyo_id,
                    slug="klaviyo",
                    name="Shop",
                    settings=seal_settings(
                        platform.keyring, space.workspace_id, klaviyo_id, {"api_key": "pk_x"}
                    ),
                    created_by=ACTOR,
                    updated_by=ACTOR,
                )
            )
        await flow.sign_in(client)
        yield Desk(stepped(flow), client, klaviyo_id)


class TestReach:
    async def test_is_told_for_every_connected_destination(self, desk: Desk) -> None:
        connection = await desk.connect()
        run = await desk.flow.upload(ROWS)
        reach = await desk.reach()
        assert (reach["size"], reach["runId"], reach["snapshotId"]) == (4, run.id, run.snapshot_id)
        hook, shop = sorted(reach["destinations"], key=lambda row: str(row["slug"]), reverse=True)
        assert (hook["slug"], hook["size"], hook["reachable"], hook["leftOut"]) == (
            "webhook",
            4,
            4,
            {},
        )
        assert (shop["connectionId"], shop["activationId"]) == (connection, None)
        assert (shop["size"], shop["reachable"]) == (4, 2)
        assert shop["leftOut"] == {"no_identifier": 1, "shared_key": 1}

    @pytest.mark.walk
    async def test_of_an_activation_is_what_its_plan_has_counted(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        split = [
            {"name": "a", "weight": 1, "sent": True},
            {"name": "b", "weight": 1, "sent": False},
        ]
        activation = await desk.flow.activate(resync=True, consent="agreed", split=split)
        await desk.flow.upload(ROWS)
        sync = await desk.flow.quiet(activation)
        async with desk.flow.platform.unit_of_work() as session:
            row = await session.get(Sync, (desk.flow.space_id, sync.id))
            assert row is not None
            # What was refused once may be taken again: it is counted by syncs, not here.
            row.left_out = {**row.left_out, "refused_before": 1}
        counted = (await desk.reach())["destinations"][0]
        assert counted["activationId"] == activation
        assert (counted["reachable"], counted["leftOut"]) == (sync.wanted, sync.left_out)
        assert counted["leftOut"]["no_consent"] == 1
        # The engine, which is asked where no plan has counted, says the same.
        calls: list[int] = []
        monkeypatch.setattr(
            "app.services.reports.reach.ReachQueries.planned", lambda *_: _nothing(calls)
        )
        assert (await desk.reach())["destinations"][0] == counted
        assert calls

    @pytest.mark.walk
    async def test_after_an_earlier_run_is_what_the_plan_of_that_run_has_counted(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        activation = await desk.flow.activate(resync=True)
        first = await desk.flow.upload(ROWS)
        await desk.flow.quiet(activation)
        await desk.flow.upload(ROWS[:1])
        await desk.flow.quiet(activation)
        monkeypatch.setattr("app.services.reports.reach.count_reach", None)
        assert (await desk.reach(f"?runId={first.id}"))["destinations"][0]["reachable"] == 4
        assert (await desk.reach())["destinations"][0]["reachable"] == 1

    @pytest.mark.walk
    async def test_can_be_asked_for_after_an_earlier_run(self, desk: Desk) -> None:
        await desk.connect()
        first = await desk.flow.upload(ROWS)
        await desk.flow.upload(ROWS[:1])
        reach = await desk.reach(f"?runId={first.id}")
        assert (reach["size"], reach["runId"]) == (4, first.id)
        assert {row["reachable"] for row in reach["destinations"]} == {4, 2}
        assert (await desk.reach())["size"] == 1
        unknown = await desk.ask("?runId=run_unknown")
        assert unknown.status_code == 404

    async def test_of_a_destination_is_estimated_before_it_is_connected(self, desk: Desk) -> None:
        await desk.flow.upload(ROWS)
        (row,) = (await desk.reach(f"?destinationId={desk.klaviyo_id}"))["destinations"]
        assert (row["connectionId"], row["destinationName"]) == (None, "Shop")
        # By Klaviyo's own list: e-mail, else user id.
        assert (row["size"], row["reachable"], row["leftOut"]) == (4, 3, {"shared_key": 1})
        await desk.connect()
        (row,) = (await desk.reach(f"?destinationId={desk.klaviyo_id}"))["destinations"]
        assert row["reachable"] == 2

    @pytest.mark.walk
    async def test_of_several_audiences_is_that_of_their_union(self, desk: Desk) -> None:
        other = await desk.another_audience(
            [*ROWS[:1], {"profile_id": "p9", "email": "z@x.com", "user_id": None, "agreed": True}]
        )
        await desk.flow.upload(ROWS)
        query = f"?destinationId={desk.klaviyo_id}&audienceIds={other}"
        (row,) = (await desk.reach(query))["destinations"]
        assert row["audienceIds"] == [desk.flow.audience_id, other]
        assert (row["size"], row["reachable"]) == (5, 4)

    @pytest.mark.walk
    async def test_of_an_activation_of_several_audiences_is_that_of_their_union(
        self, desk: Desk
    ) -> None:
        other = await desk.another_audience([{"profile_id": "p9", "email": None}])
        activation = await desk.flow.activate(enabled=False)
        await desk.flow.upload(ROWS)
        path = f"audiences/{desk.flow.audience_id}/activations/{activation}/delivery-options"
        changed = await desk.api.patch(path, json={"audiences": [other]})
        assert changed.status_code == 200, changed.text
        reach = await desk.reach()
        (row,) = reach["destinations"]
        assert (reach["size"], row["size"], row["reachable"]) == (4, 5, 5)

    async def test_is_unknown_until_the_first_run(self, desk: Desk) -> None:
        reach = await desk.reach()
        assert (reach["size"], reach["snapshotId"]) == (None, None)
        assert reach["destinations"][0]["reachable"] is None
        asked = await desk.ask(f"?destinationId={desk.klaviyo_id}")
        assert asked.status_code == 409
        assert "not been computed" in asked.text

    async def test_what_does_not_fit_is_named(self, desk: Desk) -> None:
        await desk.flow.upload(ROWS)
        shop = f"destinationId={desk.klaviyo_id}"
        for query, status, field in (
            ("?audienceIds=aud_x", 422, "audienceIds"),
            (f"?{shop}&audienceIds=aud_x", 422, "audienceIds"),
            ("?destinationId=nobody", 404, None),
        ):
            response = await desk.ask(query)
            assert response.status_code == status, response.text
            assert response.json()["errors"][0].get("field") == field

    async def test_one_way_of_choosing_keys_is_counted_once(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(3):
            await desk.flow.activate(enabled=False)
        await desk.flow.upload(ROWS)
        counted = []

        def count(*given: Any) -> engine.Reach:
            counted.append(given)
            return engine.count_reach(*given)

        monkeypatch.setattr("app.services.reports.reach.count_reach", count)
        assert len((await desk.reach())["destinations"]) == 3
        assert len(counted) == 1


async def _nothing(calls: list[int]) -> None:
    calls.append(1)
