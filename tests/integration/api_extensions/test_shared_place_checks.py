"""Activations at one place, as the API names them: in checks, in the status, and in the number of warnings of a save."""

from __future__ import annotations

from app.sandbox.braze import DEFAULT_KEY
from tests.integration.api_extensions.desk import Desk
from tests.integration.api_extensions.test_audience_checks import HEADER, warnings

ATTRIBUTE = {"attribute_name": "loyal"}
GROUP = {"segment_id": "11111111-1111-1111-1111-111111111111"}


async def test_checks_and_status_name_the_activations_at_a_place(desk: Desk) -> None:
    endpoint = {"rest_endpoint": "https://rest.iad-01.braze.com"}
    await desk.flow.use_account("braze", {"api_key": DEFAULT_KEY, **endpoint})
    one = await desk.flow.activate(enabled=False, connectionSettings=ATTRIBUTE)
    assert await warnings(desk.api, desk.path(one)) == []
    other = await desk.flow.activate(enabled=False, connectionSettings={**ATTRIBUTE, **GROUP})
    third = await desk.flow.activate(enabled=False, connectionSettings=GROUP)
    found = await warnings(desk.api, desk.path(one))
    assert [(each["code"], each["field"]) for each in found] == [
        ("shared_place", "connectionSettings")
    ]
    assert (
        f"Test ({other}, space {desk.flow.space_id}) also writes to the attribute loyal."
        in (found[0]["message"])
    )
    shared = (await desk.status(one))["sharedWith"]
    assert shared == [
        {
            "spaceId": desk.flow.space_id,
            "audienceId": desk.flow.audience_id,
            "activationId": other,
            "name": "Test",
        }
    ]
    partly = await warnings(desk.api, desk.path(third))
    assert "the group 11111111" in partly[0]["message"]
    assert "(this activation writes to more than that)" in partly[0]["message"]
    saved = await desk.api.patch(desk.path(other), json={"activationName": "Other"})
    assert saved.headers[HEADER] == "2"
