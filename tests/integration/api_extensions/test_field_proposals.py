"""Proposals for the fields of an action over the API."""

from __future__ import annotations

from typing import Any

import httpx

from tests.integration.api_extensions.desk import Desk
from tests.integration.api_extensions.test_partner_lists import create


async def _account(api: httpx.AsyncClient) -> str:
    return await create(api, "klaviyo", api_key="pk_sandbox", base_url="http://127.0.0.1:9")


async def test_columns_are_proposed_by_their_usual_names(desk: Desk) -> None:
    path = f"audiences/{desk.flow.audience_id}/field-proposals/{await _account(desk.api)}"
    found = (await desk.data("GET", path))["proposals"]
    assert found["actionId"] == "klaviyo-add-profile-to-list"
    assert not any(one["column"] for one in found["fields"]), "it has not been computed"
    await desk.flow.upload(
        [{"profile_id": "p1", "email": "a@x.com", "Vorname": "Ada", "last_name": "L"}]
    )
    found = (await desk.data("GET", path))["proposals"]
    fields: dict[str, Any] = {one["key"]: one for one in found["fields"]}
    assert fields["first_name"] == {
        "key": "first_name",
        "label": "First name",
        "column": "Vorname",
        "readByDefault": False,
        "mapping": {"@path": "$.traits.Vorname"},
    }
    last = fields["last_name"]
    assert (last["column"], last["readByDefault"], last["mapping"]) == ("last_name", True, None)
    assert fields["title"]["column"] is None
    other = await desk.flow.another_audience()
    await other.upload([{"profile_id": "p1", "title": "Dr"}])
    more = (await desk.data("GET", f"{path}?audienceIds={other.audience_id}"))["proposals"]
    assert {one["key"]: one["column"] for one in more["fields"]}["title"] == "title"


async def test_an_unknown_action_is_refused_with_the_known_ones(
    api: httpx.AsyncClient, audience: str
) -> None:
    path = f"audiences/{audience}/field-proposals"
    klaviyo = await _account(api)
    refused = await api.get(f"{path}/{klaviyo}?actionId=nope")
    assert refused.status_code == 422
    assert "klaviyo-upsert-profile" in refused.text
    removal = await api.get(f"{path}/{klaviyo}?actionId=klaviyo-remove-profile-from-list")
    assert removal.json()["data"]["proposals"]["fields"] == []
    assert (await api.get(f"{path}/66be7aeca665bd11f8908630")).status_code == 404
