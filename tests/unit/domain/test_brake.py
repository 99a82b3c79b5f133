from __future__ import annotations

import pytest

from app.domain.brake import hold_reason
from app.domain.changes import Mode
from app.domain.options import Brake

DEFAULT = Brake()


class TestMaintain:
    @pytest.mark.parametrize(
        ("removals", "held", "is_held"),
        [
            (0, 1000, False),
            (99, 300, False),  # a third, but fewer than 100
            (100, 333, True),
            (100, 334, False),  # 29.94 %
            (300, 1000, False),  # exactly 30 % is within the limit
            (301, 1000, True),
            (9, 9, False),  # all of them, but fewer than ten
            (10, 10, True),
            (11, 11, True),
            (10, 11, False),
            (2_999_999, 10_000_000, False),
            (3_000_001, 10_000_000, True),
        ],
    )
    def test_holds_by_percentage_and_number_or_when_all_go(
        self, removals: int, held: int, is_held: bool
    ) -> None:
        reason = hold_reason(
            DEFAULT, mode=Mode.MAINTAIN, removals=removals, held=held, wanted=0, first_plan=False
        )
        assert (reason is not None) == is_held

    def test_says_how_many_and_which_limit(self) -> None:
        reason = hold_reason(
            DEFAULT, mode=Mode.MAINTAIN, removals=3201, held=10_000, wanted=6799, first_plan=False
        )
        assert reason == "3,201 of 10,000 held would be removed (32.01 %); the limit is 30 %."

    def test_a_first_plan_has_no_exception_in_mode_maintain(self) -> None:
        assert not hold_reason(
            DEFAULT, mode=Mode.MAINTAIN, removals=100, held=1000, wanted=900, first_plan=True
        )


class TestRemove:
    @pytest.mark.parametrize(
        ("removals", "wanted", "first", "is_held"),
        [
            (100, 100_000, True, True),
            (99, 99, True, False),
            (100, 100_000, False, False),
            (30_001, 100_000, False, True),
            (99, 100, False, False),
        ],
    )
    def test_counts_against_what_is_wanted(
        self, removals: int, wanted: int, first: bool, is_held: bool
    ) -> None:
        reason = hold_reason(
            DEFAULT, mode=Mode.REMOVE, removals=removals, held=0, wanted=wanted, first_plan=first
        )
        assert (reason is not None) == is_held


class TestSettings:
    def test_a_brake_that_is_off_holds_nothing(self) -> None:
        off = Brake(enabled=False)
        for mode in Mode:
            assert not hold_reason(
                off, mode=mode, removals=1000, held=1000, wanted=0, first_plan=True
            )

    def test_zero_percent_holds_any_removal_from_the_minimum_on(self) -> None:
        strict = Brake(max_removal_percent=0, min_removals=1)
        assert hold_reason(
            strict, mode=Mode.MAINTAIN, removals=1, held=10**6, wanted=0, first_plan=False
        )

    def test_hundred_percent_still_holds_when_all_go(self) -> None:
        loose = Brake(max_removal_percent=100)
        held = {"mode": Mode.MAINTAIN, "held": 1000, "wanted": 0, "first_plan": False}
        assert not hold_reason(loose, removals=999, **held)  # type: ignore[arg-type]  # a dict of mixed values
        assert hold_reason(loose, removals=1000, **held)  # type: ignore[arg-type]  # a dict of mixed values
