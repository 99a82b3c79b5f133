"""The lists at a partner, read from the emulators, and the activations that write to them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.sandbox import Sandbox
from app.sandbox.talon_one import DEFAULT_KEY, DEFAULT_MANAGEMENT_KEY, TalonOneEmulator
from app.services.activations import partner_lists
from app.services.platform.platform import Platform
from app.storage.models import Activation, DestinationConnection
from tests.integration.api_extensions.conftest import Tenant
from tests.integration.api_extensions.factories import create_activation


async def create(api: httpx.AsyncClient, slug: str, **settings: Any) -> str:
    body = {"slug": slug, "name": slug, "settings": settings}
    response = await api.post("destinations", json=body)
    assert response.status_code == 200, response.text
    return str(response.json()["data"]["destination"]["id"])


async def read(api: httpx.AsyncClient, destination: str, query: str = "") -> dict[str, Any]:
    response = await api.get(f"destinations/{destination}/lists{query}")
    assert response.status_code == 200, response.text
    data: dict[str, Any] = response.json()["data"]
    return data


def words(response: httpx.Response) -> str:
    return str(response.json()["errors"][0]["message"])


class TestLists:
    @pytest.mark.walk
    async def test_of_klaviyo_are_read_to_the_end_and_paged_by_name(
        self, api: httpx.AsyncClient
    ) -> None:
        klaviyo = KlaviyoEmulator()
        for number in range(25):
            klaviyo.account.new_list(f"{'vip' if number % 2 else 'VIP'} {number:02} / ä")
        async with Sandbox([klaviyo]) as sandbox:
            destination = await create(
                api, "klaviyo", api_key="pk_sandbox", base_url=sandbox.urls["klaviyo"]
            )
            names, cursor, pages = [], "", 0
            while True:
                data = await read(api, destination, f"?pagination[count]=10{cursor}")
                names += [one["name"] for one in data["lists"]]
                pages += 1
                assert data["complete"]
                assert data["pagination"]["totalEntries"] == 25
                if "next" not in data["pagination"]:
                    break
                cursor = f"&pagination[cursor]={data['pagination']['next']}"
            assert klaviyo.stats()["violations"] == 0
        assert pages == 3
        assert names == sorted((one.name for one in klaviyo.account.lists.values()), key=str.lower)

    async def test_can_be_searched_by_part_of_a_name_or_id(self, api: httpx.AsyncClient) -> None:
        klaviyo = KlaviyoEmulator()
        klaviyo.account.new_list("Spring sale", "AbCdEf")
        klaviyo.account.new_list("Autumn", "GhIjKl")
        async with Sandbox([klaviyo]) as sandbox:
            destination = await create(
                api, "klaviyo", api_key="pk_sandbox", base_url=sandbox.urls["klaviyo"]
            )
            by_name = await read(api, destination, "?search=SALE")
            by_id = await read(api, destination, "?search=ghi")
        assert [one["id"] for one in by_name["lists"]] == ["AbCdEf"]
        assert [one["name"] for one in by_id["lists"]] == ["Autumn"]

    async def test_say_which_activations_write_to_them(
        self, api: httpx.AsyncClient, platform: Platform, tenant: Tenant
    ) -> None:
        klaviyo = KlaviyoEmulator()
        for list_id in ("Chosen", "Mapped", "Linked", "Own001", "Nobody", "Gone01"):
            klaviyo.account.new_list(list_id, list_id)
        async with Sandbox([klaviyo]) as sandbox:
            destination = await create(
                api, "klaviyo", api_key="pk_sandbox", base_url=sandbox.urls["klaviyo"]
            )
            mapping = {
                "actionId": "klaviyo-add-profile-to-list",
                "settings": {"list_id": "Mapped"},
            }
            configs: dict[str, dict[str, Any]] = {
                "Chosen": {"list": {"id": "Chosen"}},
                "Mapped": {"list": {"id": "Chosen"}, "destinationMapping": mapping},
                "Linked": {"connectionSettings": {"list_id": "Linked"}},
                "Own001": {},
                "Gone01": {"list": {"id": "Gone01"}},
            }
            scenes = {
                name: await create_activation(platform, tenant.space_id, destination, config=config)
                for name, config in configs.items()
            }
            async with platform.unit_of_work() as session:
                row = await session.get(
                    Activation, (tenant.space_id, scenes["Own001"].activation_id)
                )
                gone = await session.get(
                    Activation, (tenant.space_id, scenes["Gone01"].activation_id)
                )
                assert row is not None
                assert gone is not None
                gone.deleted_at = gone.created_at
                connection = await session.get(
                    DestinationConnection, (tenant.space_id, row.connection_id)
                )
                assert connection is not None
                connection.lists = {"list": "Own001"}
            data = await read(api, destination)
        users = {one["id"]: [use["activationId"] for use in one["usedBy"]] for one in data["lists"]}
        assert users == {
            **{name: [scene.activation_id] for name, scene in scenes.items()},
            "Nobody": [],
            "Gone01": [],
        }
        chosen = next(one for one in data["lists"] if one["id"] == "Chosen")["usedBy"][0]
        assert chosen["audienceId"] == scenes["Chosen"].audience_id
        assert (chosen["audienceName"], chosen["activationName"]) == ("Buyers", "Main")

    async def test_of_talon_one_are_its_audiences(self, api: httpx.AsyncClient) -> None:
        talon = TalonOneEmulator()
        talon.new_audience("VIP", "vip", 7)
        async with Sandbox([talon]) as sandbox:
            url = sandbox.urls["talon_one"]
            keys = {"api_key": DEFAULT_KEY, "base_url": url}
            destination = await create(
                api, "talon-one", **keys, management_key=DEFAULT_MANAGEMENT_KEY
            )
            without = await create(api, "talon-one", **keys)
            data = await read(api, destination)
            refused = await api.get(f"destinations/{without}/lists")
        assert [(one["id"], one["name"]) for one in data["lists"]] == [("7", "VIP")]
        assert refused.status_code == 409
        assert "needs a management key" in words(refused)

    async def test_are_not_there_where_the_destination_has_none(
        self, api: httpx.AsyncClient
    ) -> None:
        settings = {"rest_endpoint": "https://rest.iad-01.braze.com", "api_key": "k"}
        for slug, given in (("webhook", {"url": "https://x.example.com"}), ("braze", settings)):
            destination = await create(api, slug, **given)
            response = await api.get(f"destinations/{destination}/lists")
            assert response.status_code == 409
            assert "has no lists" in words(response)

    async def test_a_refused_key_is_said_in_the_partners_words(
        self, api: httpx.AsyncClient
    ) -> None:
        klaviyo = KlaviyoEmulator()
        async with Sandbox([klaviyo]) as sandbox:
            destination = await create(
                api, "klaviyo", api_key="pk_wrong", base_url=sandbox.urls["klaviyo"]
            )
            response = await api.get(f"destinations/{destination}/lists")
        assert response.status_code == 409
        assert "invalid or revoked" in words(response)

    async def test_a_partner_that_is_away_is_503(self, api: httpx.AsyncClient) -> None:
        klaviyo = KlaviyoEmulator()
        async with Sandbox([klaviyo]) as sandbox:
            destination = await create(
                api, "klaviyo", api_key="pk_sandbox", base_url=sandbox.urls["klaviyo"]
            )
            sandbox.faults.add({"kind": "status", "status": 503, "times": 1})
            response = await api.get(f"destinations/{destination}/lists")
        assert response.status_code == 503

    async def test_an_endless_account_is_read_up_to_a_bound(
        self, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        klaviyo = KlaviyoEmulator()
        for number in range(25):
            klaviyo.account.new_list(f"List {number:02}")
        monkeypatch.setattr(partner_lists, "MOST", 12)
        async with Sandbox([klaviyo]) as sandbox:
            destination = await create(
                api, "klaviyo", api_key="pk_sandbox", base_url=sandbox.urls["klaviyo"]
            )
            data = await read(api, destination)
        assert (len(data["lists"]), data["complete"]) == (12, False)
