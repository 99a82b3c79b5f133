from __future__ import annotations

import pytest

from app.domain.brake import hold_reason
from app.domain.changes import Mode
from app.domain.options import Brake

DEFAULT = Brake()


class TestMaintain:
    @pytest.mark.parametrize(
        ("leaving", "held", "waits"),
        [
            (0, 1000, False),
            (9, 27, False),  # a third, but fewer than ten
            (10, 33, True),
            (10, 34, False),  # 29.4 %
            (300, 1000, False),  # exactly 30 % is within the limit
            (301, 1000, True),
            (94, 95, True),
            (90, 120, True),
            (1, 1, False),  # all of them, but only one
            (2, 2, True),
            (9, 9, True),
            (8, 9, False),
            (2_999_999, 10_000_000, False),
            (3_000_001, 10_000_000, True),
        ],
    )
    def test_holds_by_percentage_and_number_or_when_all_go(
        self, leaving: int, held: int, waits: bool
    ) -> None:
        reason = hold_reason(
            DEFAULT, mode=Mode.MAINTAIN, leaving=leaving, of_members=held, first_plan=False
        )
        assert (reason is not None) == waits

    def test_says_how_many_and_which_limit(self) -> None:
        reason = hold_reason(
            DEFAULT, mode=Mode.MAINTAIN, leaving=3201, of_members=10_000, first_plan=False
        )
        assert reason == "3,201 of 10,000 held would be removed (32.01 %); the limit is 30 %."

    def test_a_first_plan_has_no_exception_in_mode_maintain(self) -> None:
        assert not hold_reason(
            DEFAULT, mode=Mode.MAINTAIN, leaving=100, of_members=1000, first_plan=True
        )


class TestRemove:
    @pytest.mark.parametrize(
        ("leaving", "wanted", "first", "waits"),
        [
            (10, 100_000, True, True),
            (9, 9, True, False),
            (100, 100_000, False, False),
            (30_001, 100_000, False, True),
            (9, 10, False, False),
            (9, 9, False, False),
        ],
    )
    def test_counts_against_what_is_wanted(
        self, leaving: int, wanted: int, first: bool, waits: bool
    ) -> None:
        reason = hold_reason(
            DEFAULT, mode=Mode.REMOVE, leaving=leaving, of_members=wanted, first_plan=first
        )
        assert (reason is not None) == waits


class TestSettings:
    def test_a_brake_that_is_off_holds_nothing(self) -> None:
        off = Brake(enabled=False)
        for mode in Mode:
            assert not hold_reason(off, mode=mode, leaving=1000, of_members=1000, first_plan=True)

    def test_zero_percent_holds_any_removal_from_the_minimum_on(self) -> None:
        strict = Brake(max_removal_percent=0, min_removals=1)
        assert hold_reason(
            strict, mode=Mode.MAINTAIN, leaving=1, of_members=10**6, first_plan=False
        )

    def test_hundred_percent_still_holds_when_all_go(self) -> None:
        loose = Brake(max_removal_percent=100)
        for leaving, waits in ((999, False), (1000, True)):
            reason = hold_reason(
                loose, mode=Mode.MAINTAIN, leaving=leaving, of_members=1000, first_plan=False
            )
            assert (reason is not None) == waits
