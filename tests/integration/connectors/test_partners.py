"""Each partner through the whole service: members, plan, batches, emulator; days of churn, and faults on the way."""

from __future__ import annotations

import math
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from app.sandbox.braze import DEFAULT_KEY as BRAZE_KEY
from app.sandbox.braze import BrazeEmulator
from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.sandbox import Sandbox
from app.sandbox.service import Service
from app.sandbox.talon_one import DEFAULT_KEY as TALON_KEY
from app.sandbox.talon_one import TalonOneEmulator
from app.services.platform.platform import Platform
from tests.flow import Flow, installation
from tests.stepping import stepped

LIST = "AbCdEf"
#: Members, and days of churn.
SIZES = [(1_200, 3), pytest.param(10_000, 6, marks=[pytest.mark.chaos, pytest.mark.timeout(900)])]


@dataclass(frozen=True)
class Partner:
    """The setup of one destination in a test, and the expected members."""

    slug: str
    service: str
    settings: Mapping[str, Any]
    connection: Mapping[str, Any]
    id_sync: str
    list_id: str
    address: str  # the setting that holds the emulator's URL
    rows_in: int
    rows_out: int

    def emulator(self) -> Service:
        if self.service == "klaviyo":
            klaviyo = KlaviyoEmulator(job_seconds=0.05)
            klaviyo.account.new_list("VIP", LIST)
            return klaviyo
        if self.service == "braze":
            return BrazeEmulator()
        talon = TalonOneEmulator()
        talon.new_audience("VIP", "ii", 7)
        return talon


PARTNERS = [
    Partner("klaviyo", "klaviyo", {"api_key": "pk_sandbox"}, {"list_id": LIST}, "email", LIST, "base_url", 10_000, 1_000),
    Partner("braze", "braze", {"api_key": BRAZE_KEY}, {"batch_size": 75}, "user_id", "audience_buyers", "rest_endpoint", 75, 75),
    Partner("talon-one", "talon_one", {"api_key": TALON_KEY}, {"audience_id": 7}, "user_id", "7", "base_url", 1_000, 1_000),
]  # fmt: skip


@dataclass
class World:
    flow: Flow
    sandbox: Sandbox
    partner: Partner

    @property
    def emulator(self) -> Service:
        return self.sandbox.services[self.partner.service]

    async def activate(self) -> str:
        return await self.flow.activate(
            idSync=[{"externalId": self.partner.id_sync, "strategy": "last"}],
            idSyncGiven=True,
            connectionSettings=dict(self.partner.connection),
        )

    async def members(self, ids: set[int]) -> None:
        await self.flow.upload(
            {"profile_id": f"p{i}", "user_id": f"u{i}", "email": f"p{i}@example.com"}
            for i in sorted(ids)
        )

    def inside(self) -> set[int]:
        members = self.emulator.members(self.partner.list_id) or []
        names = [m.get("email") or m.get("external_id") or m["id"] for m in members]
        return {int(str(name).partition("@")[0][1:]) for name in names}

    def writes(self) -> int:
        return sum(
            request["method"] in ("POST", "PUT", "DELETE")
            for request in self.sandbox.recorder.listed(self.partner.service, 100_000)
        )


@asynccontextmanager
async def prepared(platform: Platform, partner: Partner) -> AsyncIterator[World]:
    """Start everything except a worker."""
    async with installation(platform) as flow, Sandbox([partner.emulator()]) as sandbox:
        url = sandbox.urls[partner.service]
        await flow.use_account(partner.slug, {**partner.settings, partner.address: url})
        yield World(flow, sandbox, partner)


@asynccontextmanager
async def world_of(platform: Platform, partner: Partner) -> AsyncIterator[World]:
    """Start everything; what is due is done when the test waits for it."""
    async with prepared(platform, partner) as world:
        yield replace(world, flow=stepped(world.flow))


@pytest.mark.walk
@pytest.mark.parametrize("partner", PARTNERS, ids=lambda partner: partner.slug)
class TestPartner:
    @pytest.mark.parametrize(("members", "days"), SIZES)
    async def test_days_of_churn_end_equal_to_the_truth_with_the_fewest_calls(
        self, platform: Platform, partner: Partner, members: int, days: int
    ) -> None:
        random_ = random.Random(1)
        async with world_of(platform, partner) as world:
            activation = await world.activate()
            present = set(range(members))
            fewest = 0
            before: set[int] = set()
            for day in range(days):
                if day:
                    present = {i for i in present if random_.random() > 0.1}
                    present |= {100_000 * day + i for i in range(members // 12)}
                await world.members(present)
                sync = await world.flow.quiet(activation, 60)
                assert sync.state == "complete"
                assert sync.delivered == sync.planned
                assert world.inside() == present
                fewest += math.ceil(len(present - before) / partner.rows_in)
                fewest += math.ceil(len(before - present) / partner.rows_out)
                before = set(present)
            stats = world.emulator.stats()
            assert stats["violations"] == 0, stats["violationsSeen"]
            assert stats.get("throttled", 0) == 0  # no call that the partner's limits refuse
            assert world.writes() <= fewest * 1.05
            print(
                f"{partner.slug}: {world.writes()} writing calls, {fewest} the fewest, {stats['violations']} violations"
            )

    async def test_faults_on_the_way_change_nothing_in_the_end(
        self, platform: Platform, partner: Partner
    ) -> None:
        async with world_of(platform, partner) as world:
            activation = await world.activate()
            for fault in (
                {"kind": "status", "status": 429, "retry_after": 0, "times": 2},
                {"kind": "apply_then_status", "status": 500, "times": 1},
                {"kind": "cut", "after_bytes": 10, "times": 1},
                {"kind": "cut_before", "times": 1},
            ):
                world.sandbox.faults.add(fault)
            await world.members(set(range(400)))
            await world.flow.quiet(activation, 60)
            world.sandbox.faults.add({"kind": "apply_then_status", "status": 500, "times": 1})
            await world.members(set(range(50, 420)))
            await world.flow.quiet(activation, 60)
            assert world.inside() == set(range(50, 420))
            assert world.emulator.stats()["violations"] == 0


async def test_refused_profiles_are_rejections_with_the_partners_reason(platform: Platform) -> None:
    async with world_of(platform, PARTNERS[0]) as world:
        assert isinstance(world.emulator, KlaviyoEmulator)
        world.emulator.refused.update(
            {f"p{i}@example.com": "not wanted here" for i in range(0, 300, 10)}
        )
        activation = await world.activate()
        rows = [{"profile_id": f"p{i}", "email": f"p{i}@example.com"} for i in range(300)]
        await world.flow.upload(rows)
        sync = await world.flow.quiet(activation, 60)
        assert (sync.state, sync.planned, sync.rejected, sync.delivered) == (
            "complete",
            300,
            30,
            270,
        )
        assert world.inside() == {i for i in range(300) if i % 10}
