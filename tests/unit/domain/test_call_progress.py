"""Progress of a batch of many calls."""

from __future__ import annotations

from app.domain.call_progress import (
    CallProgress,
    calls_of,
    fates,
    in_turn,
    joined,
    left_calls,
    read_progress,
)


def test_calls_have_equal_sizes_but_the_last() -> None:
    assert calls_of(5, 2) == [(0, 2), (2, 4), (4, 5)]


def test_touching_ranges_are_joined() -> None:
    assert joined([(2, 4), (0, 2), (5, 6)]) == [(0, 4), (5, 6)]


def test_calls_without_receipts_are_left_unknown_ones_too() -> None:
    progress = CallProgress(done=[(2, 4)], unknown=[(4, 5)])
    assert left_calls(calls_of(5, 2), progress) == [(0, 2), (4, 5)]


def test_calls_that_failed_come_after_the_others_each_time_another_one_first() -> None:
    progress = CallProgress(done=[(1, 2)], unknown=[(0, 1)], refusals={2: 1})
    left = left_calls(calls_of(5, 1), progress)
    found = [[first for first, _ in in_turn(left, progress, attempt)] for attempt in (2, 3)]
    assert found == [[3, 4, 0, 2], [3, 4, 2, 0]]
    assert in_turn(left, CallProgress(), 3) == left


def test_each_row_has_one_fate() -> None:
    progress = CallProgress(done=[(0, 2), (2, 4)], unknown=[(5, 6), (6, 7)])
    assert list(fates(9, progress)) == [
        ((0, 4), "done"),
        ((4, 5), "untried"),
        ((5, 7), "unknown"),
        ((7, 9), "untried"),
    ]
    assert list(fates(2, CallProgress())) == [((0, 2), "untried")]
    assert list(fates(4, CallProgress(done=[(0, 4)]))) == [((0, 4), "done")]


def test_a_finished_call_is_neither_unknown_nor_refused() -> None:
    progress = CallProgress(unknown=[(4, 5)], refusals={4: 2}, handles={4: {"job": 1}}, fruitful=3)
    assert read_progress(progress.to_json()) == progress
    progress.finish((4, 5))
    assert read_progress(progress.to_json()) == CallProgress(done=[(4, 5)], fruitful=3)
    assert read_progress(None) == CallProgress()
