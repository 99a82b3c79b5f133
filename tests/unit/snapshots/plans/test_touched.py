"""A plan that compares only touched members, and is told the counts, says the same as one that compares and counts all."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.batch_states import BatchEnd
from app.domain.changes import ChangeKind, Mode
from app.snapshots.engine import (
    BatchOutcome,
    Cursor,
    KeyField,
    LocalManifest,
    PlanSpec,
    PlanStats,
)
from app.snapshots.holdings import OutcomeMarks, compact_holdings, fold_marks, fold_outcome
from app.snapshots.membership import write_delta
from app.snapshots.plans import Counted, agrees, digest_of, write_plan
from tests.apart import examples
from tests.unit.snapshots.files import Instance, create_spec, fresh, ndjson, snapshot

PROFILES = [f"p{number}" for number in range(6)]
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "email": st.sampled_from(["a@x.io", "b@x.io", None, "-"]),
        "value": st.sampled_from([0, 1, None]),
        "note": st.sampled_from(["x", "y"]),
        "user_id": st.sampled_from(["-", "u1", "none"]),
    },
)
MEMBERS = st.dictionaries(st.sampled_from(PROFILES), VALUES, max_size=6)
FIELDS: list[tuple[KeyField, ...]] = [
    (),
    (KeyField("email", "last", "email"), KeyField("user_id", "last", "text")),
]


@dataclass(frozen=True)
class Step:
    """What changes, and how the sync after it goes."""

    upload: dict[str, dict[str, Any]] | None
    patches: Sequence[tuple[str, dict[str, Any] | None]]
    refused: bool  # the first change of the sync is refused
    lost: bool  # the result of the last batch is unknown
    compact: bool
    resync: bool
    baseline: bool


def steps(rarely: st.SearchStrategy[bool]) -> st.SearchStrategy[Step]:
    return st.builds(
        Step,
        upload=st.none() | st.none() | MEMBERS,
        patches=st.lists(st.tuples(st.sampled_from(PROFILES), st.none() | VALUES), max_size=3),
        refused=rarely,
        lost=rarely,
        compact=rarely,
        resync=rarely,
        baseline=rarely,
    )


SENDS = st.sampled_from(
    [
        frozenset(ChangeKind),
        frozenset({ChangeKind.ENTERED, ChangeKind.EXITED}),
        frozenset({ChangeKind.ENTERED, ChangeKind.UPDATED}),
        frozenset({ChangeKind.EXITED}),
    ]
)
RARELY = st.integers(0, 9).map(lambda number: number == 0)


class World:
    """Files of members and holdings, and the members that the holdings agree with."""

    def __init__(self, cursor: Cursor, folder: Path, given: dict[str, Any]) -> None:
        self._cursor, self._folder, self._given = cursor, folder, given
        self.members = snapshot(cursor, folder, [])
        self.holdings = LocalManifest()
        self._agreed: tuple[LocalManifest, str] | None = None
        self._number = self._count = 0
        self._held = (0, 0)
        self.quick = 0  # plans that compared touched members only

    def upload(self, rows: dict[str, dict[str, Any]]) -> None:
        self.members = snapshot(
            self._cursor, self._folder, [{"profile_id": p, **values} for p, values in rows.items()]
        )
        self._count = len(rows)

    def patch(self, profile: str, values: dict[str, Any] | None) -> None:
        out = fresh(self._folder)
        rows = ndjson(self._folder, [{"profile_id": profile, **(values or {})}])
        removed = [] if values is not None else [profile]
        given = self._cursor, rows if values is not None else None, removed, self.members
        stats = write_delta(*given, out, members=self._count)
        assert write_delta(*given, fresh(self._folder)) == stats
        self._count = stats.members
        self.members = LocalManifest(self.members.base, (*self.members.deltas, out))

    def sync(self, step: Step) -> None:
        self._number += 1
        spec = create_spec(
            **self._given,
            sync_number=self._number,
            max_rows=2,
            resync=step.resync,
            baseline=step.baseline and not step.resync,
        )
        plan, stats = self._planned(spec)
        marks = {0: ("refused", "no")}
        batches = [
            BatchOutcome(
                number,
                cut.first_row,
                cut.rows,
                BatchEnd.ATTEMPTED
                if step.lost and number == len(stats.cuts)
                else BatchEnd.RECORDED,
                rejected=marks if step.refused and number == 1 else {},
            )
            for number, cut in enumerate(stats.cuts, 1)
        ]
        outcome = fresh(self._folder)
        folded = fold_outcome(self._cursor, plan, self.holdings, batches, spec, fresh(self._folder))
        with OutcomeMarks(outcome) as read:
            read.add(batches)
            given = self._cursor, plan, self.holdings, read, spec
            assert fold_marks(*given, outcome, before=self._held) == folded
        self._held = folded.held, folded.assumed
        self.holdings = LocalManifest(self.holdings.base, (*self.holdings.deltas, outcome))
        settled = agrees(spec, stats.left_out, folded)
        self._agreed = (self.members, digest_of(spec)) if settled else None

    def _planned(self, spec: PlanSpec) -> tuple[Path, PlanStats]:
        agreed = None
        if self._agreed and self._agreed[1] == digest_of(spec):
            agreed = self._agreed[0]
        whole, few = fresh(self._folder), fresh(self._folder)
        given = self._cursor, spec, [self.members], self.holdings
        stats = write_plan(*given, whole)
        counted = Counted(self._count, self._held[0])
        assert write_plan(*given, few, agreed=agreed, counted=counted) == stats
        assert pq.read_table(few).equals(pq.read_table(whole))
        return few, stats

    def compact(self) -> None:
        out = fresh(self._folder)
        compact_holdings(self._cursor, self.holdings, out)
        self.holdings = LocalManifest((out,))


@pytest.mark.more_in_walks
@given(
    mode=st.sampled_from(list(Mode)),
    sends=SENDS,
    traits=st.sampled_from([None, (), ("value",)]),
    fields=st.sampled_from(FIELDS),
    played=st.lists(steps(RARELY), min_size=2, max_size=6),
)
@settings(max_examples=examples(3, 16), deadline=None)
def test_a_plan_of_touched_members_is_the_plan_of_all(
    engine: Instance,
    mode: Mode,
    sends: frozenset[ChangeKind],
    traits: tuple[str, ...] | None,
    fields: tuple[KeyField, ...],
    played: list[Step],
) -> None:
    given: dict[str, Any] = {"mode": mode, "sends": sends, "traits": traits, "fields": fields}
    with tempfile.TemporaryDirectory() as place, engine.cursor() as cursor:
        world = World(cursor, Path(place), given)
        for step in played:
            if step.upload is not None:
                world.upload(step.upload)
            for profile, values in step.patches:
                world.patch(profile, values)
            if step.compact:
                world.compact()
            world.sync(step)
