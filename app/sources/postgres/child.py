"""What a child does that reads or checks a user's database once."""

from __future__ import annotations

import asyncio
import signal
import traceback
from functools import partial
from typing import Any, BinaryIO

import orjson

from app.connectors.errors import ConnectorError
from app.sources.postgres import reader


class ReadFailed(Exception):
    """A fault that a server caused, with the last lines of its traceback."""


def run_job(stream: BinaryIO, job: dict[str, Any]) -> Any:
    """Read or check. Writes a line ``[rows, bytes]`` of JSON to ``stream`` for each piece of progress.

    Returns what ``reader`` returns. Raises ConnectorError, OSError if the local disk is at fault, MemoryError, and
    ReadFailed for anything else.
    """
    try:
        return asyncio.run(_work(stream, job))
    except (ConnectorError, OSError, MemoryError):
        raise
    except asyncio.CancelledError:
        raise ReadFailed("cancelled") from None
    except RuntimeError as error:
        if "start new thread" in str(error):  # no memory is left for its stack
            raise MemoryError from None
        raise ReadFailed(traceback.format_exc()[-2000:]) from None
    except Exception:  # noqa: BLE001  a server can cause any error
        raise ReadFailed(traceback.format_exc()[-2000:]) from None


async def _work(stream: BinaryIO, job: dict[str, Any]) -> Any:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101  asyncio.run creates one
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    if "sql" in job:
        return await reader.read_rows(**job, progress=partial(_progress, stream))
    return await reader.check_source(**job)


def _progress(stream: BinaryIO, rows: int, size: int) -> None:
    stream.write(orjson.dumps([rows, size], option=orjson.OPT_APPEND_NEWLINE))
    stream.flush()
