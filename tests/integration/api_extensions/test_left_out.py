"""Who a sync or a dry run left out, page by page, and the arms of its split with their members."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.api_extensions.desk import Desk

SPLIT = [
    {"name": "A", "weight": 1},
    {"name": "B", "weight": 1},
    {"name": "none", "weight": 2, "sent": False},
]


def rows(count: int, **more: Any) -> list[dict[str, Any]]:
    return [
        {"profile_id": f"p{i:02}", "email": [f"p{i}@x.com"], "ok": i % 4 != 0, **more}
        for i in range(count)
    ]


async def everyone(desk: Desk, path: str, query: str = "") -> list[dict[str, Any]]:
    """All left-out members, three on a page."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = await desk.data("GET", f"{path}?pagination[count]=3{cursor}{query}")
        found += page["members"]
        following = page["pagination"].get("next")
        if following is None:
            return found
        cursor = f"&pagination[cursor]={following}"


@pytest.mark.walk
async def test_members_are_listed_with_reason_and_values_as_they_were_then(desk: Desk) -> None:
    await desk.flow.upload(rows(20))
    activation = await desk.flow.activate(resync=True, consent="ok")
    sync = await desk.flow.quiet(activation)
    assert sync.left_out == {"no_consent": 5}
    path = desk.path(activation, f"/syncs/{sync.id}/left-out")
    found = await everyone(desk, path)
    assert [one["memberId"] for one in found] == ["p00", "p04", "p08", "p12", "p16"]
    assert found[1] == {
        "memberId": "p04",
        "profileId": "p04",
        "reason": "no_consent",
        "message": "It has not given the consent that the activation requires.",
        "arm": None,
        "values": {"email": ["p4@x.com"], "ok": False},
        "key": None,
        "keyType": None,
        "keptBy": None,
    }
    await desk.flow.upload(rows(20, ok=True))
    await desk.flow.quiet(activation)
    assert await everyone(desk, path) == found, "the list stays that of this sync"
    page = await desk.data("GET", path)
    assert (page["counts"], page["unlisted"]) == ({"no_consent": 5}, [])
    assert await everyone(desk, path, "&reason=shared_key") == []
    assert (await desk.refused("GET", f"{path}?reason=bad"))["field"] == "reason"
    cursor = "WyJhIiwicDA0IiwiYmFkIl0="  # ["a", "p04", "bad"]
    refused = await desk.refused("GET", f"{path}?pagination[count]=3&pagination[cursor]={cursor}")
    assert refused["field"] == "pagination.cursor"
    assert (await desk.refused("GET", desk.path(activation, "/syncs/syn_none/left-out")))[
        "code"
    ] == 404


@pytest.mark.walk
async def test_arms_have_their_members_what_is_planned_and_who_is_left_out(desk: Desk) -> None:
    await desk.flow.upload(rows(60))
    activation = await desk.flow.activate(
        resync=True, consent="ok", split=SPLIT, splitProperty="arm"
    )
    sync = await desk.flow.quiet(activation)
    path = desk.path(activation, f"/syncs/{sync.id}")
    arms = (await desk.data("GET", f"{path}/arms"))["arms"]
    assert [(one["name"], one["share"], one["sent"]) for one in arms] == [
        ("A", 25.0, True),
        ("B", 25.0, True),
        ("none", 50.0, False),
    ]
    assert sum(one["members"] for one in arms) == 60
    assert sum(one["planned"] for one in arms) == sync.entered
    for one in arms:
        assert one["members"] == one["planned"] + sum(one["leftOut"].values())
    assert arms[2]["planned"] == 0
    assert {(one["listId"], one["listName"]) for one in arms} == {(None, None)}, "it has no lists"
    assert [one["delivered"] for one in arms] == [None] * 3, "the arms share a place"
    assert set(arms[2]["leftOut"]) == {"no_consent", "control"}
    members = await everyone(desk, f"{path}/left-out")
    by_arm = [sum(one["arm"] == arm["name"] for one in members) for arm in arms]
    assert by_arm == [sum(arm["leftOut"].values()) for arm in arms]
    plain = await desk.flow.activate(resync=True)
    without = await desk.flow.quiet(plain)
    assert (await desk.data("GET", desk.path(plain, f"/syncs/{without.id}/arms")))["arms"] == []
