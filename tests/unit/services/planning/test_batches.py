"""Batches of a plan: their numbers, priorities and places."""

from __future__ import annotations

import pytest

from app.domain.changes import ChangeKind
from app.services.planning import batches
from app.services.planning.batches import batches_of, places_change, places_of
from app.snapshots.engine import Cut
from app.storage.models import Sync

EXITED, ENTERED, UPDATED = ChangeKind.EXITED, ChangeKind.ENTERED, ChangeKind.UPDATED


def create_cut(kind: ChangeKind | None, first_row: int = 0, place: str | None = None) -> Cut:
    return Cut(kind=kind, first_row=first_row, rows=10, place=place)


def create_sync(kind: str = "incremental") -> Sync:
    return Sync(space_id="spa_1", id="syn_1", kind=kind)


class TestBatches:
    def test_exits_go_before_entries_and_those_before_updates(self) -> None:
        cuts = [create_cut(kind) for kind in (EXITED, ENTERED, UPDATED)]
        found = list(batches_of(create_sync(), cuts))
        assert [batch.number for batch in found] == [1, 2, 3]
        assert [batch.priority for batch in found] == [0, 1, 2]

    def test_those_of_a_resync_go_last(self) -> None:
        found = batches_of(create_sync("resync"), [create_cut(EXITED), create_cut(ENTERED)])
        assert {batch.priority for batch in found} == {3}

    def test_a_whole_plan_has_no_kind(self) -> None:
        assert [batch.kind for batch in batches_of(create_sync(), [create_cut(None)])] == [None]


class TestManyCalls:
    def cuts(self, *rows: int, kind: ChangeKind = ENTERED, first: int = 0) -> list[Cut]:
        firsts = [first + sum(rows[:index]) for index in range(len(rows))]
        return [Cut(kind, at, count) for at, count in zip(firsts, rows, strict=True)]

    def shape(
        self, cuts: list[Cut], **given: bool
    ) -> list[tuple[int, int, int | None, int | None]]:
        found = batches_of(create_sync(), cuts, **given)
        return [(one.first_row, one.row_count, one.call_rows, one.first_call) for one in found]

    def test_follow_each_other_in_a_batch_but_not_those_of_another_kind(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(batches, "SPREAD", 2)
        cuts = [*self.cuts(5, 5, 2, kind=EXITED), *self.cuts(5, 5, 5, 5, 1, first=12)]
        assert self.shape(cuts, many_calls=True) == [
            (0, 12, 5, 1),
            (12, 20, 5, 4),
            (32, 1, None, 8),
        ]

    def test_a_shorter_call_ends_a_batch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(batches, "SPREAD", 1)
        found = self.shape(self.cuts(3, 2, 3, 3), many_calls=True)
        assert found == [(0, 5, 3, 1), (5, 6, 3, 3)]

    def test_a_small_plan_has_a_batch_for_each_call(self) -> None:
        cuts = self.cuts(*[1] * 63)
        assert len(list(batches_of(create_sync(), cuts, many_calls=True))) == 63
        assert len(list(batches_of(create_sync(), cuts * 2, many_calls=False))) == 126

    @pytest.mark.walk
    def test_a_batch_has_limits(self) -> None:
        small = batches_of(create_sync(), self.cuts(*[1] * 20_000), many_calls=True)
        assert len(list(small)) == 100
        large = batches_of(create_sync(), self.cuts(*[1000] * 1000), many_calls=True)
        assert {one.row_count for one in large} == {10_000}


class TestPlaces:
    def test_are_runs_of_equal_places_by_their_first_row(self) -> None:
        cuts = [
            create_cut(EXITED, 0, "a"),
            create_cut(EXITED, 10, "a"),
            create_cut(ENTERED, 20, "b"),
        ]
        assert places_of(cuts) == [(0, "a"), (20, "b")]

    def test_are_empty_if_no_place_has_a_name(self) -> None:
        assert places_of([create_cut(EXITED), create_cut(ENTERED, 10)]) == []

    @pytest.mark.parametrize(
        ("left", "entered", "change"), [("a", "a", False), ("a", "b", True), (None, "b", True)]
    )
    def test_change_if_an_exit_and_an_entry_differ(
        self, left: str | None, entered: str | None, change: bool
    ) -> None:
        cuts = [create_cut(EXITED, 0, left), create_cut(ENTERED, 10, entered)]
        assert places_change(cuts) is change
