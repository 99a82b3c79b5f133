"""Holdings of an activation: read, seeded and forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.api_extensions.desk import Desk


class TestHoldings:
    @pytest.mark.walk
    async def test_are_what_was_sent(self, desk: Desk) -> None:
        await desk.flow.members(range(5))
        activation = await desk.flow.activate(resync=True)
        await desk.flow.quiet(activation)
        seen: list[str] = []
        params: dict[str, Any] = {"pagination[count]": 2}
        while True:
            data = await desk.data("GET", desk.path(activation, "/holdings"), params=params)
            assert (data["held"], data["assumed"]) == (5, 0)
            seen += [row["key"] for row in data["holdings"]]
            if not data["pagination"].get("next"):
                break
            params["pagination[cursor]"] = data["pagination"]["next"]
        assert seen == [f"p{i}" for i in range(5)]
        assert data["holdings"][-1]["held"] == "yes"

    @pytest.mark.walk
    async def test_a_seed_says_what_is_there_and_the_next_sync_goes_from_it(
        self, desk: Desk
    ) -> None:
        await desk.flow.members(range(10))
        activation = await desk.flow.activate(enabled=True)
        await desk.flow.quiet(activation)
        rows = "profile_id,email\n" + "".join(f"p{i},p{i}@example.com\n" for i in range(5, 15))
        path = desk.path(activation, "/holdings")
        headers = {"Content-Type": "text/csv"}
        data = await desk.data("PUT", path, content=rows.encode(), headers=headers)
        assert data["holdings"] == {"held": 10, "assumed": 10}
        await desk.data("POST", desk.path(activation, "/syncs"))
        sync = await desk.flow.quiet(activation)
        assert (sync.entered, sync.exited) == (5, 5)
        assert (await desk.status(activation))["held"] == 10

    async def test_a_bad_seed_changes_nothing(self, desk: Desk) -> None:
        activation = await desk.flow.activate()
        headers = {"Content-Type": "text/csv"}
        path = desk.path(activation, "/holdings")
        found = await desk.refused("PUT", path, content=b"email\na@b.c\n", headers=headers)
        assert found["code"] == 422
        assert (await desk.status(activation))["held"] == 0

    @pytest.mark.walk
    async def test_forgotten_they_are_sent_again(self, desk: Desk) -> None:
        await desk.flow.members(range(3))
        activation = await desk.flow.activate()
        await desk.flow.quiet(activation)
        await desk.data("DELETE", desk.path(activation, "/holdings"))
        assert (await desk.status(activation))["held"] == 0
        await desk.data("POST", desk.path(activation, "/syncs"))
        assert (await desk.flow.quiet(activation)).entered == 3

    @pytest.mark.walk
    async def test_stay_as_they_are_while_a_sync_is_open(self, desk: Desk) -> None:
        activation, _ = await desk.hold()
        path = desk.path(activation, "/holdings")
        headers = {"Content-Type": "text/csv"}
        assert (await desk.refused("DELETE", path))["code"] == 409
        seeded = await desk.refused("PUT", path, content=b"profile_id\np1\n", headers=headers)
        assert seeded["code"] == 409
