"""Keys that an earlier version took for valid: after the take-over the first plan waits, and an approval corrects them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.sandbox.braze import DEFAULT_KEY, BrazeEmulator
from app.sandbox.sandbox import Sandbox
from tests.flow import eventually
from tests.live import Live
from tests.upgrades.test_upgrades import ROOT, Taken, copy_of

pytestmark = [pytest.mark.upgrades, pytest.mark.timeout(600)]

GROUP = "audience_kept"
HEADER = "profile_id,user_id,email,phone"
#: Held by 959a652 under the user id NULL, and under the number with its trunk zero.
CHANGED = ["x1,NULL,ann@example.com,", "x2,,,+44 (0)20 7946 0018", "x3,n/a,,"]
PEOPLE = [f"p{number},u{number},p{number}@example.com," for number in range(200)]


def rows(*lines: str) -> bytes:
    return "\n".join([HEADER, *lines, ""]).encode()


async def activate(live: Live, audience: str, url: str) -> str:
    account = {"api_key": DEFAULT_KEY, "rest_endpoint": url}
    body: dict[str, Any] = {"slug": "braze", "name": "Braze", "settings": account}
    made = await live.call("POST", "/destinations", json=body)
    path = f"/audiences/{audience}/destination-connections"
    order = [{"externalId": name, "strategy": "last"} for name in ("user_id", "phone", "email")]
    body = {
        "destination": {"id": made["destination"]["id"], "type": "destination"},
        "idSyncConfiguration": order,
    }
    connection = (await live.call("POST", path, json=body))["connection"]["id"]
    return await live.activate(audience, connection, resync=True)


async def on_hold(live: Live, audience: str, activation: str) -> Any:
    async def look() -> Any:
        newest = (await live.syncs(audience, activation))[0]
        return newest if newest["status"] == "held" else None

    return await eventually(look, 60)


async def test_the_first_plan_waits_and_an_approval_sends_exactly_that(folder: Path) -> None:
    braze = BrazeEmulator()
    async with Sandbox([braze]) as sandbox:
        receiver: Any = None  # as Klaviyo, not used here
        taken = Taken(folder, sandbox, receiver, receiver, braze)
        async with taken.service(copy_of("959a652", folder)) as live:
            audience = await live.audience("Kept")
            activation = await activate(live, audience, sandbox.urls["braze"])
            await live.upload(audience, rows(*PEOPLE, *CHANGED))
            first = await live.quiet(audience, activation)
            assert first["delivered"] == len(PEOPLE) + len(CHANGED)
        async with taken.service(ROOT) as live:
            await live.upload(audience, rows(*PEOPLE, *CHANGED))
            held = await on_hold(live, audience, activation)
            assert held["ruleChanges"] == {"invalid": 1, "moved": 2}
            assert (held["entered"], held["exited"], held["updated"]) == (2, 3, 0)
            path = f"/audiences/{audience}/activations/{activation}/syncs/{held['id']}"
            await live.call("POST", f"{path}/approve", json={})
            done = await live.quiet(audience, activation)
            assert (done["id"], done["delivered"]) == (held["id"], 5)
            await live.upload(audience, rows(*PEOPLE[1:], *CHANGED))
            last = await live.quiet(audience, activation)
            assert (last["entered"], last["exited"], last["delivered"]) == (0, 1, 1)
    inside = braze.members(GROUP) or []
    assert len(inside) == len(PEOPLE) - 1 + 2
