"""The list of all activations of a space."""

from __future__ import annotations

from typing import Any

import httpx

from app.services.platform.platform import Platform
from app.storage.models import Activation, Sync
from tests.integration.api_extensions.conftest import Tenant
from tests.integration.api_extensions.factories import Scene, create_activation
from tests.integration.api_extensions.test_destinations import create as create_destination

FIELDS = {
    "id", "name", "activationType", "audience", "destination", "connectionId", "enabled", "state", "activity", "status",
    "frequency", "nextDueAt", "lastSyncedAt", "lastError", "held", "createdAt", "updatedAt",
}  # fmt: skip


async def listed(api: httpx.AsyncClient, query: str = "") -> list[dict[str, Any]]:
    response = await api.get(f"activations{query}")
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["data"]["activations"]
    return found


async def scenes_of(
    api: httpx.AsyncClient, platform: Platform, tenant: Tenant, count: int = 3
) -> list[Scene]:
    """Activations of different audiences to one account."""
    destination = (await create_destination(api))["id"]
    return [
        await create_activation(platform, tenant.space_id, destination, enabled=number != 1)
        for number in range(count)
    ]


async def change(platform: Platform, scene: Scene, **values: Any) -> None:
    async with platform.unit_of_work() as session:
        row = await session.get(Activation, (scene.space_id, scene.activation_id))
        assert row is not None
        for name, value in values.items():
            setattr(row, name, value)


async def add_sync(
    platform: Platform, scene: Scene, number: int, state: str, kind: str = "incremental"
) -> None:
    async with platform.unit_of_work() as session:
        session.add(
            Sync(
                space_id=scene.space_id,
                id=f"syn_{scene.activation_id}_{number}",
                activation_id=scene.activation_id,
                destination_id=scene.destination_id,
                number=number,
                kind=kind,
                trigger="run",
                state=state,
                opened_by="test",
            )
        )


class TestListActivations:
    async def test_shows_those_of_all_audiences_with_what_is_around_them(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant
    ) -> None:
        scenes = await scenes_of(api, platform, tenant)
        found = await listed(api)
        assert [one["id"] for one in found] == [scene.activation_id for scene in scenes]
        assert [one["audience"]["id"] for one in found] == [scene.audience_id for scene in scenes]
        first = found[0]
        assert set(first) == FIELDS
        assert first["destination"] == {
            "id": scenes[0].destination_id,
            "name": "Receiver",
            "slug": "webhook",
        }
        assert first["audience"]["name"] == "Buyers"
        assert (first["frequency"]["type"], first["held"]) == ("on_run", 0)

    async def test_can_be_asked_for_the_active_the_inactive_and_those_in_error(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant
    ) -> None:
        scenes = await scenes_of(api, platform, tenant)
        await scenes[2].pause_by_account(platform)
        ids = [scene.activation_id for scene in scenes]
        for state, expected in (("active", ids[:1]), ("inactive", ids[1:2]), ("error", ids[2:])):
            assert [one["id"] for one in await listed(api, f"?state={state}")] == expected
        paused = (await listed(api, "?state=error"))[0]
        assert paused["status"] == "Disabled"
        assert paused["lastError"]["message"] == "The key was refused."
        for unknown in ("asleep", ""):
            refused = await api.get(f"activations?state={unknown}")
            assert refused.status_code == 422
            assert refused.json()["errors"][0]["field"] == "state"

    async def test_can_be_narrowed_to_an_audience_an_account_and_a_name(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant
    ) -> None:
        scenes = await scenes_of(api, platform, tenant)
        other = (await scenes_of(api, platform, tenant, count=1))[0]
        await change(platform, scenes[1], name="100% Spring")
        await change(platform, scenes[2], deleted_at=None, name="1000 spring")
        by_audience = await listed(api, f"?audienceId={scenes[1].audience_id}")
        by_account = await listed(api, f"?destinationId={other.destination_id}")
        by_name = await listed(api, "?search=0%25 sPR")
        assert [one["id"] for one in by_audience] == [scenes[1].activation_id]
        assert [one["id"] for one in by_account] == [other.activation_id]
        assert [one["id"] for one in by_name] == [scenes[1].activation_id]

    async def test_pages_hold_each_once_and_count_what_was_asked_for(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant
    ) -> None:
        scenes = await scenes_of(api, platform, tenant, count=5)
        found: list[str] = []
        cursor = ""
        while True:
            data = (await api.get(f"activations?state=active&pagination[count]=2{cursor}")).json()[
                "data"
            ]
            assert data["pagination"]["totalEntries"] == 4
            found += [one["id"] for one in data["activations"]]
            if "next" not in data["pagination"]:
                break
            cursor = f"&pagination[cursor]={data['pagination']['next']}"
        assert found == [scene.activation_id for n, scene in enumerate(scenes) if n != 1]

    async def test_the_newest_sync_that_tells_gives_the_word(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant
    ) -> None:
        scenes = await scenes_of(api, platform, tenant)
        await add_sync(platform, scenes[0], 1, "failed")
        await add_sync(platform, scenes[0], 2, "complete")
        await add_sync(platform, scenes[0], 3, "superseded")
        await add_sync(platform, scenes[0], 4, "new", kind="dry_run")
        await add_sync(platform, scenes[1], 1, "complete")
        await add_sync(platform, scenes[1], 2, "held")
        await add_sync(platform, scenes[2], 1, "complete", kind="baseline")
        assert [one["status"] for one in await listed(api)] == ["Complete", "Pending", "New"]

    async def test_one_that_was_removed_is_not_listed(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant
    ) -> None:
        scenes = await scenes_of(api, platform, tenant)
        response = await api.delete(scenes[0].path)
        assert response.status_code == 200
        assert len(await listed(api)) == 2

    async def test_nothing_of_another_space_is_listed(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant, stranger: Tenant
    ) -> None:
        await scenes_of(api, platform, tenant)
        theirs = await api.get(
            f"http://service/spaces/{stranger.space_id}/activations",
            headers={"Authorization": f"Bearer {stranger.token}"},
        )
        assert theirs.json()["data"]["activations"] == []
