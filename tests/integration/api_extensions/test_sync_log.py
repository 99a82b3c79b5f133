"""The log of the syncs of all activations, and the lists of activations by activity."""

from __future__ import annotations

import pytest

from tests.integration.api_extensions.desk import Desk


@pytest.mark.walk
async def test_the_log_has_all_syncs_newest_first_and_filters_them(desk: Desk) -> None:
    flow = desk.flow
    await flow.members(range(3))
    first = await flow.activate(resync=True)
    await flow.quiet(first)
    once = await flow.activate(resync=True, options={"frequency": {"type": "once"}})
    await flow.quiet(once)
    found = await desk.data("GET", "syncs")
    assert [one["sync"]["activationId"] for one in found["syncs"]] == [once, first]
    newest = found["syncs"][0]
    assert (newest["activationName"], newest["audienceName"], newest["destinationName"]) == (
        "Test",
        "Buyers",
        "Hook",
    )
    assert (newest["sync"]["delivered"], newest["sync"]["pending"]) == (3, 0)
    for query, expected in (
        (f"activationId={first}", [first]),
        (f"audienceId={flow.audience_id}", [once, first]),
        ("audienceId=aud_none", []),
        (f"destinationId={flow.destination_id}", [once, first]),
        ("status=complete", [once, first]),
        ("status=failed", []),
        ("since=2020-01-01T00:00:00Z", [once, first]),
        ("since=2120-01-01T00:00:00Z", []),
        ("rejected=true", []),
        ("pagination[count]=1", [once]),
    ):
        page = await desk.data("GET", f"syncs?{query}")
        assert [one["sync"]["activationId"] for one in page["syncs"]] == expected, query
    page = await desk.data("GET", "syncs?pagination[count]=1")
    page = await desk.data(
        "GET", f"syncs?pagination[count]=1&pagination[cursor]={page['pagination']['next']}"
    )
    assert [one["sync"]["activationId"] for one in page["syncs"]] == [first]
    for activity, expected in (
        ("active", [first]),
        ("finished", [once]),
        ("inactive", []),
        ("error", []),
    ):
        listed = await desk.data("GET", f"activations?activity={activity}")
        assert [one["id"] for one in listed["activations"]] == expected, (
            "a one-time send that was sent will not send again"
        )
        assert {one["activity"] for one in listed["activations"]} <= {activity}
    (sent,) = (await desk.data("GET", "summary"))["summary"]["finished"]
    assert (sent["activationId"], sent["delivered"], sent["rejected"]) == (once, 3, 0)
    assert sent["finishedAt"] is not None
    assert sent["leftOut"] == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("syncs?status=done", "status"),
        ("syncs?since=yesterday", "since"),
        ("syncs?rejected=1", "rejected"),
        ("activations?activity=all", "activity"),
    ],
)
async def test_a_wrong_filter_is_refused(desk: Desk, query: str, field: str) -> None:
    refused = await desk.refused("GET", query)
    assert (refused["code"], refused["field"]) == (422, field)
