"""The emulated Talon.One deployment: the fields that the official clients' models require, and its behaviours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

import httpx
import pytest

from app.connectors.destinations.talon_one.connector import TalonOneConnector
from app.connectors.destinations.talon_one.settings import TalonOneSettings
from app.sandbox.sandbox import Sandbox
from app.sandbox.talon_one import DEFAULT_KEY, DEFAULT_MANAGEMENT_KEY, TalonOneEmulator
from tests.unit.connectors.create import create_tools

KEY = {"authorization": f"ApiKey-v1 {DEFAULT_KEY}"}
MANAGEMENT = {"authorization": f"ManagementKey-v1 {DEFAULT_MANAGEMENT_KEY}"}

#: Required fields of the models in github.com/talon-one/talon-one-python-sdk, with their types.
AUDIENCE = {"accountId": int, "id": int, "created": datetime, "name": str}
PROFILE = {
    "id": int,
    "created": datetime,
    "integrationId": str,
    "accountId": int,
    "closedSessions": int,
    "totalSales": (int, float),
    "lastActivity": datetime,
}
UPDATE = {"effects": list, "createdCoupons": list, "createdReferrals": list}
API_ERROR = {"title": str, "source": dict}


def check_model(entry: Mapping[str, Any], model: Mapping[str, Any]) -> None:
    for name, kind in model.items():
        value = entry[name]
        if kind is datetime:
            value = datetime.fromisoformat(value)
        assert isinstance(value, kind), (name, value)


@pytest.fixture
def partner() -> TalonOneEmulator:
    emulator = TalonOneEmulator(limits=False)
    emulator.new_audience("VIP", "ii_0", 7)
    return emulator


@pytest.fixture
async def sandbox(partner: TalonOneEmulator) -> AsyncIterator[Sandbox]:
    async with Sandbox([partner]) as running:
        yield running


@pytest.fixture
async def http(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=sandbox.urls["talon_one"], headers=KEY, trust_env=False
    ) as client:
        yield client


async def test_responses_have_the_fields_that_the_models_require(http: httpx.AsyncClient) -> None:
    made = await http.post("/v2/audiences", json={"name": "New", "integrationId": "seg"})
    check_model(made.json(), AUDIENCE)
    check_model((await http.put("/v2/audiences/7", json={"name": "Renamed"})).json(), AUDIENCE)
    changes = {"audiencesChanges": {"adds": [7], "deletes": []}, "attributes": {"tier": "gold"}}
    updated = (await http.put("/v2/customer_profiles/u%2F1", json=changes)).json()
    check_model(updated, UPDATE)
    check_model(updated["customerProfile"], PROFILE)
    assert updated["customerProfile"]["integrationId"] == "u/1"
    assert updated["customerProfile"]["audienceMemberships"] == [{"id": 7, "name": "Renamed"}]
    listed = (await http.get("/v1/audiences", headers=MANAGEMENT)).json()
    for audience in listed["data"]:
        check_model(audience, AUDIENCE)
    members = (await http.get("/v1/audiences/7/memberships", headers=MANAGEMENT)).json()
    check_model(members["data"][0], PROFILE)
    inventory = (await http.get("/v1/customer_profiles/u%2F1/inventory")).json()
    assert inventory["profile"]["attributes"] == {"tier": "gold"}


async def test_errors_have_the_fields_that_the_models_require(http: httpx.AsyncClient) -> None:
    for call in (
        http.post("/v2/audiences", json={"name": ""}),
        http.post("/v2/customer_audiences", json={"data": [{"action": "remove"}]}),
        http.put("/v2/customer_profiles", json={"customerProfiles": [{}]}),
    ):
        refused = await call
        assert (refused.status_code, refused.json()["StatusCode"]) == (400, 400)
        for one in refused.json()["errors"]:
            check_model(one, API_ERROR)
            assert len(set(one["source"]) & {"pointer", "parameter", "line"}) == 1
    unknown = await http.delete("/v2/audiences/99/memberships")
    assert (unknown.status_code, unknown.json()["message"]) == (404, "audience not found")


async def test_several_profiles_and_all_members(
    http: httpx.AsyncClient, partner: TalonOneEmulator
) -> None:
    rows = [{"integrationId": f"u{n}", "attributes": {"n": n}} for n in range(3)]
    silent = await http.put("/v2/customer_profiles", json={"customerProfiles": rows})
    assert silent.status_code == 204
    told = await http.put("/v2/customer_profiles?silent=no", json={"customerProfiles": rows})
    for state in told.json()["integrationStates"]:
        check_model(state["customerProfile"], PROFILE)
    adds = [{"action": "add", "profileIntegrationId": f"u{n}", "audienceId": 7} for n in range(3)]
    await http.post("/v2/customer_audiences", json={"data": adds})
    await http.put("/v2/audience_customers/7/attributes", json={"attributes": {"n": None}})
    assert partner.profiles["u1"] == {}
    counted = await http.get("/v1/audiences/analytics?audienceIds=7,99", headers=MANAGEMENT)
    assert counted.json()["data"] == [{"audienceId": 7, "membersCount": 3}]
    exported = await http.get("/v1/audiences/7/memberships/export", headers=MANAGEMENT)
    assert exported.text.split() == ["profileintegrationid", "u0", "u1", "u2"]
    assert (await http.delete("/v2/audiences/7/memberships")).status_code == 204
    assert partner.members("7") == []


async def test_either_the_total_or_the_next_page_is_told(http: httpx.AsyncClient) -> None:
    for _ in range(2):
        await http.post("/v2/audiences", json={"name": "One more"})
    plain = (await http.get("/v1/audiences?pageSize=2", headers=MANAGEMENT)).json()
    assert (plain["hasMore"], plain["totalResultSize"], len(plain["data"])) == (False, 3, 2)
    path = "/v1/audiences?pageSize=2&withTotalResultSize=true"
    flagged = (await http.get(path, headers=MANAGEMENT)).json()
    assert (flagged["hasMore"], flagged["totalResultSize"]) == (True, 0)


async def test_the_connector_reads_all_audiences_although_none_says_that_there_are_more(
    sandbox: Sandbox, partner: TalonOneEmulator
) -> None:
    for number in range(8, 1_010):
        partner.new_audience(f"A{number}", f"ii_{number}", number)
    settings = TalonOneSettings.model_validate(
        {
            "api_key": DEFAULT_KEY,
            "management_key": DEFAULT_MANAGEMENT_KEY,
            "base_url": sandbox.urls["talon_one"],
        }
    )
    async with create_tools() as tools:
        found = [one async for one in TalonOneConnector(settings, tools).list_lists()]
    assert len(found) == 1_003
