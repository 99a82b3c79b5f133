"""The search for a profile in a space."""

from __future__ import annotations

import pytest

from app.domain.normalise import Normaliser, normalise
from app.services.reports import profile
from tests.integration.api_extensions.desk import Desk


@pytest.mark.walk
async def test_a_profile_is_found_by_its_id_and_by_its_address_in_any_case(desk: Desk) -> None:
    flow = desk.flow
    await flow.members(range(3))
    activation = await flow.activate(resync=True)
    await flow.quiet(activation)
    other = await flow.another_audience()
    await other.upload([{"profile_id": "x1", "email": " P1@Example.com "}])
    for sought in ("p1", "p1@example.com", "P1@EXAMPLE.COM"):
        found = (await desk.data("GET", f"profiles/{sought}"))["profile"]
        held = [
            (one["activationId"], one["isMember"], [key["held"] for key in one["held"]])
            for one in found["activations"]
        ]
        assert held == [(activation, True, ["yes"])], sought
        assert found["unsearched"] == 0
        names = {one["audienceName"]: one["profileId"] for one in found["memberships"]}
        ours = {"Buyers": "p1"}
        assert names == (ours if sought == "p1" else {**ours, "Others": "x1"}), sought
    (one,) = (await desk.data("GET", "profiles/p1"))["profile"]["memberships"]
    assert one["identifiers"] == {"email": ["p1@example.com"]}
    assert one["since"] == one["asOf"]
    assert one["sinceIsExact"] is True


@pytest.mark.parametrize(
    ("written", "sought"),
    [
        ("KİRA@example.com", "kİra@EXAMPLE.com"),
        ("\tnikos\u00a0", "nikos"),
        ("n1", "n1\u200b"),
        ("n1", "%09n1"),
    ],
)
async def test_blanks_and_capitals_are_compared_as_in_the_engine(
    desk: Desk, written: str, sought: str
) -> None:
    identifier = "email" if "@" in written else "user_id"
    await desk.flow.upload([{"profile_id": "p0", identifier: written}])
    found = (await desk.data("GET", f"profiles/{sought}"))["profile"]
    assert found["profileIds"] == ["p0"]


@pytest.mark.parametrize(
    ("sought", "how"), [(" P0@B\u00dcCHER.example", "email"), ("+49 (0) 170 1234567", "phone")]
)
def test_keys_are_sought_in_the_form_in_which_they_are_sent(sought: str, how: Normaliser) -> None:
    assert normalise(sought, how) in profile._sent_forms(sought)


@pytest.mark.walk
async def test_a_profile_that_left_is_found_where_it_is_still_held(desk: Desk) -> None:
    flow = desk.flow
    await flow.members(range(3))
    activation = await flow.activate(resync=True, mode="append")
    await flow.quiet(activation)
    await flow.members(range(1, 3))
    await flow.quiet(activation)
    found = (await desk.data("GET", "profiles/p0"))["profile"]
    assert found["memberships"] == []
    assert [(one["isMember"], len(one["held"])) for one in found["activations"]] == [(False, 1)]
    nobody = (await desk.data("GET", "profiles/' OR 'a'='a"))["profile"]
    assert (nobody["profileIds"], nobody["memberships"], nobody["activations"]) == ([], [], [])


@pytest.mark.walk
async def test_all_audiences_and_activations_are_searched_page_by_page(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profile, "PAGE", 2)
    flow = desk.flow
    await flow.members(range(3))
    held = [await flow.activate(resync=True) for _ in range(5)]
    for activation in held:
        await flow.quiet(activation)
    for name in ("One", "Two", "Three"):
        other = await flow.another_audience(name)
        await other.upload([{"profile_id": "p1", "email": "p1@example.com"}])
    found = (await desk.data("GET", "profiles/p1"))["profile"]
    assert [one["activationId"] for one in found["activations"]] == held
    assert all(one["held"] for one in found["activations"])
    assert {one["audienceName"] for one in found["memberships"]} == {
        "Buyers",
        "One",
        "Two",
        "Three",
    }
    searched = [found[key] for key in ("searchedAudiences", "searchedActivations", "unsearched")]
    assert searched == [4, 5, 0]
    # A search that comes to its limit says how many are left, also of pages that were never read.
    monkeypatch.setattr(profile, "_SECONDS", -1.0)
    stopped = (await desk.data("GET", "profiles/p1"))["profile"]
    searched = [stopped[key] for key in ("searchedAudiences", "searchedActivations", "unsearched")]
    assert searched == [0, 0, 9]
