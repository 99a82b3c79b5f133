"""An export that is cut, because the worker stops or has lost its lease, while a thread writes rows."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from app.connectors.base import ConnectorTools
from app.connectors.destinations.file_export import export
from app.connectors.destinations.file_export.connector import DownloadConnector
from app.connectors.destinations.file_export.settings import DownloadSettings
from tests.unit.connectors.create import create_call, create_delivery, create_tools
from tests.unit.connectors.file_export.create import Exports, is_empty, run

ROWS = [create_delivery(f"p{number}") for number in range(4)]


class SlowFile:
    """A file whose library must not be called from two threads at once: it would crash the worker."""

    changed_cells = 0

    def __init__(self, path: Path) -> None:
        self.begun, self.release = threading.Event(), threading.Event()
        self.is_written = self.was_closed_in_use = self.is_closed = False
        self._path = path

    def write(self, _: Sequence[Sequence[Any]]) -> None:
        self.is_written = True
        self.begun.set()
        self.release.wait(10)
        self._path.write_text("rows")
        self.is_written = False

    def __exit__(self, *_: object) -> None:
        self.was_closed_in_use |= self.is_written
        self.is_closed = True


async def test_no_file_is_closed_while_a_thread_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: list[SlowFile] = []

    def open_slow(path: Path, *_: object) -> SlowFile:
        files.append(SlowFile(path))
        return files[-1]

    monkeypatch.setattr(export, "open_writer", open_slow)
    async with create_tools() as tools:
        local = ConnectorTools(http=tools.http, exports=Exports(), scratch=str(tmp_path))
        connector = DownloadConnector(DownloadSettings.model_validate({}), local)
        call = create_call(kind=None, count=1, rows=len(ROWS))
        sending = asyncio.create_task(run(connector, call, ROWS))
        while not files:  # noqa: ASYNC110 - the connector offers no event for it
            await asyncio.sleep(0.01)
        assert await asyncio.to_thread(files[0].begun.wait, 10)
        sending.cancel()
        await asyncio.sleep(0.1)
        files[0].release.set()
        with pytest.raises(asyncio.CancelledError):
            await sending
    assert (files[0].is_closed, files[0].was_closed_in_use) == (True, False)
    assert is_empty(tmp_path)
