"""Helpers for tests of files: an export folder in memory, and runs of a connector."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from app.connectors.base import Call, ConnectorTools, Delivery, Receipts
from app.connectors.destinations.file_export.connector import DownloadConnector, FileConnector
from app.connectors.destinations.file_export.settings import DownloadSettings
from tests.unit.connectors.create import create_tools


class Exports:
    """An export folder that keeps the published files."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.order: list[str] = []

    async def publish(self, key: str, local_path: str) -> None:
        self.files[key] = await asyncio.to_thread(Path(local_path).read_bytes)
        self.order.append(key)

    def data(self) -> bytes:
        (key,) = [key for key in self.files if not key.endswith(".manifest.json")]
        return self.files[key]

    def manifest(self) -> dict[str, Any]:
        (key,) = [key for key in self.files if key.endswith(".manifest.json")]
        found: dict[str, Any] = json.loads(self.files[key])
        return found


def is_empty(folder: Path) -> bool:
    return not any(folder.iterdir())


async def chunked(rows: Sequence[Delivery], size: int = 2) -> AsyncIterator[Sequence[Delivery]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


async def run(connector: FileConnector, call: Call, rows: Sequence[Delivery]) -> Receipts:
    if connector.wants_members(call):
        receipts = await connector.replace(call, chunked(rows))
    else:
        receipts = await connector.deliver_all(call, chunked(rows))
    assert isinstance(receipts, Receipts)
    return receipts


async def download(
    scratch: Path, call: Call, rows: Sequence[Delivery], **settings: Any
) -> tuple[Exports, Receipts]:
    exports = Exports()
    async with create_tools() as tools:
        local = ConnectorTools(http=tools.http, exports=exports, scratch=str(scratch))
        connector = DownloadConnector(DownloadSettings.model_validate(settings), local)
        receipts = await run(connector, call, rows)
    assert is_empty(scratch)
    return exports, receipts
