"""The connector's requests, read with the models of Klaviyo's official client."""

from __future__ import annotations

import asyncio

import pytest

from app.connectors.base import Pending
from app.connectors.destinations.klaviyo.connector import KlaviyoConnector
from app.connectors.destinations.klaviyo.settings import KlaviyoSettings
from app.domain.changes import ChangeKind
from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.sandbox import Sandbox
from tests.unit.connectors.create import create_call, create_delivery, create_tools
from tests.unit.sandbox.klaviyo.models import check_requests

LIST = "AbCdEf"
FIELDS = {
    "first_name": "Ann",
    "location": {"city": "Bonn", "zip": 53111, "latitude": 50.7},
    "properties": {"plan": "gold", "n": 1, "when": None},
}


async def test_all_requests_of_the_connector_fit_the_models() -> None:
    partner = KlaviyoEmulator(job_seconds=0)
    partner.account.new_list("VIP", LIST)
    partner.refused["p3@example.com"] = "not taken"
    async with Sandbox([partner]) as sandbox, create_tools() as tools:
        settings = KlaviyoSettings.model_validate(
            {"api_key": "pk_sandbox", "base_url": sandbox.urls["klaviyo"]}
        )
        connector = KlaviyoConnector(settings, tools)
        for count, kind in (
            (2, ChangeKind.ENTERED),
            (12, ChangeKind.ENTERED),
            (12, ChangeKind.EXITED),
        ):
            rows = [
                create_delivery(
                    f"p{number}@example.com",
                    key_type="email",
                    identifiers={"email": f"p{number}@example.com", "external_id": f"u{number}"},
                    fields=FIELDS,
                    kind=kind,
                )
                for number in range(count)
            ]
            call = create_call(kind=kind, target=LIST)
            result = await connector.deliver(call, rows)
            while isinstance(result, Pending):
                await asyncio.sleep(0)
                result = await connector.resume(call, rows, result.handle)
        await connector.check({"list_id": LIST})
        await connector.create_list("New", "reference")
        assert [one async for one in connector.list_lists()]
        assert [one async for one in connector.members(LIST)]
        assert check_requests(sandbox.recorder.listed("klaviyo", 1_000)) > 10
        assert partner.violations == []


def test_a_field_that_the_models_do_not_know_is_found() -> None:
    body = '{"data":{"type":"profile","attributes":{"email":"a@example.com","nickname":"A"}}}'
    request = {"method": "POST", "url": "/api/profile-import", "body": body}
    with pytest.raises(AssertionError):
        check_requests([request])
