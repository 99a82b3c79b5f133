"""A space with the data of a small shop, filled through the API, so that each page of the console has something to show."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson

from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.sandbox import Sandbox
from tests.browser.conftest import Console
from tests.flow import SECRET

DAYS = int(os.environ.get("DAYS", "14"))  # of runs
_NAMES = ("Ada", "Grace", "Alan", "Mary", "Edsger", "Barbara", "Jörg", "Chloé", "Noor", "Wanjiru")
_TOWNS = ("London", "Köln", "Rome", "Nairobi", "Oslo", "Lyon")
_BUYERS = """SELECT customer_id AS profile_id,
       arg_max(email, (bought_on, email)) AS email,
       any_value(first_name) AS first_name,
       any_value(town) AS town,
       sum(amount) AS spent
FROM purchases
WHERE bought_on > $as_of - INTERVAL 10 DAY AND bought_on <= $as_of
GROUP BY customer_id"""
_TEXT = {"content-type": "text/csv"}
_LINES = {"content-type": "application/x-ndjson"}
_ENDED = ("complete", "failed", "cancelled", "superseded")


@dataclass
class Shop:
    """The space, and what the paths of pages name."""

    http: httpx.AsyncClient
    space: str
    paths: dict[str, str]

    async def call(self, method: str, path: str, **more: Any) -> Any:
        """Send a request below the space. Returns ``data``; AssertionError for an error."""
        response = await self.http.request(method, f"/spaces/{self.space}{path}", **more)
        assert response.is_success, (method, path, response.text)
        return response.json()["data"]

    async def until(self, path: str, find: Any, seconds: float = 120) -> Any:
        """Read a path until ``find`` returns something of its data."""
        for _ in range(int(seconds * 10)):
            if (found := find(await self.call("GET", path))) is not None:
                return found
            await asyncio.sleep(0.1)
        raise AssertionError(f"nothing came of {path}")

    async def ran(self, audience: str, **body: Any) -> Any:
        """Compute an audience. Returns the run."""
        runs = f"/audiences/{audience}/runs"
        run = (await self.call("POST", runs, json=body))["run"]["id"]
        return await self.until(f"{runs}/{run}", lambda data: _ended(data["run"]))

    async def synced(self, activation: str, *, number: int) -> Any:
        """Wait for a sync of an activation, by its number. Returns it, also if it is on hold."""

        def find(data: Any) -> Any:
            for sync in data["syncs"]:
                if sync["number"] == number and sync["status"] in (*_ENDED, "held"):
                    return sync
            return None

        return await self.until(f"{activation}/syncs", find)


def _ended(run: Any) -> Any:
    return run if run["status"] in _ENDED else None


def _purchases(now: datetime, customers: int) -> Iterator[str]:
    """Yield the lines of a CSV file with semicolons. The same customers buy in each file."""
    chance = random.Random(7)
    yield "customer_id;email;first_name;town;bought_on;amount"
    for number in range(customers):
        name, town = chance.choice(_NAMES), chance.choice(_TOWNS)
        email = f"{name.lower()}.{number}@example.com" if number % 17 else "unknown"
        for _ in range(chance.randint(1, 4)):
            day = now - timedelta(days=chance.randint(0, 40))
            yield f"{number:05};{email};{name};{town};{day:%Y-%m-%d};{chance.randint(5, 200)}.90"


async def open_shop(console: Console, klaviyo: Sandbox) -> Shop:
    """Fill a new space. A worker must run."""
    headers = {"authorization": f"Bearer {console.token}"}
    http = httpx.AsyncClient(base_url=console.url, headers=headers, timeout=60, trust_env=False)
    made = await http.post("/spaces", json={"name": "Shop"})
    shop = Shop(http, made.json()["data"]["space"]["id"], {})
    now = datetime.now(UTC)
    await _datasets(shop, now)
    buyers = await _buyers(shop, console, klaviyo, now)
    await _readers(shop, console, buyers)
    await _others(shop, buyers)
    return shop


async def _datasets(shop: Shop, now: datetime) -> None:
    made = await shop.call("POST", "/datasets", json={"name": "purchases", "kind": "upload"})
    dataset = made["dataset"]["id"]
    for customers in (280, 300):
        content = "\n".join(_purchases(now, customers)).encode()
        address = f"/datasets/{dataset}/content"
        await shop.call("PUT", address, content=content, headers=_TEXT)
    source = {
        "host": "warehouse.example.com",
        "database": "shop",
        "user": "reader",
        "password": "secret-of-the-database",
    }
    warehouse = {"name": "warehouse", "kind": "postgres", "source": source}
    made = await shop.call("POST", "/datasets", json=warehouse)
    shop.paths |= {
        "dataset": f"/datasets/{dataset}",
        "dataset_id": dataset,
        "database": f"/datasets/{made['dataset']['id']}",
    }


async def _audience(shop: Shop, name: str, query: str = "") -> str:
    body: dict[str, Any] = {"name": name, "audienceType": "USERS", "enabled": True}
    body["definition"] = {"query": query}
    found = await shop.call("POST", "/audiences", json=body)
    return str(found["audience"]["id"])


async def _activation(
    shop: Shop, audience: str, account: str, name: str, more: dict[str, Any], **options: Any
) -> str:
    """Connect, activate and set options. Returns the path of the activation below the space."""
    listed = f"/audiences/{audience}/destination-connections"
    known = (await shop.call("GET", listed))["connections"]
    connection = next((one["id"] for one in known if one["destinationId"] == account), None)
    if connection is None:
        body = {"destination": {"id": account, "type": "destination"}}
        connection = (await shop.call("POST", listed, json=body))["connection"]["id"]
    wanted = {"activationName": name, "activationType": "Audience Membership Changed", **more}
    wanted |= {"enabled": False, "performResync": False}
    made = await shop.call("POST", f"{listed}/{connection}/activations", json=wanted)
    path = f"/audiences/{audience}/activations/{made['activation']['id']}"
    if options:
        await shop.call("PATCH", f"{path}/delivery-options", json=options)
    if more.get("enabled", True):
        await shop.call("PATCH", path, json={"enabled": True, "performResync": True})
    return path


async def _buyers(shop: Shop, console: Console, klaviyo: Sandbox, now: datetime) -> str:
    """Two weeks of buyers, sent to the shop each day, and once to Klaviyo."""
    audience = await _audience(shop, "Buyers of the last 10 days", _BUYERS)
    url = f"{console.flow.sandbox.urls['webhook']}/buyers"
    body = {"slug": "webhook", "name": "Shop system", "settings": {"url": url, "secret": SECRET}}
    account = (await shop.call("POST", "/destinations", json=body))["destination"]["id"]
    await shop.ran(audience, asOf=(now - timedelta(days=DAYS)).isoformat())
    traits = {"personalization": {"profile": {"properties": ["first_name", "town", "spent"]}}}
    off = {"enabled": False}
    path = await _activation(
        shop, audience, account, "Buyers to the shop", traits, updates=True, brake=off
    )
    await shop.synced(path, number=1)
    for day in range(1, DAYS):
        await shop.ran(audience, asOf=(now - timedelta(days=DAYS - day)).isoformat())
        await shop.synced(path, number=day + 1)
    config = {"days": [1, 2, 3, 4, 5], "hours": [6], "timezone": "Europe/Berlin"}
    schedule = {"strategy": "SPECIFIC_DAYS", "config": config}
    await shop.call("POST", f"/audiences/{audience}/schedules", json=schedule)
    settings = {"api_key": "pk_sandbox", "base_url": klaviyo.urls["klaviyo"]}
    body = {"slug": "klaviyo", "name": "Klaviyo", "settings": settings}
    partner = (await shop.call("POST", "/destinations", json=body))["destination"]["id"]
    sent = await _activation(shop, audience, partner, "Buyers to Klaviyo", traits)
    await shop.synced(sent, number=1)
    shop.paths |= {
        "computed": f"/audiences/{audience}",
        "buyers_id": audience,
        "buyers": path,
        "account": account,
        "destination": f"/destinations/{account}",
        "klaviyo": sent,
        "klaviyo_id": partner,
        "klaviyo_account": f"/destinations/{partner}",
    }
    return audience


async def _readers(shop: Shop, console: Console, buyers: str) -> None:
    """Readers of a newsletter, sent to a webhook: some without consent, some rejected, and a plan on hold."""
    audience = await _audience(shop, "Newsletter readers")
    account = shop.paths["account"]
    await _upload(shop, audience, 60)
    console.flow.receiver.refused = {"p5": "blocked", "p6": "blocked", "p7": "no_address"}
    more = {"personalization": {"profile": {"properties": ["town"]}}}
    path = await _activation(shop, audience, account, "Readers to the shop", more, consent="agreed")
    settled = await shop.synced(path, number=1)
    await _upload(shop, audience, 4)
    held = await shop.synced(path, number=2)
    assert (settled["rejected"], held["status"]) == (3, "held")
    split = {"arms": [{"name": "A", "weight": 50}, {"name": "B", "weight": 50}]}
    off = {"enabled": False}
    draft = await _activation(shop, buyers, account, "Spring sale, A/B", off, split=split)
    await shop.call("POST", f"{draft}/syncs", json={"kind": "resync", "dryRun": True})
    await shop.synced(draft, number=1)
    shop.paths |= {
        "audience": f"/audiences/{audience}",
        "audience_id": audience,
        "activation": path,
        "settled": f"{path}/syncs/{settled['id']}",
        "sync": f"{path}/syncs/{held['id']}",
        "draft": draft,
    }


async def _upload(shop: Shop, audience: str, count: int) -> None:
    rows = (
        {
            "profile_id": f"p{number}",
            "email": f"reader.{number}@example.com",
            "agreed": number % 12 != 0,
            "town": "Oslo",
        }
        for number in range(1, count)
    )
    content = b"".join(orjson.dumps(row) + b"\n" for row in rows)
    members = f"/audiences/{audience}/members"
    run = (await shop.call("PUT", members, content=content, headers=_LINES))["run"]["id"]
    await shop.until(f"/audiences/{audience}/runs/{run}", lambda data: _ended(data["run"]))


async def _others(shop: Shop, buyers: str) -> None:
    """Files each morning, an audience that cannot be computed, and the erasure of a person."""
    body = {"slug": "file-download", "name": "Files", "settings": {}}
    account = (await shop.call("POST", "/destinations", json=body))["destination"]["id"]
    daily = {"type": "daily", "at": "06:30", "zone": "Europe/Berlin"}
    await _activation(shop, buyers, account, "Buyers as files", {}, frequency=daily)
    broken = await _audience(
        shop,
        "Orders by town",
        "SELECT customer_id AS profile_id, CAST(any_value(town) AS INTEGER) AS town_number FROM purchases GROUP BY 1",
    )
    await shop.ran(broken)
    asked = await shop.http.delete(f"/spaces/{shop.space}/profiles/p9")
    assert asked.is_success, asked.text
    found = (await shop.call("GET", "/erasures"))["erasures"]
    shop.paths["erasure"] = f"/erasures/{found[0]['id']}"


def klaviyo_sandbox() -> Sandbox:
    """Return the emulator of Klaviyo, without waits."""
    return Sandbox([KlaviyoEmulator(job_seconds=0, limits=False)])
