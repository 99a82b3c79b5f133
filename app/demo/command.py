"""The demo from start to end: set up the service, replay the days, compare the lists, then stop or keep running."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Coroutine, Sequence
from datetime import timedelta
from pathlib import Path

from rich.progress import Progress

from app.demo.api import Api, open_api
from app.demo.errors import DemoFailed
from app.demo.keepers import Destinations, Keeper, check_choice
from app.demo.purchases import (
    AUDIENCES,
    DATASET,
    FIRST_DAY,
    MOST_DAYS,
    Truth,
    purchases_file,
)
from app.demo.replay import Activated, Row, replay_day, set_up
from app.demo.screen import Screen, verdict
from app.demo.service import Service, running_service, temporary_folder
from app.sandbox.sandbox import Sandbox

PARQUET = "application/vnd.apache.parquet"
#: The receiver has a local address, and one token makes hundreds of calls a minute.
SETTINGS = {"ACTIVATIONS_OUTBOUND_ALLOW": "127.0.0.1", "ACTIVATIONS_RATE_LIMITS": "off"}


def run_demo(days: int, *, stay: bool, destination: str) -> int:
    """Run the demo. Returns the exit code: 0 if each list was equal to the truth on each day, 1 if not.

    Raises DemoFailed if the arguments are not valid or the demo cannot continue.
    """
    if not 1 <= days <= MOST_DAYS:
        raise DemoFailed(f"--days must be 1 to {MOST_DAYS}.", exit_code=2)
    check_choice(destination)
    file = purchases_file()
    work = demo(file, days, stay=stay, destination=destination, sandbox=Sandbox())
    return asyncio.run(_until_signal(work))


async def _until_signal(work: Coroutine[object, object, int]) -> int:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return 130


async def demo(file: Path, days: int, *, stay: bool, destination: str, sandbox: Sandbox) -> int:
    """Run the demo with the given sandbox as receiver. Returns the exit code."""
    screen = Screen()
    with temporary_folder() as folder:
        screen.step("Starting PostgreSQL, Redis, the API and a worker …")
        async with (
            sandbox,
            running_service(folder, SETTINGS) as service,
            open_api(service.url, service.token, service.space_id) as api,
        ):
            screen.step(f"Running at {service.url}, with rate limits off for the replay.")
            keepers = Destinations(sandbox).chosen(destination)
            code = await _replayed(screen, api, service, keepers, file, days)
            if stay:
                await _stay(screen, service, sandbox)
            return code


async def _replayed(
    screen: Screen, api: Api, service: Service, keepers: Sequence[Keeper], file: Path, days: int
) -> int:
    truth = await asyncio.to_thread(Truth, file)
    try:
        activated = await _prepared(screen, api, service, keepers, truth, file)
        rows: list[Row] = []
        with screen.bar(days, len(AUDIENCES)) as bar:
            for number in range(days):
                rows += await _one_day(api, activated, truth, number, bar)
    finally:
        truth.close()
    screen.table(rows)
    wrong = [f"{row.day} {row.audience}: {text}" for row in rows for text in row.differences]
    wrong += [text for keeper in keepers for text in keeper.faults()]
    for text in wrong:
        screen.line(f"difference: {text}")
    screen.line(verdict(rows, days))
    return 1 if wrong else 0


async def _prepared(
    screen: Screen,
    api: Api,
    service: Service,
    keepers: Sequence[Keeper],
    truth: Truth,
    file: Path,
) -> list[Activated]:
    purchases, households = truth.counts()
    screen.step(f"Uploading {purchases:,} purchases of {households:,} households …")
    dataset = await api.add_dataset(DATASET, file, PARQUET)
    if dataset["rows"] != purchases:
        raise DemoFailed(f"The dataset has {dataset['rows']} rows, but the file has {purchases}.")
    destinations = [(keeper, await keeper.open(api, service)) for keeper in keepers]
    names = " and ".join(keeper.name for keeper in keepers)
    screen.step(f"Creating {len(AUDIENCES)} audiences in SQL, activated to {names} …")
    return await set_up(api, destinations)


async def _one_day(
    api: Api, activated: Sequence[Activated], truth: Truth, number: int, bar: Progress
) -> list[Row]:
    day = FIRST_DAY + timedelta(days=number)
    (task,) = bar.task_ids
    bar.update(task, description=day.isoformat())
    try:
        return await replay_day(api, activated, truth, day, lambda: bar.advance(task))
    except* DemoFailed as group:
        raise DemoFailed(f"{day}: {group.exceptions[0]}") from group


async def _stay(screen: Screen, service: Service, sandbox: Sandbox) -> None:
    page = next(iter(sandbox.urls.values())) + "/_control/page"
    screen.line(f"service     {service.url}")
    screen.line(f"space       {service.space_id}")
    screen.line(f"token file  {service.token_file}")
    screen.line(f"explorer    {service.url}/docs")
    screen.line(f"console     {service.url}/console")
    screen.line(f"receiver    {page}")
    screen.line("Ctrl-C stops the demo and removes its data.")
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
