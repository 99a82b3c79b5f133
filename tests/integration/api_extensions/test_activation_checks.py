"""Checks of saved activations, and the number of warnings in the responses that save them."""

from __future__ import annotations

import pytest

from tests.integration.api_extensions.desk import Desk
from tests.integration.api_extensions.test_audience_checks import HEADER, warnings


@pytest.mark.walk
async def test_a_name_that_means_two_columns(desk: Desk) -> None:
    await desk.flow.upload(
        [{"profile_id": "p1", "First Name": "Ann", "firstName": "Ann", "Plan": "gold"}]
    )
    mapping = {
        "actionId": "webhook-send",
        "settings": {
            "data": {"hello": {"@template": "Hi {{traits.first_name}}"}},
            "more": {"plan": {"@path": "$.traits.plan"}},
        },
    }
    activation = await desk.flow.activate(
        properties=["plan", "first-name", "firstName", "unknown"],
        destinationMapping=mapping,
        consent="FIRST.NAME",
    )
    path = desk.path(activation)
    found = await warnings(desk.api, path)
    others = [(one["code"], one["field"]) for one in found if one["code"] != "ambiguous_trait"]
    assert others == [
        ("unknown_trait", "personalization.profile.properties.3"),
        ("unknown_field", "/destinationMapping/settings/more"),
    ]
    found = [one for one in found if one["code"] == "ambiguous_trait"]
    assert [one["field"] for one in found] == [
        "personalization.profile.properties.1",
        "/destinationMapping/settings/data",
        "consent",
    ]
    assert "First Name, firstName" in found[0]["message"]
    saved = await desk.api.patch(path, json={"activationName": "Other"})
    assert saved.headers[HEADER] == "5"


async def test_notices_by_mail_without_a_mail_server(desk: Desk) -> None:
    activation = await desk.flow.activate()
    path = desk.path(activation)
    assert await warnings(desk.api, path) == []
    wanted = {"notifications": {"on": ["failed"], "emails": ["ops@example.com"]}}
    assert (await desk.api.patch(f"{path}/delivery-options", json=wanted)).status_code == 200
    (found,) = await warnings(desk.api, path)
    assert (found["code"], found["field"]) == ("mail_without_smtp", "notifications.emails")
    assert "Set ACTIVATIONS_SMTP_URL" in found["message"]
