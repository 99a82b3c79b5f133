"""Batches of a plan: their numbers, priorities and places."""

from __future__ import annotations

import pytest

from app.domain.changes import ChangeKind
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
        batches = batches_of(create_sync(), cuts)
        assert [batch.number for batch in batches] == [1, 2, 3]
        assert [batch.priority for batch in batches] == [0, 1, 2]

    def test_those_of_a_resync_go_last(self) -> None:
        batches = batches_of(create_sync("resync"), [create_cut(EXITED), create_cut(ENTERED)])
        assert {batch.priority for batch in batches} == {3}

    def test_a_whole_plan_has_no_kind(self) -> None:
        assert [batch.kind for batch in batches_of(create_sync(), [create_cut(None)])] == [None]


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
