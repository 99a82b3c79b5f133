"""The emulated Talon.One deployment: the fields that the official clients' models require, and its behaviours."""

from __future__ import annotations

from collections.abc import AsyncIterator
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

#: The fields that the models of github.com/talon-one/talon-one-python-sdk (docs/<model>.md, version 26.2) do not call
#: optional, with their types; and those of the operations that wrap them. A list has one model for its entries.
MEMBERSHIP = {"id": int, "name": str}  # AudienceMembership
AUDIENCE = {"accountId": int, "id": int, "created": datetime, "name": str}
PROFILE = {  # CustomerProfile
    "id": int,
    "created": datetime,
    "integrationId": str,
    "accountId": int,
    "closedSessions": int,
    "totalSales": (int, float),
    "lastActivity": datetime,
    "audienceMemberships": [MEMBERSHIP],
}
UPDATE = {  # CustomerProfileIntegrationResponseV2
    "effects": list,
    "createdCoupons": list,
    "createdReferrals": list,
    "customerProfile": PROFILE,
}
AUDIENCES = {"hasMore": bool, "data": [AUDIENCE]}  # GetAudiences200Response
MEMBERS = {"hasMore": bool, "data": [PROFILE]}  # GetAudienceMemberships200Response
COUNTS = {
    "hasMore": bool,
    "data": [{"audienceId": int, "membersCount": int}],
}  # GetAudiencesAnalytics200Response
STATES = {
    "integrationStates": [{"customerProfile": PROFILE}]
}  # MultipleCustomerProfileIntegrationResponseV2
INVENTORY = {"profile": PROFILE}  # CustomerInventory
API_ERROR = {"title": str, "source": dict}
ERROR = {"message": str, "StatusCode": int, "errors": [API_ERROR]}  # ErrorResponseWithStatus

_NEW = {"name": "New", "integrationId": "seg"}
_ADD = {"data": [{"action": "add", "profileIntegrationId": "u/1", "audienceId": 7}]}
_ROWS = {"customerProfiles": [{"integrationId": "u/1", "attributes": {"n": 1}}]}
_CHANGES = {"audiencesChanges": {"adds": [7], "deletes": []}, "attributes": {"tier": "gold"}}
#: Every operation of the emulator, in an order in which all succeed; then refusals.
OPERATIONS: list[tuple[str, str, Any, int, Any]] = [
    ("GET", "/v2/authping", None, 204, None),
    ("POST", "/v2/audiences", _NEW, 201, AUDIENCE),
    ("PUT", "/v2/audiences/7", {"name": "Renamed"}, 200, AUDIENCE),
    ("PUT", "/v2/customer_profiles/u%2F1", _CHANGES, 200, UPDATE),
    ("POST", "/v2/customer_audiences", _ADD, 204, None),
    ("PUT", "/v2/customer_profiles", _ROWS, 204, None),
    ("PUT", "/v2/customer_profiles?silent=no", _ROWS, 200, STATES),
    ("PUT", "/v2/audience_customers/7/attributes", {"attributes": {"n": 2}}, 204, None),
    ("GET", "/v1/audiences", None, 200, AUDIENCES),
    ("GET", "/v1/audiences/analytics?audienceIds=7", None, 200, COUNTS),
    ("GET", "/v1/audiences/7/memberships", None, 200, MEMBERS),
    ("GET", "/v1/customer_profiles/u%2F1/inventory", None, 200, INVENTORY),
    ("DELETE", "/v2/audiences/7/memberships", None, 204, None),
    ("DELETE", "/v2/audiences/7", None, 204, None),
    ("POST", "/v2/audiences", _NEW, 409, ERROR),
    ("POST", "/v2/audiences", {"name": ""}, 400, ERROR),
    ("POST", "/v2/customer_audiences", {"data": [{"action": "remove"}]}, 400, ERROR),
    ("PUT", "/v2/customer_profiles", {"customerProfiles": [{}]}, 400, ERROR),
    ("PUT", "/v2/audiences/99", {"name": "x"}, 404, ERROR),
    ("DELETE", "/v2/audiences/99/memberships", None, 404, ERROR),
    ("GET", "/v1/nothing", None, 404, ERROR),
]


def check_model(entry: Any, model: Any, where: str = "") -> None:
    """Check that each required field is there and has the type of the model, at any depth."""
    if isinstance(model, dict):
        assert isinstance(entry, dict), (where, entry)
        for name, kind in model.items():
            assert name in entry, (where, name)
            check_model(entry[name], kind, f"{where}.{name}")
    elif isinstance(model, list):
        assert isinstance(entry, list), (where, entry)
        for one in entry:
            check_model(one, model[0], f"{where}[]")
    else:
        value = datetime.fromisoformat(entry) if model is datetime else entry
        assert isinstance(value, model), (where, entry)


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


async def test_each_response_has_the_fields_that_its_model_requires(
    http: httpx.AsyncClient,
) -> None:
    for method, path, body, status, model in OPERATIONS:
        key = MANAGEMENT if path.startswith("/v1/audiences") else KEY
        response = await http.request(method, path, json=body, headers=key)
        where = f"{method} {path}"
        assert response.status_code == status, (where, response.text)
        if model is None:
            assert response.content == b"", where
        else:
            check_model(response.json(), model, where)
        if model is ERROR:
            for one in response.json()["errors"]:
                assert len(set(one["source"]) & {"pointer", "parameter", "line"}) == 1


async def test_a_profile_shows_its_audiences_and_attributes(http: httpx.AsyncClient) -> None:
    updated = (await http.put("/v2/customer_profiles/u%2F1", json=_CHANGES)).json()
    assert updated["customerProfile"]["integrationId"] == "u/1"
    assert updated["customerProfile"]["audienceMemberships"] == [{"id": 7, "name": "VIP"}]
    inventory = (await http.get("/v1/customer_profiles/u%2F1/inventory")).json()
    assert inventory["profile"]["attributes"] == {"tier": "gold"}
    unknown = await http.delete("/v2/audiences/99/memberships")
    assert unknown.json()["message"] == "audience not found"


async def test_several_profiles_and_all_members(
    http: httpx.AsyncClient, partner: TalonOneEmulator
) -> None:
    rows = [{"integrationId": f"u{n}", "attributes": {"n": n}} for n in range(3)]
    silent = await http.put("/v2/customer_profiles", json={"customerProfiles": rows})
    assert silent.status_code == 204
    told = await http.put("/v2/customer_profiles?silent=no", json={"customerProfiles": rows})
    assert len(told.json()["integrationStates"]) == 3
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
