"""Refused keys: an erased person is left out of later uploads, changes and datasets; only HMACs are stored."""

from __future__ import annotations

import httpx
import pytest

from tests.flow import Flow
from tests.integration.services.erasure.leaks import ADA, GRACE, erase, leaks

pytestmark = pytest.mark.installation(stepped=True)


@pytest.mark.walk
async def test_uploads_leave_the_person_out_until_it_is_accepted_again(
    flow: Flow, client: httpx.AsyncClient
) -> None:
    activation = await flow.activate(resync=True)
    await flow.upload([ADA, GRACE])
    await flow.quiet(activation)
    await erase(flow, refuse=True)
    run = await flow.upload([{**ADA, "profile_id": "p-other"}, {"profile_id": "P-ADA-17"}, GRACE])
    await flow.quiet(activation)
    assert (run.members, run.refused) == (1, 2)
    assert flow.received(activation) == {"p-grace-3"}
    await flow.sign_in(client)
    members = f"audiences/{flow.audience_id}/members"
    add = {"add": [{"profile_id": "p9", "phone": "+49 151 12345678"}, {"profile_id": "p10"}]}
    assert (await client.patch(members, json=add)).status_code == 200
    await flow.quiet(activation)
    assert flow.received(activation) == {"p-grace-3", "p10"}
    table = await client.post("datasets", json={"name": "orders", "kind": "upload"})
    content = f"datasets/{table.json()['data']['dataset']['id']}/content"
    rows = b"email,amount\nada@example.com,3\ngrace@example.com,4\n"
    put = await client.put(content, content=rows, headers={"Content-Type": "text/csv"})
    assert put.json()["data"]["dataset"]["rows"] == 1, put.text
    assert put.json()["data"]["dataset"]["reading"]["skipped"] == {"refused_key": 1}
    assert (await client.delete("refusedKeys/p-ada-17")).status_code == 200
    assert (await client.delete("refusedKeys/p-ada-17")).status_code == 404
    await flow.upload([{"profile_id": "p-ada-17"}])
    await flow.quiet(activation)
    assert flow.received(activation) == {"p-ada-17"}


@pytest.mark.walk
async def test_only_digests_are_stored(flow: Flow) -> None:
    await flow.upload([ADA, GRACE])
    await erase(flow, "p-ada-17", refuse=True)
    assert await leaks(flow) == []
    assert await flow.platform.hot.fetchval("SELECT count(*) FROM refused_key") == 3
