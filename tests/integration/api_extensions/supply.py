"""Supplied members, over the API."""

from __future__ import annotations

import io
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq

from app.services.audiences.recompute import recompute_audience
from app.services.platform.platform import Platform
from tests.integration.api_extensions.conftest import Tenant

CSV = {"Content-Type": "text/csv"}


NDJSON = {"Content-Type": "application/x-ndjson"}


PARQUET = {"Content-Type": "application/vnd.apache.parquet"}


PEOPLE = b"profile_id,email,city\np1,ada@example.com,London\np2,bob@example.com,\n"


async def upload(
    api: httpx.AsyncClient, audience: str, content: bytes, headers: dict[str, str] = CSV
) -> httpx.Response:
    return await api.put(f"audiences/{audience}/members", content=content, headers=headers)


async def computed(platform: Platform, tenant: Tenant, response: httpx.Response) -> dict[str, Any]:
    """Carry out the run of a response."""
    assert response.status_code == 200, response.text
    run: dict[str, Any] = response.json()["data"]["run"]
    await recompute_audience(platform, tenant.space_id, run["id"], lane="test")
    return run


async def supply(
    api: httpx.AsyncClient, platform: Platform, tenant: Tenant, audience: str, content: bytes
) -> None:
    await computed(platform, tenant, await upload(api, audience, content))


def parquet(**columns: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


async def member(api: httpx.AsyncClient, audience: str, profile: str) -> dict[str, Any]:
    response = await api.get(f"audiences/{audience}/members/{profile}")
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()["data"]["membership"]
    return found


def scratch_files(platform: Platform) -> list[str]:
    folder = platform.engine.scratch_file("").parent
    return [path.name for path in folder.iterdir() if path.is_file()]


def lines(ids: list[str]) -> bytes:
    return "".join(f'"{member_id}"\n' for member_id in ids).encode()
