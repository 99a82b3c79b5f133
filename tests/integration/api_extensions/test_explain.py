"""The explanation of why a profile was delivered or not."""

from __future__ import annotations

import pytest

from tests.integration.api_extensions.desk import Desk


class TestExplain:
    @pytest.mark.walk
    async def test_tells_the_whole_way_of_a_profile(self, desk: Desk) -> None:
        await desk.flow.members(range(3))
        activation = await desk.flow.activate(resync=True)
        await desk.flow.quiet(activation)
        await desk.flow.members(range(1, 3))
        await desk.flow.quiet(activation)
        gone = (await desk.data("GET", desk.path(activation, "/profiles/p0")))["profile"]
        assert gone["memberships"][0]["member"] is False
        assert [turn["member"] for turn in gone["memberships"][0]["history"]] == [False, True]
        assert [(event["kind"], event["disposition"]) for event in gone["history"]] == [
            ("entered", "delivered"),
            ("exited", "delivered"),
        ]
        assert gone["history"][0]["attempts"][0]["httpStatus"] in (200, 202, 204)
        there = (await desk.data("GET", desk.path(activation, "/profiles/p1")))["profile"]
        assert there["memberships"][0]["row"]["identifiers"] == {"email": ["p1@example.com"]}
        assert [key["key"] for key in there["wanted"]] == ["p1"]
        assert [(key["key"], key["held"]) for key in there["held"]] == [("p1", "yes")]
        assert gone["held"] == []
        assert [turn["member"] for turn in there["memberships"][0]["history"]] == [True]
        nobody = (await desk.data("GET", desk.path(activation, "/profiles/nobody")))["profile"]
        assert (nobody["wanted"], nobody["history"]) == ([], [])

    async def test_shows_what_the_mapping_makes_of_it(self, desk: Desk) -> None:
        await desk.flow.members(range(2))
        mapping = {"data": {"mail": {"@path": "$.traits.email"}}}
        activation = await desk.flow.activate(resync=True, destinationMapping={"settings": mapping})
        await desk.flow.quiet(activation)
        found = (await desk.data("GET", desk.path(activation, "/profiles/p1")))["profile"]
        assert found["wanted"][0]["fields"]["data"] == {"mail": "p1@example.com"}
        assert found["wanted"][0]["unmapped"] is None
