"""The work of a chaos run, and the truth about it: audiences whose members change until the load ends."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

from tests.chaos_processes.client import Client
from tests.chaos_processes.limits import FLIPPING, ROWS

CSV = {"Content-Type": "text/csv"}
TIERS = ("gold", "silver", "bronze")
QUERY = "SELECT profile_id, tier FROM people WHERE points >= 50"

Members = dict[str, str]  # id -> tier


@dataclass
class Activation:
    """One activation and the path of the receiver that it delivers to."""

    id: str
    path: str
    audience: Audience


@dataclass
class Audience:
    """An audience with its true members: those of the last call that the service accepted."""

    name: str
    client: Client
    chance: random.Random
    size: int
    id: str = ""
    members: Members = field(default_factory=dict)
    activations: list[Activation] = field(default_factory=list)
    changes: int = 0
    first: int = 0  # number of the first id that can be a member

    async def create(self) -> None:
        body = {"name": self.name, "definition": {"query": self.query}, "audienceType": "USERS"}
        made = await self.client.call("POST", "/audiences", json=body)
        self.id = made["audience"]["id"]

    @property
    def query(self) -> str:
        return ""

    async def change(self) -> None:
        """Change the members once, in the way of this audience."""
        await self.supply(self.draw(0.6))

    def draw(self, share: float) -> Members:
        """Draw members anew: a share of all ids, each with a tier."""
        return {id: self.chance.choice(TIERS) for id in self.ids() if self.chance.random() < share}

    def ids(self) -> list[str]:
        return [f"{self.name}-{self.first + number}" for number in range(self.size)]

    async def supply(self, members: Members) -> None:
        """Replace all members."""
        await self.client.call(
            "PUT", f"/audiences/{self.id}/members", data=_csv(members), headers=CSV
        )
        self._follow(members)

    def _follow(self, members: Members) -> None:
        self.members = members
        self.changes += 1

    async def activate(self, url: str, path: str, **settings: Any) -> None:
        """Add an activation with an account of its own."""
        made = await self._account(f"{url}/in/{path}", settings)
        body: dict[str, Any] = {"destination": {"id": made, "type": "destination"}}
        where = f"/audiences/{self.id}/destination-connections"
        connection = (await self.client.call("POST", where, json=body))["connection"]["id"]
        body = {
            "enabled": True,
            "performResync": False,
            "activationType": "Audience Membership Changed",
            "activationName": path,
            "personalization": {"profile": {"properties": ["tier"]}},
        }
        made = await self.client.call("POST", f"{where}/{connection}/activations", json=body)
        activation = Activation(made["activation"]["id"], path, self)
        options = {"brake": {"enabled": False}, "updates": True}
        at = f"/audiences/{self.id}/activations/{activation.id}/delivery-options"
        await self.client.call("PATCH", at, json=options)
        self.activations.append(activation)

    async def _account(self, url: str, settings: dict[str, Any]) -> str:
        body = {
            "slug": "webhook",
            "name": "Receiver",
            "settings": {"url": url, "batch_size": ROWS, **settings},
        }
        made = await self.client.call("POST", "/destinations", json=body)
        return str(made["destination"]["id"])

    async def cancel(self, activation: Activation) -> None:
        """Cancel the open sync of an activation, if it has one."""
        path = f"/audiences/{self.id}/activations/{activation.id}/syncs"
        for sync in (await self.client.call("GET", path))["syncs"]:
            if sync["status"] in ("pending", "running"):
                where = f"{path}/{sync['id']}/cancel"
                await self.client.call("POST", where, final=(404, 409, 422))


@dataclass
class Uploaded(Audience):
    """Whole uploads. Often, open syncs are cancelled while they are sent and something newer waits, which is sent at once.

    A part of the ids never comes back, so that a member which should have left is seen at the end.
    """

    async def change(self) -> None:
        if self.chance.random() < 0.6:
            for _ in range(2):
                await self._renew()
                await asyncio.sleep(self.chance.uniform(0.5, 1.5))
            for activation in self.activations:
                await self.cancel(activation)
        await (
            self._renew()
        )  # a sync that a user cancels is not repeated until there is something newer

    async def _renew(self) -> None:
        self.first += self.size // 4
        await self.supply(self.draw(0.5))


@dataclass
class Patched(Audience):
    """One upload, then changes of single members, each on top of the last: a change that is lost is never repaired."""

    async def change(self) -> None:
        if not self.changes:
            await self.supply(self.draw(0.5))
            return
        chosen = self.chance.sample(self.ids(), max(2, self.size // 8))
        half = len(chosen) // 2
        add = {id: self.chance.choice(TIERS) for id in chosen[:half]}
        body = {
            "add": [{"profile_id": id, "tier": tier} for id, tier in add.items()],
            "remove": chosen[half:],
        }
        await self.client.call("PATCH", f"/audiences/{self.id}/members", json=body)
        left = {id: tier for id, tier in self.members.items() if id not in chosen[half:]}
        self._follow({**left, **add})


@dataclass
class Flipping(Audience):
    """A few keys, of which about half go in or out at each upload: the next sync turns what a late call of the last one carries.

    The first key stays, so that the audience never becomes empty.
    """

    async def change(self) -> None:
        first, *others = self.ids()
        inside = {id for id in others if (id in self.members) != (self.chance.random() < 0.5)}
        await self.supply({id: self.chance.choice(TIERS) for id in (first, *sorted(inside))})


@dataclass
class Defined(Audience):
    """SQL over a dataset that is uploaded again and again."""

    dataset: str = ""

    @property
    def query(self) -> str:
        return QUERY

    async def create(self) -> None:
        body = {"name": "people", "kind": "upload"}
        self.dataset = (await self.client.call("POST", "/datasets", json=body))["dataset"]["id"]
        await self._fill({})
        await super().create()

    async def _fill(self, members: Members) -> None:
        rows = [f"{id},{tier},{self.chance.randrange(50, 100)}" for id, tier in members.items()]
        rows += [f"other-{number},gold,{number % 50}" for number in range(self.size)]
        content = "\n".join(["profile_id,tier,points", *rows, ""]).encode()
        where = f"/datasets/{self.dataset}/content"
        await self.client.call("PUT", where, data=content, headers=CSV)

    async def change(self) -> None:
        members = self.draw(0.5)
        await self._fill(members)
        await self.client.call("POST", f"/audiences/{self.id}/runs", json={})
        self._follow(members)


def _csv(members: Members) -> bytes:
    return "\n".join(["profile_id,tier", *map(",".join, members.items()), ""]).encode()


def audiences(client: Client, seed: int) -> list[Audience]:
    """Return the audiences of a run; each draws from a generator of its own."""

    def chance(name: str) -> random.Random:
        return random.Random(f"{seed}-{name}")

    return [
        Uploaded("upload", client, chance("upload"), 600),
        Patched("patch", client, chance("patch"), 240),
        Defined("sql", client, chance("sql"), 300),
        Patched("rows", client, chance("rows"), 60),
        Flipping(FLIPPING, client, chance(FLIPPING), 9),
    ]


async def prepare(made: list[Audience], url: str) -> None:
    """Create the audiences and their activations."""
    for audience in made:
        await audience.create()
        await audience.activate(url, f"{audience.name}-a", **_form(audience))
    await made[0].activate(url, f"{made[0].name}-b")


def _form(audience: Audience) -> dict[str, str]:
    """One audience is sent by calls of one row."""
    return {"form": "single"} if audience.name == "rows" else {}


async def keep_changing(audience: Audience, ended: asyncio.Event) -> None:
    """Change an audience again and again until the load ends."""
    while not ended.is_set():
        await audience.change()
        await asyncio.sleep(audience.chance.uniform(0.3, 2.0))
