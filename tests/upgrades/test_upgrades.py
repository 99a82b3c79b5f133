"""Data folders of earlier versions: the current version takes them over and sends exactly what has changed.

Each earlier version runs from a copy of its files, computes and delivers, and ends. Then the current version starts on
the same data folder.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from app.sandbox.braze import DEFAULT_KEY as BRAZE_KEY
from app.sandbox.braze import BrazeEmulator
from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.receiver import WebhookReceiver
from app.sandbox.sandbox import Sandbox
from tests.e2e.test_up import Started, seconds_until
from tests.live import Live

ROOT = Path(__file__).parents[2]
#: Every landing whose stored files differ from those of the landing before, and the commit before this one.
VERSIONS = ("85e9e16", "1c9838b", "959a652", pytest.param("HEAD~1", id="last"))
MEMBERS = 10_000
#: What ``.ci/run`` takes over: fewer members of the commit before.
FEW = 2_000
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
    """One kind of activation: its body, its delivery options, its account, and the order of its identifiers."""

    name: str
    body: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    slug: str = "webhook"
    order: tuple[str, ...] = ()


PERSONAL = {"personalization": {"profile": {"properties": ["city", "score"]}}}
ARMS = {"arms": [{"name": "A", "weight": 1}, {"name": "B", "weight": 1}]}
KINDS = (
    Kind("ids"),
    Kind("values", PERSONAL, {"updates": True}),
    Kind("arms", {}, {"split": ARMS}),
    Kind("arms and values", PERSONAL, {"split": ARMS, "updates": True}),
    Kind("append", {}, {"mode": "append"}),
    Kind("klaviyo", PERSONAL, {"updates": True}, "klaviyo", ("email", "user_id")),
    Kind("klaviyo by phone", {}, {}, "klaviyo", ("phone", "email")),
    Kind("braze by phone", {}, {}, "braze", ("phone", "user_id")),
    Kind("file", PERSONAL, {"updates": True}, "file-download"),
)
LISTS = {"klaviyo": "AbCdEf", "klaviyo by phone": "GhIjKl"}  # existing lists at Klaviyo


def row(number: int, *, city: str | None = None) -> str:
    city = city or ("Bern", "Graz")[number % 2]
    return f"p{number},P{number}@Example.com,+49151{number:08},u{number},{city},{number % 100}"


def members(numbers: range, moved: frozenset[int] = frozenset()) -> bytes:
    rows = [row(number, city="Linz" if number in moved else None) for number in numbers]
    return "\n".join(["profile_id,email,phone,user_id,city,score", *rows, ""]).encode()


@dataclass
class Taken:
    """A service with an audience and one activation of each kind, and the partners that they deliver to."""

    folder: Path
    sandbox: Sandbox
    receiver: WebhookReceiver
    klaviyo: KlaviyoEmulator
    braze: BrazeEmulator
    audience: str = ""
    activations: dict[str, str] = field(default_factory=dict)
    started: Started = field(init=False)  # the last service

    @asynccontextmanager
    async def service(self, code: Path, **more: str) -> AsyncIterator[Live]:
        of_code = type("StartedCode", (Started,), {"code": code})
        started: Started = await asyncio.to_thread(
            lambda: of_code(self.folder / "data", "--port", "0", **ENVIRONMENT, **more)
        )
        self.started = started
        live = Live.of(started.line["url"], started.token, started.line["spaceId"])
        try:
            yield live
        finally:
            await live.close()
            started.process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(seconds_until, started.is_gone, 30)
            started.end()

    def _settings(self, slug: str) -> dict[str, Any]:
        urls = self.sandbox.urls
        given: dict[str, dict[str, Any]] = {
            "webhook": {"url": urls["webhook"] + "/in", "batch_size": 1000},
            "klaviyo": {"api_key": "pk_sandbox", "base_url": urls["klaviyo"]},
            "braze": {"api_key": BRAZE_KEY, "rest_endpoint": urls["braze"]},
            "file-download": {},
        }
        return given[slug]

    async def _connect(self, live: Live, kind: Kind) -> str:
        """Create an account and its connection. Returns the connection's id."""
        body: dict[str, Any] = {
            "slug": kind.slug,
            "name": kind.name,
            "settings": self._settings(kind.slug),
        }
        made = (await live.call("POST", "/destinations", json=body))["destination"]
        if kind.slug == "webhook":
            self.receiver.set_secrets("*", [made["settings"]["secret"]])
        body = {"destination": {"id": made["id"], "type": "destination"}}
        if kind.name in LISTS:
            self.klaviyo.account.new_list(kind.name, LISTS[kind.name])
            body["connectionSettings"] = {"list_id": LISTS[kind.name]}
        if kind.order:
            body["idSyncConfiguration"] = [
                {"externalId": name, "strategy": "last"} for name in kind.order
            ]
        path = f"/audiences/{self.audience}/destination-connections"
        return str((await live.call("POST", path, json=body))["connection"]["id"])

    async def prepare(self, live: Live, kinds: Sequence[Kind] = KINDS) -> None:
        self.audience = await live.audience("Kept")
        path = f"/audiences/{self.audience}"
        connections: dict[str, str] = {}
        for kind in kinds:
            account = kind.slug if kind.slug == "webhook" else kind.name
            if account not in connections:
                connections[account] = await self._connect(live, kind)
            connection = connections[account]
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
async def taken(folder: Path) -> AsyncIterator[Taken]:
    receiver, klaviyo, braze = WebhookReceiver(), KlaviyoEmulator(), BrazeEmulator()
    async with Sandbox([receiver, klaviyo, braze]) as sandbox:
        yield Taken(folder, sandbox, receiver, klaviyo, braze)


@pytest.mark.parametrize(
    ("version", "count"),
    [
        *((version, MEMBERS) for version in VERSIONS[:3]),
        pytest.param("HEAD~1", MEMBERS, id="last"),
        pytest.param("HEAD~1", FEW, id="before"),
    ],
)
async def test_what_is_held_is_kept_and_only_changes_are_sent(
    taken: Taken, folder: Path, version: str, count: int
) -> None:
    code = copy_of(version, folder)
    none = dict.fromkeys((kind.name for kind in KINDS), (0, 0, 0))
    async with taken.service(code) as live:
        await taken.prepare(live)
        await taken.sent(live, members(range(count)))
    async with taken.service(ROOT) as live:
        assert await taken.sent(live, members(range(count))) == none
        changed = await taken.sent(live, members(range(10, count + 5), frozenset({20, 21})))
    assert changed == {
        "ids": (5, 10, 0),
        "values": (5, 10, 2),
        "arms": (5, 10, 0),
        "arms and values": (5, 10, 2),
        "append": (5, 0, 0),
        "klaviyo": (5, 10, 2),
        "klaviyo by phone": (5, 10, 0),
        "braze by phone": (5, 10, 0),
        "file": (5, 10, 2),
    }
    kept = set(range(10, count + 5))
    for name in LISTS:
        held = taken.klaviyo.members(LISTS[name]) or []
        assert {int(one["email"][1:].partition("@")[0]) for one in held} == kept
    held = taken.braze.members("audience_kept") or []
    assert {int(one["phone"].removeprefix("+49151")) for one in held} == kept
    if version == "HEAD~1":
        await roll_back(taken, code, members(range(10, count + 5)))


async def roll_back(taken: Taken, code: Path, content: bytes) -> None:
    """Check that the commit before works on a folder that the current version used, or is refused at its start by name."""
    refused, sent = "", dict[str, tuple[int, int, int]]()
    try:
        async with taken.service(code) as live:
            sent = await taken.sent(live, content)
    except AssertionError as error:
        refused = str(error)
        if "no ready line" not in refused:
            raise
    if refused:
        assert "Start that version, or a newer one." in refused
    else:
        # Members 20 and 21 get their former values back.
        assert {name: counts[2] for name, counts in sent.items() if any(counts)} == {
            "values": 2,
            "arms and values": 2,
            "klaviyo": 2,
            "file": 2,
        }
