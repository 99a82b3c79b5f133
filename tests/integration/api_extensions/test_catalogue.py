"""The catalogue: what the account of each destination needs, and what to do if it does not work."""

from __future__ import annotations

import httpx

from app.connectors import registry
from app.services.accounts import settings_inputs

CATALOGUE = "http://service/catalogue"


async def test_the_catalogue_has_what_the_console_shows_of_each_destination(
    api: httpx.AsyncClient,
) -> None:
    response = await api.get(CATALOGUE)
    assert response.status_code == 200, response.text
    found = response.json()["data"]["destinations"]
    assert [one["slug"] for one in found] == [one.slug for one in registry.definitions()]
    for one in found:
        definition = registry.get(one["slug"]).definition
        assert [(remedy["seen"], remedy["action"]) for remedy in one["troubleshooting"]] == [
            (remedy.seen, remedy.action) for remedy in definition.troubleshooting
        ]
        inputs = settings_inputs(registry.get(one["slug"]))
        assert [(setting["name"], setting["required"]) for setting in one["settings"]] == [
            (setting.name, setting.is_required) for setting in inputs
        ]
        assert [identifier["externalId"] for identifier in one["identifiers"]] == [
            identifier.external_id for identifier in definition.default_id_sync
        ]
        assert (one["changesPerCall"], one["costUnit"]) == (
            definition.max_rows,
            definition.cost_unit,
        )
        alone = (await api.get(f"{CATALOGUE}/{one['slug']}")).json()["data"]["destination"]
        assert alone == one


async def test_an_account_needs_the_settings_that_the_catalogue_calls_required(
    api: httpx.AsyncClient,
) -> None:
    for one in (await api.get(CATALOGUE)).json()["data"]["destinations"]:
        required = {
            f"settings.{setting['name']}" for setting in one["settings"] if setting["required"]
        }
        if not required:
            continue
        body = {"slug": one["slug"], "name": "Empty", "settings": {}}
        refused = await api.post("destinations", json=body)
        assert refused.status_code == 422, one["slug"]
        assert {error["field"] for error in refused.json()["errors"]} == required, one["slug"]


async def test_a_destination_is_found_by_an_alias_and_an_unknown_one_is_not(
    api: httpx.AsyncClient,
) -> None:
    found = (await api.get(f"{CATALOGUE}/actions-webhook")).json()["data"]["destination"]
    assert found["slug"] == "webhook"
    unknown = await api.get(f"{CATALOGUE}/webhok")
    assert unknown.status_code == 404
    assert "Did you mean" in unknown.json()["errors"][0]["message"]
    assert (await api.get(CATALOGUE, headers={"Authorization": ""})).status_code == 401
