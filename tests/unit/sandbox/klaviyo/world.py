"""An emulated Klaviyo account in a thread, and Klaviyo's official client for it. The client waits; the emulator must not."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from klaviyo_api import KlaviyoAPI

from app.sandbox.klaviyo import ALL_SCOPES, KlaviyoEmulator
from app.sandbox.sandbox import Sandbox

KEY = "pk_everything"
LIST = "AbCdEf"


class World:
    """The client and the emulator, with one list, two profiles and one import that is complete."""

    def __init__(self, url: str, emulator: KlaviyoEmulator) -> None:
        self.url = url
        self.emulator = emulator
        self.client = self.connect(KEY)
        self.profiles: Any = self.client.Profiles
        self.lists: Any = self.client.Lists
        self.accounts: Any = self.client.Accounts
        self._numbers = itertools.count(1)
        account = emulator.account
        account.new_list("VIP", LIST)
        anna, _ = account.upsert(
            {
                "email": "anna@example.com",
                "external_id": "u1",
                "phone_number": "+15005550006",
                "first_name": "Anna",
                "location": {"city": "Oslo", "country": "NO"},
                "properties": {"tier": "gold", "tags": ["a", "b"]},
            }
        )
        bob, _ = account.upsert({"email": "bob@example.com", "external_id": "u2"})
        self.anna, self.bob = anna.id, bob.id
        emulator.refused["bad@example.com"] = "not taken"
        emulator.account.job_seconds = 0
        rows = [{"email": "anna@example.com"}, {"email": "bad@example.com"}, {"email": "c@x.io"}]
        self.job = account.start_job(rows, [LIST], ignored=False).id
        account.advance()
        account.advance()

    def connect(self, key: str) -> KlaviyoAPI:
        """Return a client with another key. It does not repeat calls."""
        client = KlaviyoAPI(key, max_retries=1, test_host=self.url)
        # Without this, the client's HTTP library waits for the Retry-After of a 429, and repeats the call.
        client.api_client.rest_client.pool_manager.connection_pool_kw["retries"] = False
        return client

    def new_email(self) -> str:
        """Return an address that no profile has."""
        return f"new{next(self._numbers)}@example.com"

    def new_profile(self, **attributes: Any) -> str:
        """Create a profile in the emulator. Returns its id."""
        made, _ = self.emulator.account.upsert({"email": self.new_email(), **attributes})
        return made.id

    def new_list(self, *members: str) -> str:
        """Create a list with members in the emulator. Returns its id."""
        made = self.emulator.account.new_list(f"List {next(self._numbers)}")
        if members:
            self.lists.add_profiles_to_list(made.id, rows_of("profile", *members))
        return made.id


def rows_of(kind: str, *ids: str) -> dict[str, Any]:
    """Return a body that names resources: ``{"data": [{"type", "id"}]}``."""
    return {"data": [{"type": kind, "id": one} for one in ids]}


def profile(**attributes: Any) -> dict[str, Any]:
    """Return the body of one profile."""
    return {"data": {"type": "profile", "attributes": attributes}}


def patched(email: str, **patch: Any) -> dict[str, Any]:
    """Return the body of an upsert that changes properties: append, unappend, unset."""
    return {
        "data": {
            "type": "profile",
            "attributes": {"email": email},
            "meta": {"patch_properties": patch},
        }
    }


@contextmanager
def klaviyo_world() -> Iterator[World]:
    """Start the emulator in a thread of its own."""
    emulator = KlaviyoEmulator(limits=False, job_seconds=0.0)
    emulator.keys[KEY] = (*ALL_SCOPES, "accounts:read", "subscriptions:write", "segments:read")
    loop = asyncio.new_event_loop()
    sandbox = Sandbox([emulator])
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(sandbox.start(), loop).result(10)
        yield World(sandbox.urls["klaviyo"], emulator)
    finally:
        asyncio.run_coroutine_threadsafe(sandbox.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
