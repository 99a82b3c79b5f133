"""A worker that is asked to stop twice: by a service manager, which signals all processes, and by ``up``, which started it."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

WORKER = """
import asyncio, os, signal, sys
import workers.settings
from app.cli import serving

async def finish(settings, *, stop, health):
    os.kill(os.getpid(), signal.SIGTERM)
    await stop.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0.2)
    print("recorded", flush=True)

workers.settings.run_worker = finish
asyncio.run(serving._work(None, None, is_child=sys.argv[1] == "child"))
"""


@pytest.mark.walk
@pytest.mark.parametrize(
    ("kind", "code", "said"), [("child", 0, "recorded\n"), ("alone", -signal.SIGTERM, "")]
)
def test_a_child_of_up_finishes_its_calls(kind: str, code: int, said: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WORKER, kind], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (code, said), ended.stderr
