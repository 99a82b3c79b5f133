"""Why a destination does not have a profile."""

from __future__ import annotations

from tests.integration.api_extensions.desk import Desk


async def test_an_explanation_says_why_a_profile_is_not_held(desk: Desk) -> None:
    flow = desk.flow
    await flow.members(range(2))
    activation = await flow.activate(enabled=False)
    path = desk.path(activation, "/profiles/p1")
    reasons = (await desk.data("GET", path))["profile"]["notHeld"]
    assert [one["code"] for one in reasons] == ["disabled"]
    gone = (await desk.data("GET", desk.path(activation, "/profiles/nobody")))["profile"]
    assert [one["code"] for one in gone["notHeld"]] == ["not_a_member"]
    sent = await flow.activate(resync=True)
    await flow.quiet(sent)
    assert (await desk.data("GET", desk.path(sent, "/profiles/p1")))["profile"]["notHeld"] == []
