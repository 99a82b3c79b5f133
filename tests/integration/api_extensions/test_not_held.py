"""Why a destination does not have a profile."""

from __future__ import annotations

import pytest

from tests.integration.api_extensions.desk import Desk


@pytest.mark.walk
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


async def test_a_profile_whose_identifier_another_member_has_is_not_announced(desk: Desk) -> None:
    flow = desk.flow
    await flow.upload(
        [
            {"profile_id": "p1", "email": "ann@example.com"},
            {"profile_id": "p2", "email": "Ann@Example.com"},
        ]
    )
    await flow.use_account("klaviyo", {"api_key": "pk_1234567890abcdef"})
    activation = await flow.activate(enabled=False)
    found = (await desk.data("GET", desk.path(activation, "/profiles/p2")))["profile"]
    assert found["leftOut"] == {"shared_key": 1}
    assert [one["code"] for one in found["notHeld"]] == ["shared_key", "disabled"]
    first = (await desk.data("GET", desk.path(activation, "/profiles/p1")))["profile"]
    assert (first["leftOut"], first["notHeld"][0]["code"]) == ({}, "disabled")
    (one,) = (await desk.data("GET", "profiles/p2"))["profile"]["activations"]
    assert one["notHeld"] == found["notHeld"]


async def test_a_search_says_why_destinations_do_not_have_a_profile(desk: Desk) -> None:
    await desk.flow.upload([{"profile_id": "p1", "ok": True}, {"profile_id": "p2", "ok": False}])
    activation = await desk.flow.activate(resync=True, consent="ok")
    await desk.flow.quiet(activation)
    for profile_id, codes in (("p1", []), ("p2", ["no_consent"])):
        (one,) = (await desk.data("GET", f"profiles/{profile_id}"))["profile"]["activations"]
        assert [reason["code"] for reason in one["notHeld"]] == codes
