"""A person in every place of an installation: datasets, computed and uploaded audiences, destinations, exports, requests."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import orjson

from app.services.audiences.previews import compute_preview
from tests.integration.api_extensions.desk import Desk
from tests.stepping import Hand

MAIL, PHONE, PROFILE, ANONYMOUS, USER = (
    "Ada.Lovelace@Example.com",
    "+4915112345678",
    "p-ada-17",
    "anon-ADA-0815",
    "Usr-Ada-99",
)
NAMES = (MAIL, PHONE, PROFILE, ANONYMOUS, USER)
_HASH = hashlib.sha256(MAIL.lower().encode()).hexdigest()
#: What another person's values say about Ada.
MENTION = f"call {MAIL}"
QUOTED = f"late\n{MAIL}\tor {PHONE}"

ADA: dict[str, Any] = {
    "profile_id": PROFILE,
    "email": MAIL,
    "phone": PHONE,
    "anonymous_id": ANONYMOUS,
    "user_id": USER,
    "plan": "gold",
    "note": "herself",
}
GRACE: dict[str, Any] = {
    "profile_id": "p-grace-3",
    "email": "grace@example.com",
    "plan": "free",
    "note": MENTION,
    "quoted": QUOTED,
    "family": {"sister": MAIL.lower(), "age": 42},
    "friends": ["alan@example.com", MAIL],
    "asked": f"by {_HASH.upper()}, once",
    "asked_id": hashlib.md5(USER.encode(), usedforsecurity=False).hexdigest() + ";",
    "link": f"https://shop.example/?next=x%3Dmailto%3A{MAIL.replace('@', '%40')}%26a",
}
BY_MAIL = {"profile_id": MAIL, "plan": "gold", "note": "herself by her address"}
ALAN = {"profile_id": "p-alan-9", "email": "alan@example.com", "plan": "free", "note": "none"}
MENTIONING = {"note", "quoted", "family", "friends", "asked", "asked_id", "link"}
PROPERTIES = ("plan", "note", "quoted", "family", "friends", "asked", "asked_id", "link")
ORDERS = "\n".join(
    (
        "customer_id,email,tel,note,amount",
        f"{PROFILE},{MAIL},{PHONE},gift,10",
        "p-grace-3,grace@example.com,,for " + MAIL + ",20",
        f"p-alan-9,alan@example.com,,hash {_HASH},30",
        f"{MAIL.upper()},,0049 (151) 1234-5678,gift,50",
        f'p-mary-1,mary@example.com,,"[""{MAIL}""]",40',
    )
).encode()
QUERY = "SELECT customer_id AS profile_id, email, note, amount, sha256(lower(email)) AS digest FROM orders"
CSV = {"Content-Type": "text/csv"}


async def live(desk: Desk) -> list[str]:
    """Let the person be everywhere. Returns the activations that send to the webhook."""
    await _upload_orders(desk)
    await _compute(desk)
    activations = [
        await desk.flow.activate(resync=True, properties=PROPERTIES, updates=True),
        await desk.flow.activate(resync=True, type="Audience Entered"),
    ]
    await desk.flow.upload([ADA, GRACE, ALAN])
    await desk.flow.quiet(activations[0])
    await desk.flow.upload([{**ADA, "plan": "free"}, {**GRACE, "plan": "gold"}, ALAN, BY_MAIL])
    await desk.flow.quiet(activations[0])
    await _patch(desk)
    await _export(desk)
    await _seed(desk)
    await _try(desk, activations[0])
    return activations


async def ask(desk: Desk, *, refuse: bool = True) -> str:
    """Request the erasure, as a client does that encodes its path and may repeat it. Returns its id."""
    path = f"profiles/email%3A{MAIL.replace('@', '%40')}"
    found = await desk.data(
        "DELETE",
        path,
        params={"refuse": str(refuse).lower()},
        headers={"Idempotency-Key": "forget"},
    )
    return str(found["erasure"]["id"])


async def _upload_orders(desk: Desk) -> None:
    made = await desk.data("POST", "datasets", json={"name": "orders", "kind": "upload"})
    path = f"datasets/{made['dataset']['id']}/content"
    for content in (ORDERS, ORDERS.replace(b"gift", b"gifts")):
        await desk.data("PUT", path, content=content, headers=CSV)


async def _compute(desk: Desk) -> None:
    body = {"name": "Computed", "definition": {"query": QUERY}, "audienceType": "USERS"}
    made = (await desk.data("POST", "audiences", json=body))["audience"]
    await desk.data("POST", f"audiences/{made['id']}/runs")
    await Hand(desk.flow).quiet()
    asked = {"definition": body["definition"], "audienceType": "USERS"}
    preview = (await desk.data("POST", "audiences/previews", json=asked))["audiencePreview"]
    assert await compute_preview(desk.flow.platform, desk.flow.space_id, preview["id"])


async def _patch(desk: Desk) -> None:
    changes = {"add": [{**ADA, "note": "patched"}, {**ALAN, "note": MENTION}]}
    headers = {"Idempotency-Key": "patch"}
    await desk.data(
        "PATCH", f"audiences/{desk.flow.audience_id}/members", json=changes, headers=headers
    )
    await Hand(desk.flow).quiet()


async def _export(desk: Desk) -> None:
    """Write files of all members to the service's own store."""
    audience = f"audiences/{desk.flow.audience_id}"
    for settings in (
        {"format": "csv", "delimiter": ";", "compression": "gzip"},
        {"format": "parquet", "contents": "snapshot"},
    ):
        body = {"slug": "file-download", "name": settings["format"], "settings": settings}
        account = (await desk.data("POST", "destinations", json=body))["destination"]
        connect = {"destination": {"id": account["id"], "type": "destination"}}
        made = await desk.data("POST", f"{audience}/destination-connections", json=connect)
        await desk.data(
            "POST",
            f"{audience}/destination-connections/{made['connection']['id']}/activations",
            json={
                "enabled": True,
                "performResync": True,
                "activationType": "Audience Membership Changed",
                "activationName": f"Files {settings['format']}",
                "personalization": {"profile": {"properties": list(PROPERTIES)}},
            },
        )
    await Hand(desk.flow).quiet()


async def _seed(desk: Desk) -> None:
    """Say that a destination holds the person, which the service has not sent."""
    activation = await desk.flow.activate(enabled=False)
    rows = f"profile_id,email\n{PROFILE},{MAIL}\np-grace-3,grace@example.com\n".encode()
    await desk.data("PUT", desk.path(activation, "/holdings"), content=rows, headers=CSV)
    await desk.data("DELETE", desk.path(activation, "/holdings"))


async def _try(desk: Desk, activation: str) -> None:
    """Show what would be sent, and send the person once as a test."""
    await desk.data(
        "POST", desk.path(activation, "/syncs"), json={"kind": "resync", "dryRun": True}
    )
    await Hand(desk.flow).quiet()
    body = orjson.dumps({"profileId": PROFILE})
    headers = {"Content-Type": "application/json", "Idempotency-Key": "test send"}
    sent = asyncio.create_task(
        desk.data("POST", desk.path(activation, "/test-sends"), content=body, headers=headers)
    )
    while not sent.done():
        await Hand(desk.flow).once()
        await asyncio.sleep(0.01)
    await sent
