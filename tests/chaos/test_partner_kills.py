"""Deliveries to each partner under faults: bad values, unknown profiles, 429 responses, lost responses, killed workers.

Whatever happened: the partner ends with the members that it accepts, each refused one is listed with its reason, once,
and nothing went beyond the partner's limits.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from app.core.config import Settings
from app.sandbox.braze import BrazeEmulator
from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.talon_one import TalonOneEmulator
from app.services.platform.platform import Platform
from app.storage.models import Sync
from tests.flow import eventually
from tests.integration.connectors.test_partners import PARTNERS, Partner, World, prepared

UNKNOWN = "no such profile"
SLOW = 0.2  # seconds per call, so that a worker is killed in the middle of calls


@dataclass(frozen=True)
class Size:
    """The size of a test, and the timing of its worker."""

    members: int
    rows: int  # in a call
    throttled: float  # seconds in which all responses are 429
    lease: str
    retry_waits: str

    @property
    def is_small(self) -> bool:
        """Whether the sync may end before the test observes it."""
        return self.members < 1_000

    @property
    def first(self) -> range:
        return range(self.members)

    @property
    def later(self) -> range:
        """Return the members of the next day."""
        return range(self.members // 4, self.members + self.members // 4)


SMALL = Size(600, 20, 1, "4", '["PT0.2S","PT0.5S"]')
FULL = Size(10_000, 75, 60, "6", '["PT5S","PT30S"]')


@dataclass(frozen=True)
class Hard:
    """A partner. One identifier in ten is malformed for it, and one in a hundred is unknown to it.

    ``left_out``: the service knows that the malformed ones are invalid, and does not plan them.
    """

    partner: Partner
    field: str
    good: str
    bad: str
    action: str | None = None  # the action whose mapping sets the size of a call
    left_out: bool = False

    def identifier(self, number: int) -> str:
        return (self.good if number % 10 else self.bad).format(number)

    def unknown(self, numbers: range) -> dict[str, str]:
        """Return the members that the partner refuses, with its messages."""
        return {self.identifier(n): UNKNOWN for n in numbers if n % 100 == 7}

    def accepted(self, numbers: range) -> set[str]:
        return {self.identifier(n) for n in numbers if n % 10 and n % 100 != 7}


HARD = [
    Hard(PARTNERS[0], "email", "p{}@example.com", "p{} at example", "klaviyo-add-profile-to-list", left_out=True),
    Hard(replace(PARTNERS[1], id_sync="email"), "email", "p{}@example.com", "p{} at example", left_out=True),
    # Talon.One does not check e-mail addresses, so its malformed value is an id of more than 1,000 characters.
    Hard(
        PARTNERS[2], "user_id", "u{}", "u{}" + "x" * 1_000, "talon-one-update-customer-profiles-audiences",
    ),
]  # fmt: skip


@contextmanager
def working(settings: Settings, size: Size) -> Iterator[None]:
    """Run a worker in a separate process group, and kill the group at the end, as in a power failure."""
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "worker"],
        env=environment(settings, size),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def environment(settings: Settings, size: Size) -> dict[str, str]:
    """Return the test's settings as environment variables for another process."""
    assert settings.database_url is not None
    assert settings.redis_url is not None
    assert settings.encryption_keys is not None
    assert settings.token_pepper is not None
    return {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "ACTIVATIONS_DATA_DIR": str(settings.data_dir),
        "ACTIVATIONS_ENCRYPTION_KEYS": settings.encryption_keys.get_secret_value(),
        "ACTIVATIONS_TOKEN_PEPPER": settings.token_pepper.get_secret_value(),
        "ACTIVATIONS_OUTBOUND_ALLOW": "127.0.0.1",
        "ACTIVATIONS_LEASE": size.lease,
        "ACTIVATIONS_RETRY_WAITS": size.retry_waits,
        "ACTIVATIONS_SETTLE_TIME": "1",
        "ACTIVATIONS_SWEEP_INTERVAL": "0.5",
        "ACTIVATIONS_HTTP_TOTAL_TIMEOUT": "2",
    }


async def activate(world: World, hard: Hard, rows: int) -> str:
    constants = {"batch_size": rows}
    config: dict[str, Any] = {"connectionSettings": dict(hard.partner.connection)}
    if hard.action:
        config["destinationMapping"] = {"actionId": hard.action, "settings": constants}
    else:
        config["connectionSettings"] |= constants
    id_sync = [{"externalId": hard.field, "strategy": "last"}]
    return await world.flow.activate(idSync=id_sync, idSyncGiven=True, **config)


async def upload(world: World, hard: Hard, numbers: range) -> None:
    await world.flow.upload(
        {"profile_id": f"p{n}", hard.field: hard.identifier(n)} for n in numbers
    )


async def reasons(world: World, sync: Sync) -> Counter[str]:
    """Return the number of refused rows of the plan by message."""
    rows: set[int] = set()
    words: Counter[str] = Counter()
    for batch in await world.flow.batches(sync.id):
        for kind in ("rejected", "skipped"):
            for index, refusal in ((batch.receipts or {}).get(kind) or {}).items():
                row = batch.first_row + int(index)
                assert row not in rows
                rows.add(row)
                words[refusal["message"]] += 1
    return words


def refuse(world: World, refused: dict[str, str]) -> None:
    emulator = world.emulator
    assert isinstance(emulator, KlaviyoEmulator | BrazeEmulator | TalonOneEmulator)
    emulator.refused.update(refused)


@pytest.mark.parametrize(
    ("hard", "size"),
    [
        pytest.param(
            HARD[0], SMALL, id="klaviyo-small", marks=[pytest.mark.chaos, pytest.mark.timeout(120)]
        ),
        *(
            pytest.param(
                hard,
                FULL,
                id=f"{hard.partner.slug}-full",
                marks=[pytest.mark.chaos, pytest.mark.timeout(900)],
            )
            for hard in HARD
        ),
    ],
)
async def test_faults_and_kills_leave_what_the_partner_accepts(
    platform: Platform, hard: Hard, size: Size
) -> None:
    async with prepared(platform, hard.partner) as world:
        refuse(world, hard.unknown(range(2 * size.members)))
        activation = await activate(world, hard, size.rows)

        def inside() -> set[str]:
            members = world.emulator.members(hard.partner.list_id) or []
            return {str(member.get("email") or member["id"]) for member in members}

        for fault in (
            {"kind": "apply_then_status", "status": 500, "method": "POST", "times": 1},
            {"kind": "status", "status": 429, "retry_after": 1, "for_seconds": size.throttled},
            {"kind": "slow", "seconds": SLOW},
        ):
            world.sandbox.faults.add(fault)
        with working(platform.settings, size):
            await upload(world, hard, size.first)
            await eventually(lambda: len(inside()) > size.members // 10, 200)
        # Killed in the middle, as far as a small sync allows.
        assert inside() < hard.accepted(size.first) or size.is_small
        with working(platform.settings, size):
            sync = await world.flow.quiet(activation, 300)
            assert sync.state == "complete"
            assert inside() == hard.accepted(size.first)
            left_out = size.members // 10 if hard.left_out else 0
            malformed, unknown = size.members // 10 - left_out, size.members // 100
            assert sync.planned == size.members - left_out
            assert sync.rejected + sync.skipped == malformed + unknown
            assert sync.delivered == sync.planned - malformed - unknown
            words = await reasons(world, sync)
            assert sum(n for message, n in words.items() if UNKNOWN in message) == unknown
            assert words.total() == malformed + unknown

            world.sandbox.faults.add({"kind": "apply_then_status", "status": 500, "times": 1})
            await upload(world, hard, size.later)
            await eventually(lambda: inside() != hard.accepted(size.first), 60)
        assert inside() != hard.accepted(size.later) or size.is_small
        with working(platform.settings, size):
            sync = await world.flow.quiet(activation, 300)
            assert sync.state == "complete"
            assert inside() == hard.accepted(size.later)
        stats = world.emulator.stats()
        assert (stats["violations"], stats["throttled"]) == (0, 0), stats
        print(f"{hard.partner.slug}: {dict(words)}, {stats}, {world.sandbox.faults.used} faults")
