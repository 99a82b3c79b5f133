"""A member whom the partner does not confirm through three syncs is rejected with its words; an exit is still sent."""

from __future__ import annotations

from typing import Any

from app.sandbox.braze import BrazeEmulator
from app.services.platform.platform import Platform
from app.storage.models import Sync
from tests.integration.connectors.test_partners import PARTNERS, world_of

BRAZE = PARTNERS[1]


def people(*numbers: int, tier: str = "gold") -> list[dict[str, Any]]:
    return [
        {"profile_id": f"p{n}", "user_id": f"u{n}", "tier": tier if n == 1 else "x"}
        for n in numbers
    ]


async def test_three_syncs_without_a_confirmation_are_enough(platform: Platform) -> None:
    async with world_of(platform, BRAZE) as world:
        braze = world.emulator
        assert isinstance(braze, BrazeEmulator)
        braze.uncounted.add("u1")
        activation = await world.flow.activate(
            resync=True,
            idSync=[{"externalId": "user_id", "strategy": "last"}],
            idSyncGiven=True,
            connectionSettings=dict(world.partner.connection),
            personalization={"profile": {"properties": ["tier"]}},
            updates=True,
        )

        async def sent(*numbers: int, **given: Any) -> Sync:
            await world.flow.upload(people(*numbers, **given))
            sync = await world.flow.quiet(activation)
            assert sync.state == "complete"
            return sync

        words = ""
        for extra in (2, 3):
            sync = await sent(1, *range(2, extra + 1))
            assert (sync.delivered, sync.rejected) == (1, 0)
            assert sync.report is not None
            assert sync.report["unknown"]["counts"] == {"not_counted": 1}
            words = sync.report["unknown"]["samples"][0]["message"]
        sync = await sent(1, 2, 3, 4)
        assert (sync.delivered, sync.rejected) == (1, 1)
        assert sync.rejections is not None
        assert sync.rejections["counts"] == {"unconfirmed": 1}
        (sample,) = sync.rejections["samples"]
        assert sample["message"] == words
        assert "unknown" not in (sync.report or {})
        sync = await sent(1, 2, 3, 4, 5)
        assert (sync.entered, sync.left_out) == (1, {"refused_before": 1})
        assert (await sent(1, 2, 3, 4, 5, tier="silver")).entered == 1  # other values: sent again
        sync = await sent(2, 3, 4, 5)
        assert (sync.exited, sync.delivered) == (1, 1)  # it may be there
