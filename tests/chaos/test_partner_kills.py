"""Klaviyo at its worst: bad addresses, unknown profiles, a time of 429s, an answer lost, and a worker killed twice.

Whatever happened: the list ends equal to the members that Klaviyo accepts, each refused one is listed with its reason,
once, and nothing went beyond the partner's limits.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.core.config import Settings
from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.sandbox import Sandbox
from app.services.destination_settings import seal
from app.services.platform import Platform
from app.storage.models import Destination, Space
from tests.flow import Flow, eventually, installation

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(400)]

LIST = "AbCdEf"
MEMBERS = 4_000
ROWS = 200


def environment(settings: Settings) -> dict[str, str]:
    """The test's settings, as another process reads them."""
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
        "ACTIVATIONS_LEASE": "6",
        "ACTIVATIONS_SETTLE_TIME": "1",
        "ACTIVATIONS_SWEEP_INTERVAL": "0.5",
        "ACTIVATIONS_HTTP_TOTAL_TIMEOUT": "3",
    }


@contextmanager
def working(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """A worker in a process group of its own, which is killed at the end, as by a power cut."""
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "worker"],
        env=environment(settings),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def email(number: int) -> str:
    """One in ten is no address."""
    return f"p{number}@example.com" if number % 10 else f"p{number} at example"


def unknown(number: int) -> bool:
    """One in a hundred is a profile that Klaviyo refuses in the import itself."""
    return number % 100 == 7


def accepted(numbers: range) -> set[str]:
    return {email(n) for n in numbers if n % 10 and not unknown(n)}


async def supply(flow: Flow, numbers: range) -> None:
    await flow.upload({"profile_id": f"p{n}", "email": email(n)} for n in numbers)


async def test_faults_and_kills_leave_the_list_equal_to_what_the_partner_accepts(
    platform: Platform,
) -> None:
    klaviyo = KlaviyoEmulator(job_seconds=1.0)
    klaviyo.account.new_list("VIP", LIST)
    klaviyo.refused.update({email(n): "no such profile" for n in range(2 * MEMBERS) if unknown(n)})
    settings = platform.settings
    async with installation(platform) as flow, Sandbox([klaviyo]) as sandbox:
        async with platform.unit_of_work() as session:
            space = await session.get(Space, flow.space_id)
            destination = await session.get(Destination, (flow.space_id, flow.destination_id))
            assert space is not None
            assert destination is not None
            destination.slug = "klaviyo"
            plain = {"api_key": "pk_sandbox", "base_url": sandbox.urls["klaviyo"]}
            destination.settings = seal(platform.keyring, space.workspace_id, destination.id, plain)
        activation = await flow.activate(
            idSyncGiven=True,
            connectionSettings={"list_id": LIST},
            destinationMapping={
                "actionId": "klaviyo-add-profile-to-list",
                "settings": {"batch_size": ROWS},
            },
        )

        def on_the_list() -> set[str]:
            return {str(member["email"]) for member in klaviyo.members(LIST) or []}

        sandbox.faults.add(
            {"kind": "apply_then_status", "status": 500, "method": "POST", "times": 1}
        )
        throttle = {"kind": "status", "status": 429, "retry_after": 1, "for_seconds": 6}
        sandbox.faults.add(throttle)
        with working(settings):
            await supply(flow, range(MEMBERS))
            await eventually(lambda: len(on_the_list()) > MEMBERS // 10, 90)
        with working(settings):
            sync = await flow.quiet(activation, 150)
            assert sync.state == "complete"
            assert on_the_list() == accepted(range(MEMBERS))
            refused = MEMBERS // 10 + MEMBERS // 100
            assert (sync.planned, sync.rejected) == (MEMBERS, refused)
            assert sync.delivered == MEMBERS - refused
            assert sync.rejections is not None
            assert sum(sync.rejections["counts"].values()) == refused
            rows = [sample["row"] for sample in sync.rejections["samples"]]
            assert len(rows) == len(set(rows)) == 100
            words = " ".join(sample["message"] for sample in sync.rejections["samples"])
            assert "no such profile" in words

            later = range(MEMBERS // 4, MEMBERS + MEMBERS // 4)
            sandbox.faults.add({"kind": "apply_then_status", "status": 500, "times": 1})
            await supply(flow, later)
            await eventually(lambda: email(1) not in on_the_list(), 60)
        with working(settings):
            sync = await flow.quiet(activation, 150)
            assert sync.state == "complete"
            assert on_the_list() == accepted(later)
        stats = klaviyo.stats()
        assert (stats["violations"], stats["throttled"]) == (0, 0)
