"""Revisions of an activation."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from app.core.pagination import Position
from tests.flow import Flow
from tests.stepping import Hand

pytestmark = pytest.mark.installation(worker=True)


@pytest.fixture(autouse=True)
async def signed_in(flow: Flow, client: httpx.AsyncClient) -> None:
    """Give the client a token of the installation's workspace."""
    await flow.sign_in(client)


async def data(response: httpx.Response) -> Any:
    assert response.status_code == 200, response.text
    return response.json()["data"]


@pytest.mark.parametrize(("before", "status"), [("1", 200), ("2", 200), ("9" * 12, 422)])
async def test_a_cursor_may_be_anywhere(
    flow: Flow, client: httpx.AsyncClient, before: str, status: int
) -> None:
    activation = await flow.activate(enabled=False)
    path = f"audiences/{flow.audience_id}/activations/{activation}/revisions"
    cursor = Position("after", (before,)).encode()
    page = {"pagination.count": "2", "pagination.cursor": cursor}
    response = await client.get(path, params=page)
    assert response.status_code == status, response.text
    if before == "1":
        assert response.json()["data"]["revisions"] == []


@pytest.mark.walk
async def test_a_test_send_delivers_no_revision(flow: Flow, client: httpx.AsyncClient) -> None:
    await flow.members(range(3))
    activation = await flow.activate(enabled=False)
    path = f"audiences/{flow.audience_id}/activations/{activation}"
    sent = await data(await client.post(f"{path}/test-sends", json={"profileId": "p1"}))
    assert sent["testSend"]["status"] == "delivered"
    assert (await data(await client.get(f"{path}/revisions")))["delivered"] is None


async def test_another_order_of_columns_is_a_change(flow: Flow, client: httpx.AsyncClient) -> None:
    columns = {"action": "action", "email": "email"}
    mapping = {"actionId": "any", "settings": {"columns": columns}}
    activation = await flow.activate(enabled=False, destinationMapping=mapping)
    other = {"actionId": "any", "settings": {"columns": dict(reversed(columns.items()))}}
    await Hand(flow).configure(activation, destinationMapping=other)
    path = f"audiences/{flow.audience_id}/activations/{activation}/revisions"
    newest, _ = (await data(await client.get(path)))["revisions"]
    assert newest["changed"] == ["destinationMapping"]
