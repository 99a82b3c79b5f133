"""Data folders of earlier versions: the current version takes them over and sends exactly what has changed.

Each earlier version runs from a copy of its files, computes and delivers, and ends. Then the current version starts on
the same data folder.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from app.sandbox.receiver import WebhookReceiver
from app.sandbox.sandbox import Sandbox
from tests.e2e.test_up import Started, seconds_until
from tests.live import Live
from tests.servers import make_reachable_folder, remove_reachable_folder

ROOT = Path(__file__).parents[2]
#: Every landing whose stored files differ from those of the landing before, and the commit before this one.
VERSIONS = ("85e9e16", "1c9838b", "959a652", pytest.param("HEAD~1", id="before"))
MEMBERS = 10_000
ENVIRONMENT = {"ACTIVATIONS_OUTBOUND_ALLOW": "127.0.0.1", "ACTIVATIONS_SWEEP_INTERVAL": "1"}

pytestmark = [pytest.mark.upgrades, pytest.mark.timeout(600)]


def copy_of(version: str, folder: Path) -> Path:
    """Write the files of a commit into a folder, or skip if the history is not here."""
    target = folder / "code"
    target.mkdir()
    archive = subprocess.run(
        ["git", "archive", version], cwd=ROOT, capture_output=True, check=False
    )
    if archive.returncode != 0:
        pytest.skip(f"the history does not have {version}")
    subprocess.run(["tar", "-x", "-C", str(target)], input=archive.stdout, check=True)
    return target


@dataclass
class Kind:
    """One kind of activation: its body, its delivery options, and whether its values are sent."""

    name: str
    body: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


PERSONAL = {"personalization": {"profile": {"properties": ["city", "score"]}}}
ARMS = {"arms": [{"name": "A", "weight": 1}, {"name": "B", "weight": 1}]}
KINDS = (
    Kind("ids"),
    Kind("values", PERSONAL, {"updates": True}),
    Kind("arms", {}, {"split": ARMS}),
    Kind("arms and values", PERSONAL, {"split": ARMS, "updates": True}),
    Kind("append", {}, {"mode": "append"}),
)


def row(number: int, *, city: str | None = None) -> str:
    return f"p{number},P{number}@Example.com,{city or ('Bern', 'Graz')[number % 2]},{number % 100}"


def members(numbers: range, moved: frozenset[int] = frozenset()) -> bytes:
    rows = [row(number, city="Linz" if number in moved else None) for number in numbers]
    return "\n".join(["profile_id,email,city,score", *rows, ""]).encode()


@dataclass
class Taken:
    """A service with an audience and one activation of each kind, and their receiver."""

    folder: Path
    sandbox: Sandbox
    receiver: WebhookReceiver
    audience: str = ""
    activations: dict[str, str] = field(default_factory=dict)

    @asynccontextmanager
    async def service(self, code: Path) -> AsyncIterator[Live]:
        of_code = type("StartedCode", (Started,), {"code": code})
        started: Started = await asyncio.to_thread(
            lambda: of_code(self.folder / "data", "--port", "0", **ENVIRONMENT)
        )
        live = Live.of(started.line["url"], started.token, started.line["spaceId"])
        try:
            yield live
        finally:
            await live.close()
            started.process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(seconds_until, started.is_gone, 30)
            started.end()

    async def prepare(self, live: Live) -> None:
        self.audience = await live.audience("Kept")
        destination, secret = await live.webhook(
            self.sandbox.urls["webhook"] + "/in", batch_size=1000
        )
        self.receiver.set_secrets("*", [secret])
        connection = await live.connect(self.audience, destination)
        path = f"/audiences/{self.audience}"
        for kind in KINDS:
            body = {
                "enabled": True,
                "performResync": True,
                "activationType": "Audience Membership Changed",
                "activationName": kind.name,
                **kind.body,
            }
            made = await live.call(
                "POST", f"{path}/destination-connections/{connection}/activations", json=body
            )
            self.activations[kind.name] = made["activation"]["id"]
            await live.call(
                "PATCH",
                f"{path}/activations/{self.activations[kind.name]}/delivery-options",
                json={"brake": {"enabled": False}, **kind.options},
            )

    async def sent(self, live: Live, content: bytes) -> dict[str, tuple[int, int, int]]:
        """Supply members. Returns the delivered entries, exits and updates of each activation's new syncs."""
        before = {
            name: {sync["id"] for sync in await live.syncs(self.audience, activation)}
            for name, activation in self.activations.items()
        }
        run = await live.upload(self.audience, content)
        assert run["status"] == "complete", run
        return {
            name: await self._counts(live, activation, before[name])
            for name, activation in self.activations.items()
        }

    async def _counts(self, live: Live, activation: str, known: set[str]) -> tuple[int, int, int]:
        newest = await live.quiet(self.audience, activation, 60)
        assert newest["status"] in ("complete", "superseded"), newest
        syncs = [s for s in await live.syncs(self.audience, activation) if s["id"] not in known]
        assert sum(s["delivered"] for s in syncs) == sum(s["planned"] for s in syncs), syncs
        return (
            sum(s["entered"] for s in syncs),
            sum(s["exited"] for s in syncs),
            sum(s["updated"] for s in syncs),
        )


@pytest.fixture
def folder() -> Iterator[Path]:
    made = make_reachable_folder()
    yield made
    remove_reachable_folder(made)


@pytest.fixture
async def taken(folder: Path) -> AsyncIterator[Taken]:
    receiver = WebhookReceiver()
    async with Sandbox([receiver]) as sandbox:
        yield Taken(folder, sandbox, receiver)


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_is_held_is_kept_and_only_changes_are_sent(
    taken: Taken, folder: Path, version: str
) -> None:
    code = copy_of(version, folder)
    none = dict.fromkeys((kind.name for kind in KINDS), (0, 0, 0))
    async with taken.service(code) as live:
        await taken.prepare(live)
        await taken.sent(live, members(range(MEMBERS)))
        assert await taken.sent(live, members(range(MEMBERS))) == none
    async with taken.service(ROOT) as live:
        assert await taken.sent(live, members(range(MEMBERS))) == none
        changed = await taken.sent(live, members(range(10, MEMBERS + 5), frozenset({20, 21})))
    assert changed == {
        "ids": (5, 10, 0),
        "values": (5, 10, 2),
        "arms": (5, 10, 0),
        "arms and values": (5, 10, 2),
        "append": (5, 0, 0),
    }
