"""Leased work: how each way in which it can end finishes the claim, and the leases of many rows together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from app.services.platform import leases
from app.services.platform.leases import LeaseLost, keep_leases, run_leased

LEASE = timedelta(seconds=0.2)


@dataclass
class Case:
    """A claimed name, and what was called with it."""

    calls: list[str] = field(default_factory=list)
    renewals: int = 1_000  # after that many a renewal is refused

    async def claim(self) -> str | None:
        self.calls.append("claim")
        return "row"

    async def renew(self, claimed: str) -> bool:
        assert claimed == "row"
        self.renewals -= 1
        return self.renewals >= 0

    async def give_back(self, claimed: str) -> None:
        self.calls.append(f"give back {claimed}")

    async def later(self, claimed: str, error: Exception) -> None:
        self.calls.append(f"later {claimed}: {error}")

    async def lost(self, claimed: str) -> None:
        self.calls.append(f"lost {claimed}")

    async def run(self, work: Callable[[str], Awaitable[None]]) -> bool:
        return await run_leased(
            lease=LEASE,
            claim=self.claim,
            renew=self.renew,
            work=work,
            give_back=self.give_back,
            later=self.later,
            lost=self.lost,
        )


async def done(claimed: str) -> None:
    assert claimed == "row"


async def forever(claimed: str) -> None:
    await asyncio.Event().wait()


async def broken(claimed: str) -> None:
    raise RuntimeError("no")


class TestRunLeased:
    async def test_work_that_succeeds_leaves_nothing_to_do(self) -> None:
        case = Case()
        assert await case.run(done)
        assert case.calls == ["claim"]

    async def test_nothing_is_done_without_a_claim(self) -> None:
        async def nothing() -> str | None:
            return None

        assert not await run_leased(
            lease=LEASE, claim=nothing, renew=None, work=broken, give_back=None, later=None
        )

    async def test_work_is_stopped_once_a_renewal_is_refused(self) -> None:
        case = Case(renewals=0)
        assert await case.run(forever)
        assert case.calls == ["claim", "lost row"]

    async def test_a_fence_that_refuses_a_write_counts_as_lost(self) -> None:
        async def fenced_off(claimed: str) -> None:
            raise LeaseLost

        case = Case()
        assert await case.run(fenced_off)
        assert case.calls == ["claim", "lost row"]

    async def test_an_error_is_recorded(self) -> None:
        case = Case()
        assert await case.run(broken)
        assert case.calls == ["claim", "later row: no"]

    async def test_an_error_that_nobody_records_is_raised(self) -> None:
        case = Case()
        with pytest.raises(RuntimeError):
            await run_leased(
                lease=LEASE, claim=case.claim, renew=None, work=broken, give_back=None, later=None
            )

    async def test_a_worker_that_stops_gives_the_claim_back(self) -> None:
        case = Case()
        task = asyncio.create_task(case.run(forever))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert case.calls == ["claim", "give back row"]

    async def test_a_claim_that_cannot_be_given_back_in_time_is_left_to_expire(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def stuck(claimed: str) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(leases, "RELEASE_TIMEOUT", 0.01)
        case = Case()
        case.give_back = stuck  # type: ignore[method-assign]
        task = asyncio.create_task(case.run(forever))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@dataclass(eq=False)
class Row:
    """A claimed row."""

    deadline: float


class TestKeepLeases:
    async def kept(
        self, rows: list[Row], renew: Callable[[Sequence[Row]], Awaitable[Callable[[Row], bool]]]
    ) -> list[Row]:
        """Renew for three renewals; returns the rows that are reported as lost."""
        lost: list[Row] = []

        def lose(row: Row) -> None:
            lost.append(row)
            rows.remove(row)

        task = asyncio.create_task(keep_leases(lambda: list(rows), renew, lose, LEASE))
        await asyncio.sleep(LEASE.total_seconds() * 3.5 / leases.RENEWALS)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return lost

    async def test_a_row_that_is_kept_has_a_new_deadline(self) -> None:
        now = asyncio.get_running_loop().time()
        row = Row(now)

        async def renew(rows: Sequence[Row]) -> Callable[[Row], bool]:
            return lambda _: True

        assert await self.kept([row], renew) == []
        assert row.deadline > now + LEASE.total_seconds()

    async def test_a_row_that_is_not_kept_is_lost_after_its_deadline_only(self) -> None:
        now = asyncio.get_running_loop().time()
        late, early = Row(now), Row(now + 60)

        async def renew(rows: Sequence[Row]) -> Callable[[Row], bool]:
            return lambda _: False

        assert await self.kept([late, early], renew) == [late]

    async def test_a_failing_renewal_loses_rows_after_their_deadline_only(self) -> None:
        now = asyncio.get_running_loop().time()
        late, early = Row(now), Row(now + 60)

        async def renew(rows: Sequence[Row]) -> Callable[[Row], bool]:
            raise OSError("the server is away")

        assert await self.kept([late, early], renew) == [late]
