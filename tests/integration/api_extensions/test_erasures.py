"""Erasures over HTTP: begun, repeated, listed, read; datasets and former contents."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.integration.api_extensions.desk import Desk
from tests.integration.services.erasure.leaks import NAMES, carried_out, leaks

CSV = {"Content-Type": "text/csv"}
ROWS = b"customer_id,email,note\np-ada-17,ada@example.com,x\np-3,grace@example.com,for Ada@example.com\n"


async def put(api: httpx.AsyncClient, path: str, content: bytes) -> None:
    response = await api.put(path, content=content, headers=CSV)
    assert response.status_code == 200, response.text


@pytest.mark.walk
async def test_datasets_and_their_former_contents(desk: Desk) -> None:
    made = await desk.data("POST", "datasets", json={"name": "orders", "kind": "upload"})
    path = f"datasets/{made['dataset']['id']}"
    await put(desk.api, f"{path}/content", ROWS)
    await put(desk.api, f"{path}/content", ROWS.replace(b"x\n", b"y\n"))
    erasure = (await desk.data("DELETE", "profiles/email:ada@example.com"))["erasure"]
    assert (erasure["status"], erasure["refuse"]) == ("new", False)
    again = (await desk.data("DELETE", "profiles/email:ADA@example.com"))["erasure"]
    assert again["id"] == erasure["id"]
    await carried_out(desk.flow, erasure["id"])
    done = (await desk.data("GET", f"erasures/{erasure['id']}"))["erasure"]
    assert done["status"] == "complete"
    assert done["finishedAt"]
    counts: dict[str, dict[str, Any]] = {one["place"]: one for one in done["found"]}
    for place in ("datasets", "formerContents"):
        assert (counts[place]["rows"], counts[place]["values"]) == (1, 1)
    assert await leaks(desk.flow, *NAMES) == []
    dataset = (await desk.data("GET", path))["dataset"]
    assert dataset["rows"] == 1
    listed = await desk.data("GET", "erasures")
    assert [one["id"] for one in listed["erasures"]] == [erasure["id"]]


async def test_requests_at_once_begin_one_erasure(desk: Desk) -> None:
    found = await asyncio.gather(*(desk.data("DELETE", "profiles/p-ada-17") for _ in range(4)))
    assert len({one["erasure"]["id"] for one in found}) == 1
    assert len((await desk.data("GET", "erasures"))["erasures"]) == 1


async def test_refusals_name_the_field(desk: Desk) -> None:
    found = await desk.refused("DELETE", "profiles/p1", params={"refuse": "maybe"})
    assert (found["code"], found["field"]) == (422, "refuse")
    assert (await desk.refused("GET", "erasures/ers_none"))["code"] == 404
    assert (await desk.refused("DELETE", "refusedKeys/p1"))["code"] == 404
