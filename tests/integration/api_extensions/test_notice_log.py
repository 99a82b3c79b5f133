"""The log of notices."""

from __future__ import annotations

from app.storage.models import Notice
from tests.integration.api_extensions.desk import Desk


async def test_notices_are_listed_by_state_newest_first(desk: Desk) -> None:
    flow = desk.flow
    activation = await flow.activate()
    async with flow.platform.unit_of_work() as session:
        for number, (state, channel) in enumerate(
            (("sent", "email"), ("failed", "webhook"), ("sent", "email"))
        ):
            session.add(
                Notice(
                    space_id=flow.space_id,
                    id=f"ntc_{number}",
                    activation_id=activation,
                    event="failed",
                    channel=channel,
                    recipient=flow.destination_id if channel == "webhook" else "crm@example.com",
                    content={"activationName": "Test"},
                    state=state,
                    error="refused" if state == "failed" else None,
                )
            )
    found = await desk.data("GET", "notices")
    assert [one["id"] for one in found["notices"]] == ["ntc_2", "ntc_1", "ntc_0"]
    assert found["lastDay"] == {"new": 0, "sent": 2, "failed": 1}
    failed = (await desk.data("GET", "notices?state=failed"))["notices"]
    assert [(one["accountName"], one["error"], one["audienceId"]) for one in failed] == [
        ("Hook", "refused", flow.audience_id)
    ]
    for state in ("", "gone"):
        refused = await desk.api.get(f"notices?state={state}")
        assert refused.status_code == 422, refused.text
        assert "must be one of new, sent, failed" in refused.text
    first = await desk.data("GET", "notices?pagination[count]=2")
    cursor = first["pagination"]["next"]
    rest = await desk.data("GET", f"notices?pagination[count]=2&pagination[cursor]={cursor}")
    assert [one["id"] for one in rest["notices"]] == ["ntc_0"]
