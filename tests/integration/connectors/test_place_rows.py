"""Exits that Klaviyo's search cannot find by the key: just sent, or under another identifier."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from app.connectors.destinations.klaviyo import removals
from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.sandbox import Sandbox
from app.sandbox.server import Request, Response
from app.services.platform import fetch_manifest
from app.services.platform.platform import Platform
from app.snapshots.engine import Manifest
from app.snapshots.holdings import page_holdings
from tests.flow import Flow, installation
from tests.stepping import stepped

LIST = "AbCdEf"
BY_BOTH = [
    {"externalId": "email", "strategy": "last"},
    {"externalId": "user_id", "strategy": "last", "mapTo": "external_id"},
]


class Forgetful(KlaviyoEmulator):
    """An account that may not show the profiles of imports, so that exits are searched for."""

    hides_ids = False

    def handle(self, request: Request) -> Response:
        if self.hides_ids and request.path.endswith("/profiles") and "-jobs/" in request.path:
            return Response(500)
        return super().handle(request)


@pytest.fixture
def searchable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Klaviyo's search is up to date at once."""
    monkeypatch.setattr(removals, "SEARCHABLE_AFTER", timedelta(0))


@asynccontextmanager
async def a_list(platform: Platform) -> AsyncIterator[tuple[Flow, Forgetful, str]]:
    partner = Forgetful(job_seconds=0.02, limits=False)
    partner.account.new_list("VIP", LIST)
    async with installation(platform) as flow, Sandbox([partner]) as sandbox:
        account = {"api_key": "pk_sandbox", "base_url": sandbox.urls["klaviyo"]}
        await flow.use_account("klaviyo", account)
        activation = await flow.activate(connectionSettings={"list_id": LIST}, idSync=BY_BOTH)
        yield stepped(flow), partner, activation


def rows(numbers: Iterable[int], **user_ids: str) -> list[dict[str, Any]]:
    return [
        {"profile_id": f"p{n}", "email": f"p{n}@example.com", "user_id": user_ids.get(f"p{n}", f"u{n}")}
        for n in numbers
    ]  # fmt: skip


def on_the_list(partner: KlaviyoEmulator) -> set[str]:
    """Whom the list has, also if searches and the list do not show them yet."""
    account = partner.account
    return {account.profiles[one].attributes["email"] for one in account.lists[LIST].members}


async def identities(flow: Flow, activation: str) -> dict[str, Any]:
    """The identifiers that are held, by key."""
    manifest = Manifest.from_json((await flow.activation(activation)).holdings)
    local = await fetch_manifest(flow.platform.objects, manifest)
    found = await flow.platform.engine.run(page_holdings, local, None, 100)
    return {row["key"]: row["identity"] for row in found}


@pytest.mark.walk
async def test_nobody_stays_who_was_sent_just_before(platform: Platform) -> None:
    async with a_list(platform) as (flow, partner, activation):
        partner.account.index_seconds = 60
        await flow.upload(rows(range(12)))
        await flow.quiet(activation)
        await flow.upload(rows(range(2)))
        sync = await flow.quiet(activation)
        assert (sync.delivered, len(on_the_list(partner))) == (10, 2)
        # Without the ids of the import, the exits are looked for until Klaviyo shows them.
        partner.account.index_seconds = 1.5
        partner.hides_ids = True
        await flow.upload(rows([0, 1, *range(20, 32)]))
        await flow.quiet(activation)
        assert len(on_the_list(partner)) == 14
        await flow.upload(rows(range(2)))
        sync = await flow.quiet(activation)
        assert (sync.state, sync.delivered, len(on_the_list(partner))) == ("complete", 12, 2)


@pytest.mark.walk
@pytest.mark.usefixtures("searchable")
async def test_an_exit_looks_for_the_other_identifiers_that_nobody_else_has(
    platform: Platform,
) -> None:
    async with a_list(platform) as (flow, partner, activation):
        partner.hides_ids = True
        await flow.upload(rows(range(12)))
        await flow.quiet(activation)
        for number in (3, 4):  # the shop changes addresses at Klaviyo
            partner.account.upsert({"external_id": f"u{number}", "email": f"new{number}@x.io"})
        # u3 is also the id of a new member, who gets a profile by the address. Whose the old one is, is not known yet.
        await flow.upload(rows([0, 1, 2, *range(5, 12), 12], p12="u3"))
        await flow.quiet(activation)
        wanted = {f"p{n}@example.com" for n in (0, 1, 2, *range(5, 13))}
        assert on_the_list(partner) == wanted | {"new3@x.io"}
        assert (await flow.syncs(activation))[-1].delivered == 2  # of three: the exit is unknown
        await flow.upload(rows([0, 1, 12], p12="u3"))
        await flow.quiet(activation)
        assert on_the_list(partner) == {f"p{n}@example.com" for n in (0, 1, 12)}
        assert (await flow.activation(activation)).held == 3


@pytest.mark.walk
@pytest.mark.usefixtures("searchable")
async def test_of_a_duplicate_only_the_accepted_identifier_is_kept(platform: Platform) -> None:
    async with a_list(platform) as (flow, partner, activation):
        other, _ = partner.account.upsert({"email": "other@x.io", "external_id": "u1"})
        partner.account.lists[LIST].add(other.id)
        partner.account.upsert({"email": "p1@example.com"})
        partner.hides_ids = True
        await flow.upload(rows(range(12)))
        first = await flow.quiet(activation)
        assert (first.report or {})["notes"]["counts"] == {"duplicate_profile": 1}
        gone = partner.account.find("email", "p1@example.com")
        assert gone is not None
        partner.account.upsert({"email": "renamed@x.io"}, profile_id=gone.id)
        held = await identities(flow, activation)
        assert held["p1@example.com"] == {"email": "p1@example.com"}
        assert held["p2@example.com"] == {"email": "p2@example.com", "external_id": "u2"}
        await flow.upload(rows([0, 2, 3]))
        await flow.quiet(activation)
        assert "other@x.io" in on_the_list(partner)  # the other person, who has u1


@pytest.mark.walk
@pytest.mark.usefixtures("searchable")
async def test_the_members_of_other_activations_at_the_place_count_too(platform: Platform) -> None:
    async with a_list(platform) as (flow, partner, activation):
        partner.hides_ids = True
        await flow.upload(rows(range(12)))
        await flow.quiet(activation)
        others = await flow.another_audience()
        other = await others.activate(
            resync=True, connectionSettings={"list_id": LIST}, idSync=BY_BOTH
        )
        for number in (3, 4):
            partner.account.upsert({"external_id": f"u{number}", "email": f"new{number}@x.io"})
        await others.upload([{"profile_id": "x", "email": "new3@x.io"}])
        await others.quiet(other)
        await flow.upload(rows([0, 1, 2, *range(5, 12)]))
        await flow.quiet(activation)
        assert "new3@x.io" in on_the_list(partner)  # whom the other activation has there
        assert "new4@x.io" not in on_the_list(partner)
