"""Activations at one place: an exit of one never removes what the other holds, and nothing stays that nobody holds."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, update

from app.core.errors import Conflict
from app.domain.changes import ChangeKind
from app.queue import Task
from app.sandbox.klaviyo import KlaviyoEmulator
from app.services.planning.test_sends import send_test
from app.services.platform.platform import Platform
from app.storage.models import Sync
from tests.flow import ACTOR
from tests.integration.services.places.owners import IDENTITY, owners

LIST = "AbCdEf"


@pytest.mark.walk
async def test_two_spaces_with_one_account(platform: Platform) -> None:
    async with owners(platform) as them:
        await them.share("abcdefghij", **IDENTITY)
        assert them.marked() == set("abcdefghij")
        await them.one.supply("abcde")
        await them.all()
        assert them.marked() == set("abcdefghij")
        sync = await them.one.newest()
        assert (sync.exited, sync.left_out) == (0, {"held_by_another": 5})
        assert await them.one.held() == 5
        # What one has dropped, the other removes.
        await them.other.supply("abcdef")
        await them.all()
        assert them.marked() == set("abcdef")
        await them.one.supply("f")
        await them.other.supply("g")
        await them.all()
        assert them.marked() == set("fg")


@pytest.mark.walk
async def test_two_accounts_protect_nothing(platform: Platform) -> None:
    async with owners(platform) as them:
        await them.share("ab", **IDENTITY)
        await them.other.flow.change_account({"api_key": "of-another-workspace"})
        await them.one.supply("a")
        await them.plan()
        assert (await them.one.newest()).exited == 1


@pytest.mark.walk
async def test_both_drop_a_key_at_once(platform: Platform) -> None:
    async with owners(platform) as them:
        await them.share("abc", **IDENTITY)
        for owner in (them.one, them.other):
            await owner.supply("a")
        workers = [them.hand.once(tasks=(Task.PLAN,)) for _ in range(3)]
        await asyncio.gather(*workers)
        planned = [await owner.newest() for owner in (them.one, them.other)]
        assert sorted(sync.exited for sync in planned) == [0, 2]
        await them.all()
        assert them.marked() == {"a"}
        assert [await owner.held() for owner in (them.one, them.other)] == [1, 1]


@pytest.mark.walk
async def test_a_cancelled_entry_of_the_other_leaves_nobody_behind(platform: Platform) -> None:
    async with owners(platform) as them:
        await them.share("a", **IDENTITY)
        await them.other.supply("ab")
        await them.one.supply("ab")
        await them.all()
        await them.other.supply("a")
        await them.all()  # b is held by one only
        await them.other.supply("ab")
        await them.plan()  # the entry of b is planned, not sent
        await them.one.supply("a")
        await them.plan()
        assert (await them.one.newest()).left_out == {"held_by_another": 1}
        await them.other.cancel()
        await them.all()
        assert them.marked() == {"a"}


@pytest.mark.chaos
async def test_an_entry_waits_for_an_exit_under_way(platform: Platform) -> None:
    async with owners(platform) as them:
        await them.share("a", **IDENTITY)
        await them.one.supply("ab")
        await them.all()
        await them.one.supply("a")
        await them.plan()  # the exit of b is planned, not sent
        await them.other.supply("ab")
        await them.plan()
        assert (await them.other.newest()).left_out == {"leaving_by_another": 1}
        await them.all()
        assert them.marked() == {"a", "b"}


@pytest.mark.chaos
async def test_mode_remove_removes_what_the_other_holds(platform: Platform) -> None:
    async with owners(platform) as them:
        await them.share("ab", **IDENTITY)
        await them.one.activate(mode="remove", **IDENTITY)
        await them.all()
        assert them.marked() == set()


@pytest.mark.chaos
async def test_a_resync_of_one_sends_no_exit_of_the_other(platform: Platform) -> None:
    async with owners(platform) as them:
        await them.share("ab", **IDENTITY)
        await them.one.supply("a")
        await them.hand.start(them.one.id, kind="resync")
        await them.all()
        assert them.marked() == {"a", "b"}


@pytest.mark.walk
async def test_a_deleted_activation_holds_nothing(platform: Platform) -> None:
    async with owners(platform) as them:
        await them.share("ab", **IDENTITY)
        await them.other.remove()
        await them.one.supply("a")
        await them.all()
        assert them.marked() == {"a"}


@pytest.mark.walk
async def test_what_waited_for_a_deleted_activation_is_removed(platform: Platform) -> None:
    async with owners(platform) as them:
        await them.share("ab", mode="append", **IDENTITY)
        await them.hand.configure(them.one.id, mode="maintain")
        await them.one.supply("a")
        await them.all()
        assert them.marked() == {"a", "b"}
        await them.other.remove()
        await them.all()
        assert them.marked() == {"a"}


@pytest.mark.chaos
async def test_a_disabled_activation_holds_what_it_held(platform: Platform) -> None:
    async with owners(platform) as them:
        await them.share("ab", **IDENTITY)
        async with platform.unit_of_work() as session:
            row = await them.other.flow.activation(them.other.id)
            row.enabled = False
            session.add(row)
        await them.one.supply("a")
        await them.all()
        assert them.marked() == {"a", "b"}


@pytest.mark.walk
async def test_one_moves_to_another_attribute(platform: Platform) -> None:
    async with owners(platform) as them:
        await them.share("ab", **IDENTITY)
        await them.hand.configure(them.one.id, connectionSettings={"attribute_name": "others"})
        await them.all()
        assert (them.marked(), them.marked("others")) == ({"a", "b"}, {"a", "b"})
        await them.other.supply("a")
        await them.all()
        assert them.marked() == {"a"}


async def test_two_activations_for_entries_and_exits_of_one_audience(platform: Platform) -> None:
    async with owners(platform) as them:
        enters, exits = them.one, them.other
        exits.flow = enters.flow
        action = {"destinationMapping": {"actionId": "braze-update-user-profile", "settings": {}}}
        await enters.activate(type="Audience Entered", **IDENTITY, **action)
        await exits.activate(type="Audience Exited", **IDENTITY, **action)
        await enters.supply("abc")
        await them.all()
        assert them.marked() == set("abc")
        await enters.supply("a")
        await them.all()
        assert them.marked() == {"a"}


@pytest.mark.walk
async def test_another_kind_of_key_on_one_list(platform: Platform) -> None:
    partner = KlaviyoEmulator(job_seconds=0.01)
    partner.account.new_list("VIP", LIST)
    async with owners(platform, partner) as them:
        named = {"connectionSettings": {"list_id": LIST}}
        by_email = {"externalId": "email", "strategy": "last"}
        by_user = {"externalId": "user_id", "strategy": "last", "mapTo": "external_id"}
        await them.one.activate(idSync=[by_user, by_email], **named)
        await them.other.activate(idSync=[by_email], **named)

        def on_list() -> set[str]:
            return {member["email"][0] for member in partner.members(LIST) or []}

        for owner in (them.one, them.other):
            await owner.supply("ab")
            await them.all()
        await them.other.supply("a")
        await them.all()
        assert on_list() == {"a", "b"}
        assert (await them.other.newest()).left_out == {"held_by_another": 1}
        await them.one.supply("a")
        await them.all()
        assert on_list() == {"a"}


@pytest.mark.walk
async def test_an_entry_waits_for_an_unknown_exit_of_the_other(platform: Platform) -> None:
    """The partner may apply the exit until the settle time is over, also after the other sync has ended.

    A test send waits too.
    """
    async with owners(platform) as them:
        await them.share("ab", **IDENTITY)
        await them.other.supply("a")
        await them.all()
        them.sandbox.faults.add({"kind": "cut_before", "service": "braze", "times": 1})
        await them.one.supply("a")
        await them.all()
        left = await them.one.newest()
        assert (left.state, left.exited, left.delivered) == ("complete", 1, 1)
        assert left.last_unknown_at is not None
        await called(platform, left, func.clock_timestamp() + timedelta(minutes=1))
        with pytest.raises(Conflict, match="earlier request had no definite response"):
            await send_test(
                platform,
                space_id=them.other.flow.space_id,
                audience_id=them.other.flow.audience_id,
                activation_id=them.other.id,
                who="a",
                kind=ChangeKind.ENTERED,
                actor=ACTOR,
            )
        await them.other.supply("ab")
        await them.plan()
        waiting = await them.other.newest()
        assert waiting.state == "new"
        await called(platform, left, func.clock_timestamp() - timedelta(minutes=1))
        async with platform.unit_of_work() as session:
            await session.execute(update(Sync).where(Sync.id == waiting.id).values(next_at=None))
        await them.all()
        assert (await them.other.newest()).state == "complete"
        assert them.marked() == {"a", "b"}


async def called(platform: Platform, sync: Sync, at: Any) -> None:
    """Let the last call of a sync without a definite response have been at a time of PostgreSQL's clock."""
    async with platform.unit_of_work() as session:
        await session.execute(update(Sync).where(Sync.id == sync.id).values(last_unknown_at=at))
