"""Reports of dry runs have the values of identifiers that are not sent."""

from __future__ import annotations

import pytest

from app.storage.models import Sync
from tests.flow import Flow, eventually
from tests.integration.services.planning.test_dry_run import dry_run

pytestmark = pytest.mark.installation(worker=True)


@pytest.mark.walk
async def test_a_change_of_a_dry_run_says_what_is_not_sent_of_it(flow: Flow) -> None:
    await flow.upload([{"profile_id": "p1", "email": "p1@example.com", "phone": "0170 1234567"}])
    await flow.use_account("klaviyo", {"api_key": "pk_1234567890abcdef"})
    activation = await flow.activate(
        enabled=False,
        idSyncGiven=True,
        idSync=[
            {"externalId": "email", "strategy": "last"},
            {"externalId": "phone", "strategy": "last", "mapTo": "phone_number"},
        ],
    )
    sync_id = await dry_run(flow, activation, "resync")

    async def complete() -> Sync | None:
        found = [one for one in await flow.syncs(activation) if one.id == sync_id]
        return found[0] if found and found[0].report else None

    report = (await eventually(complete)).report
    assert report is not None
    (change,) = report["changes"]["entered"]
    assert change["identifiers"] == {"email": "p1@example.com"}
    assert change["notSent"] == [
        {
            "identifier": "phone",
            "value": "0170 1234567",
            "reason": "phone_without_country",
            "message": "phone number without country: choose a country",
        }
    ]
