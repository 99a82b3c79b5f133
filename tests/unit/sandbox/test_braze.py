"""The emulated Braze workspace: responses as the types of the package ``braze-api`` describe them, and its behaviours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.sandbox.braze import DEFAULT_GROUP, DEFAULT_KEY, BrazeEmulator
from app.sandbox.sandbox import Sandbox

TIME = "2026-01-01T00:00:00Z"


@pytest.fixture
def partner() -> BrazeEmulator:
    return BrazeEmulator(limits=False)


@pytest.fixture
async def http(partner: BrazeEmulator) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        Sandbox([partner]) as sandbox,
        httpx.AsyncClient(
            base_url=sandbox.urls["braze"],
            headers={"authorization": f"Bearer {DEFAULT_KEY}"},
            trust_env=False,
        ) as client,
    ):
        yield client


async def post(http: httpx.AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    response = await http.post(path, json=body)
    assert response.is_success, response.text
    found: dict[str, Any] = response.json()
    return found


async def test_users_are_exported_as_they_were_tracked(http: httpx.AsyncClient) -> None:
    tracked = await post(
        http,
        "/users/track",
        attributes=[{"external_id": "u1", "email": "A@x.io", "first_name": "Ann", "vip": True}],
        events=[{"external_id": "u1", "name": "seen", "time": TIME}],
        purchases=[{"external_id": "u1", "product_id": "p", "price": 1, "time": TIME}],
    )
    assert tracked == {
        "message": "success",
        "attributes_processed": 1,
        "events_processed": 1,
        "purchases_processed": 1,
    }
    found = await post(http, "/users/export/ids", external_ids=["u1", "u9"])
    assert (found["message"], found["invalid_user_ids"]) == ("success", ["u9"])
    (user,) = found["users"]
    assert (user["external_id"], user["email"], user["first_name"]) == ("u1", "A@x.io", "Ann")
    assert user["custom_attributes"] == {"vip": True}
    assert user["custom_events"][0]["name"] == "seen"
    assert user["purchases"][0]["name"] == "p"
    fields = ["external_id", "dob"]
    some = await post(http, "/users/export/ids", email_address="a@X.io", fields_to_export=fields)
    assert some["users"] == [{"external_id": "u1"}]


async def test_an_address_of_several_users_names_the_one_with_an_external_id(
    http: httpx.AsyncClient, partner: BrazeEmulator
) -> None:
    await post(http, "/users/track", attributes=[{"email": "a@x.io", "n": 1}])
    rows = [{"external_id": name, "email": "a@x.io"} for name in ("u1", "u2")]
    await post(http, "/users/track", attributes=rows)
    assert len(partner.users) == 3
    await post(http, "/users/track", attributes=[{"email": "a@x.io", "vip": True}])
    assert [one["external_id"] for one in partner.members("vip") or ()] == ["u2"]
    group = {"subscription_group_id": DEFAULT_GROUP, "subscription_state": "subscribed"}
    path = "/v2/subscription/status/set"
    await post(http, path, subscription_groups=[{**group, "emails": ["A@x.io"]}])
    assert len(partner.members(DEFAULT_GROUP) or ()) == 3


async def test_groups_of_a_user(http: httpx.AsyncClient) -> None:
    await post(http, "/users/track", attributes=[{"external_id": "u1", "email": "a@x.io"}])
    await post(
        http,
        "/subscription/status/set",
        subscription_group_id=DEFAULT_GROUP,
        subscription_state="unsubscribed",
        external_id=["u1", "unknown"],
    )
    parameters = {"subscription_group_id": DEFAULT_GROUP, "email": "a@x.io"}
    states = (await http.get("/subscription/status/get", params=parameters)).json()
    assert states == {"status": {"a@x.io": "Unsubscribed"}, "message": "success"}
    found = (await http.get("/subscription/user/status?external_id[]=u1")).json()
    assert (found["message"], found["total_count"]) == ("success", 1)
    (user,) = found["users"]
    assert (user["external_id"], user["email"], user["phone"]) == ("u1", "a@x.io", None)
    assert user["subscription_groups"] == [
        {
            "id": DEFAULT_GROUP,
            "name": "Sandbox group",
            "channel": "email",
            "status": "Unsubscribed",
        }
    ]


async def test_aliases_are_identified_and_users_merged_and_deleted(
    http: httpx.AsyncClient, partner: BrazeEmulator
) -> None:
    alias = {"alias_name": "n", "alias_label": "l"}
    made = await post(http, "/users/alias/new", user_aliases=[alias])
    assert made["aliases_processed"] == 1
    await post(http, "/users/track", attributes=[{"user_alias": alias, "vip": True}])
    await post(http, "/users/track", attributes=[{"external_id": "u1", "n": 1}])
    pairs = [{"external_id": "u1", "user_alias": alias}]
    identified = await post(http, "/users/identify", aliases_to_identify=pairs)
    assert identified == {"aliases_processed": 1, "message": "success"}
    (user,) = partner.users.values()
    assert (user.identity, user.attributes) == (
        {"external_id": "u1", "user_alias": "l:n"},
        {"vip": True, "n": 1},
    )
    await post(http, "/users/track", attributes=[{"external_id": "u2", "n": 2, "phone": "+15"}])
    pair = {
        "identifier_to_merge": {"external_id": "u2"},
        "identifier_to_keep": {"external_id": "u1"},
    }
    await post(http, "/users/merge", merge_updates=[pair])
    (user,) = partner.users.values()
    assert (user.identity["phone"], user.attributes["n"]) == ("+15", 1)
    deleted = await post(http, "/users/delete", external_ids=["u1", "u2"])
    assert (deleted["deleted"], partner.users) == (1, {})


async def test_long_values_are_cut_and_large_objects_are_dropped(
    http: httpx.AsyncClient, partner: BrazeEmulator
) -> None:
    row = {
        "external_id": "u1",
        "text": "x" * 300,
        "many": list(range(600)),
        "object": {"x": "y" * 100_001},
    }
    done = await post(http, "/users/track", attributes=[row])
    assert done == {"message": "success", "attributes_processed": 1}
    (user,) = partner.users.values()
    assert (len(user.attributes["text"]), len(user.attributes["many"])) == (255, 500)
    assert "object" not in user.attributes


async def test_what_is_dropped_without_an_error_and_what_is_queued(
    http: httpx.AsyncClient, partner: BrazeEmulator
) -> None:
    await post(http, "/_control/braze/uncounted", ids=["u2"])
    rows = [{"external_id": name, "vip": True} for name in ("u1", "u2")]
    assert await post(http, "/users/track", attributes=rows) == {
        "message": "success",
        "attributes_processed": 1,
    }
    await post(http, "/_control/braze/settings", queues=True)
    queued = await http.post("/users/track", json={"attributes": rows})
    assert (queued.status_code, queued.json()) == (202, {"message": "queued"})
    later = [{"external_id": "u3", "vip": True}]
    await post(http, "/users/track", attributes=later)
    assert [one["external_id"] for one in partner.members("vip") or ()] == ["u1"]
    await post(http, "/_control/braze/settings", queues=False)
    assert [one["external_id"] for one in partner.members("vip") or ()] == ["u1", "u3"]


async def test_a_key_without_the_permission(http: httpx.AsyncClient) -> None:
    await post(http, "/_control/braze/keys", key="few", permissions=["users.track"])
    headers = {"authorization": "Bearer few"}
    refused = await http.post("/users/export/ids", json={"external_ids": ["u1"]}, headers=headers)
    assert (refused.status_code, refused.json()) == (
        401,
        {"message": "Error authorizing API key"},
    )
