"""The read budget of a request: how much history it fetches from a remote object store."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from pyarrow import fs

from app.core import clock
from app.core.object_backends import Bucket
from app.core.objects import ObjectStore
from app.services.holdings import holdings
from app.services.platform.platform import Platform
from app.services.reports import explain
from app.services.reports import read_budget as searching
from app.services.reports.explanation import Explanation
from tests.flow import ACTOR, Flow, installation, worker


def elsewhere(platform: Platform) -> tuple[Platform, Path]:
    """Present the objects as a remote bucket with a cache."""
    root = unquote(urlsplit(platform.settings.storage).path)
    cache = platform.settings.cache / "objects"
    bucket = ObjectStore(Bucket(fs.LocalFileSystem(), root, cache))
    return dataclasses.replace(platform, objects=bucket), cache / "objects"


async def explained(platform: Platform, flow: Flow, activation_id: str) -> Explanation:
    return await explain.explain_profile(
        platform,
        space_id=flow.space_id,
        audience_id=flow.audience_id,
        activation_id=activation_id,
        profile_id="p0",
    )


async def forget(flow: Flow, activation_id: str) -> None:
    """Holdings consist of the newest outcomes, which are read in any case."""
    async with flow.platform.unit_of_work() as session:
        await holdings.forget_holdings(
            session, flow.space_id, flow.audience_id, activation_id, actor=ACTOR, now=clock.now()
        )


@pytest.mark.walk
async def test_it_stops_at_the_bound_and_says_where(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with installation(platform) as flow:
        async with worker(platform):
            activation_id = await flow.activate(resync=True)
            for ids in (range(3), range(1, 3), range(3)):
                await flow.members(ids)
                await flow.quiet(activation_id)
        await forget(flow, activation_id)
        here = await explained(platform, flow, activation_id)
        assert len(here.history) == len(here.memberships[0].history) == 3
        assert (here.history_stopped_at, here.memberships[0].history_stopped_at) == (
            None,
            None,
        )

        remote, cache = elsewhere(platform)
        newest = (await flow.syncs(activation_id))[-1]
        assert newest.outcome is not None
        monkeypatch.setattr(searching, "BYTES", 2 * newest.outcome["bytes"] + 10)  # two parts
        short = await explained(remote, flow, activation_id)
        assert [one.sync_number for one in short.history] == [newest.number]
        assert short.history_stopped_at is not None
        assert short.history_stopped_at.sync_number == newest.number - 1
        brought = len(list(cache.iterdir()))

        monkeypatch.setattr(searching, "BYTES", 0)
        again = await explained(remote, flow, activation_id)
        assert again.history == short.history, "what is at hand is free"
        assert len(list(cache.iterdir())) == brought

        monkeypatch.undo()
        assert await explained(remote, flow, activation_id) == here


@pytest.mark.walk
async def test_it_stops_when_its_time_is_over(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with installation(platform) as flow:
        async with worker(platform):
            activation_id = await flow.activate(resync=True)
            first = await flow.members(range(2))
            await flow.quiet(activation_id)
            await flow.members(range(1))
            sync = await flow.quiet(activation_id)
        remote, _ = elsewhere(platform)
        await forget(flow, activation_id)
        monkeypatch.setattr(searching, "SECONDS", -1.0)
        found = await explained(remote, flow, activation_id)
        assert found.history_stopped_at is not None
        assert (found.history, found.history_stopped_at.sync_id) == ([], sync.id)
        membership = found.memberships[0]
        assert membership.member is True, "the current snapshot is always read"
        assert [turn.member for turn in membership.history] == [True]
        assert membership.history_stopped_at is not None
        assert membership.history_stopped_at.snapshot_id == first.snapshot_id
        monkeypatch.undo()
        whole = await explained(remote, flow, activation_id)
        monkeypatch.setattr(searching, "SECONDS", -1.0)
        assert await explained(remote, flow, activation_id) == whole, "what is at hand is free"
