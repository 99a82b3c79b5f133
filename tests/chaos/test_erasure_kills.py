"""An erasure whose workers are killed with SIGKILL one after the other, each at another point: the last one completes it."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.chaos.test_partner_kills import SMALL, environment
from tests.chaos_processes.limits import POINTS_VARIABLE, ROOT
from tests.chaos_processes.points import ERASURE_POINTS
from tests.flow import Flow, eventually
from tests.integration.api_extensions.desk import Desk
from tests.integration.services.erasure.history import NAMES, ask, live
from tests.integration.services.erasure.leaks import state_of
from tests.traces import dumped, files, traces

pytestmark = [
    pytest.mark.walk,
    pytest.mark.timeout(1_200),
    pytest.mark.installation(stepped=True),
]


@contextmanager
def worker(environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker process that kills itself at a point that is armed."""
    with log.open("ab") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos_processes.entry", "worker"],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def test_workers_that_die_leave_nothing_to_the_last_one(
    flow: Flow, client: httpx.AsyncClient, database_url: str, tmp_path: Path
) -> None:
    await flow.sign_in(client)
    desk = Desk(flow, client)
    activations = await live(desk)
    erasure_id = await ask(desk)
    settings = flow.platform.settings
    variables = environment(settings, SMALL)
    variables[POINTS_VARIABLE] = str(tmp_path)
    for point in ERASURE_POINTS:
        armed = tmp_path / f"{point.name}.kill"
        armed.touch()
        with worker(variables, tmp_path / "workers.log") as process:
            assert await asyncio.to_thread(process.wait, 300) == -signal.SIGKILL
        assert not armed.exists()
        assert (await state_of(flow, erasure_id)).state != "complete"
    with worker(variables, tmp_path / "workers.log"):

        async def is_over() -> bool:
            return (await state_of(flow, erasure_id)).state == "complete"

        await eventually(is_over, 300, every=0.5)
    erasure = await state_of(flow, erasure_id)
    assert traces(files(settings.data_dir), *NAMES) == []
    assert traces({"dump": [await dumped(database_url)]}, *NAMES) == []
    assert "p-ada-17" not in flow.received(activations[0])
    assert erasure.found["places"]["datasets"] == {"files": 1, "rows": 2, "values": 3}
    assert erasure.found["places"]["formerContents"] == {"files": 1, "rows": 2, "values": 3}
