"""Plans: keys, order, batches, hashes, and that large ones say the same as small ones."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.domain.batch_states import BatchEnd
from app.domain.changes import ChangeKind, Disposition
from app.domain.splits import assign
from app.snapshots.engine import (
    Arm,
    BatchOutcome,
    Cursor,
    Cut,
    KeyField,
    LocalManifest,
    PlannedChange,
    PlanStats,
    Upload,
    key_position,
)
from app.snapshots.holdings import find_profile, fold_outcome, page_holdings
from app.snapshots.membership import write_snapshot
from app.snapshots.plans import plan, plan_file, read_plan, read_wanted, write_plan
from tests.unit.snapshots.files import create_spec, fresh, ndjson, snapshot

NOTHING = LocalManifest()
EMAIL_THEN_USER = (
    KeyField("email", "last", "email"),
    KeyField("user_id", "last", "text", map_to="external_id"),
)


def planned(
    cursor: Cursor,
    folder: Path,
    rows: list[dict[str, Any]],
    held: LocalManifest = NOTHING,
    **changes: Any,
) -> tuple[PlanStats, list[PlannedChange], Path]:
    out = fresh(folder)
    members = snapshot(cursor, folder, rows)
    stats = write_plan(cursor, create_spec(**changes), [members], held, out)
    return stats, list(read_plan(None, out, 0, 1000)), out


def delivered(
    cursor: Cursor,
    folder: Path,
    plan: Path,
    stats: PlanStats,
    held: LocalManifest = NOTHING,
    **changes: Any,
) -> LocalManifest:
    """The holdings after all batches of a plan were delivered."""
    out = fresh(folder)
    batches = [
        BatchOutcome(number, cut.first_row, cut.rows, BatchEnd.RECORDED)
        for number, cut in enumerate(stats.cuts, 1)
    ]
    fold_outcome(cursor, plan, held, batches, create_spec(**changes), out)
    return LocalManifest(held.base, (*held.deltas, out))


class TestKeys:
    ROWS: list[dict[str, Any]] = [
        {"profile_id": "a", "email": ["old@x.io", " New@X.io "], "user_id": "u1"},
        {"profile_id": "b", "email": "shared@x.io"},
        {"profile_id": "c", "email": "SHARED@x.io", "user_id": "u3"},
        {"profile_id": "d", "user_id": "u4"},
        {"profile_id": "e"},
    ]

    def test_the_first_identifier_with_a_value_is_the_key(
        self, cursor: Cursor, folder: Path
    ) -> None:
        stats, changes, _ = planned(
            cursor, folder, self.ROWS, key="identifiers", fields=EMAIL_THEN_USER
        )
        assert [(c.key_type, c.key, c.member_id, dict(c.identity)) for c in changes] == [
            ("email", "new@x.io", "a", {"email": "new@x.io", "external_id": "u1"}),
            ("email", "shared@x.io", "b", {"email": "shared@x.io"}),
            ("external_id", "u4", "d", {"external_id": "u4"}),
        ]
        assert stats.left_out == {"shared_key": 1, "no_identifier": 1}
        assert stats.wanted == 3

    def test_all_makes_a_key_of_each_value(self, cursor: Cursor, folder: Path) -> None:
        fields = (KeyField("email", "all", "email"),)
        _, changes, _ = planned(cursor, folder, self.ROWS[:1], key="identifiers", fields=fields)
        assert [(c.key, dict(c.identity)) for c in changes] == [
            ("new@x.io", {"email": "new@x.io"}),
            ("old@x.io", {"email": "old@x.io"}),
        ]

    def test_members_are_keys_with_all_their_identifiers(
        self, cursor: Cursor, folder: Path
    ) -> None:
        _, changes, _ = planned(cursor, folder, self.ROWS)
        assert [(c.key_type, c.key) for c in changes] == [("member", member) for member in "abcde"]
        assert changes[0].identity == {"email": "new@x.io", "user_id": "u1"}
        assert changes[4].identity == {}

    def test_a_changed_email_leaves_under_the_stored_one(
        self, cursor: Cursor, folder: Path
    ) -> None:
        given: dict[str, Any] = {"key": "identifiers", "fields": EMAIL_THEN_USER}
        before = [{"profile_id": "a", "email": "old@x.io", "user_id": "u1"}]
        stats, _, plan = planned(cursor, folder, before, **given)
        held = delivered(cursor, folder, plan, stats, **given)
        after = [{"profile_id": "a", "email": "new@x.io", "user_id": "u2"}]
        _, changes, _ = planned(cursor, folder, after, held, **given)
        assert [(c.kind, c.key, dict(c.identity)) for c in changes] == [
            (ChangeKind.EXITED, "old@x.io", {"email": "old@x.io", "external_id": "u1"}),
            (ChangeKind.ENTERED, "new@x.io", {"email": "new@x.io", "external_id": "u2"}),
        ]

    def test_several_audiences_are_a_union_and_the_first_wins(
        self, cursor: Cursor, folder: Path
    ) -> None:
        one = snapshot(cursor, folder, [{"profile_id": "a", "n": 1}, {"profile_id": "b", "n": 1}])
        two = snapshot(cursor, folder, [{"profile_id": "b", "n": 2}, {"profile_id": "c", "n": 2}])
        out = fresh(folder)
        stats = write_plan(cursor, create_spec(traits=None), [one, two], NOTHING, out)
        assert [(c.key, c.traits["n"]) for c in read_plan(None, out, 0, 9)] == [
            ("a", 1), ("b", 1), ("c", 2),
        ]  # fmt: skip
        assert stats.left_out == {}

    def test_no_audience_at_all_takes_everything_away(self, cursor: Cursor, folder: Path) -> None:
        stats, _, plan = planned(cursor, folder, self.ROWS)
        held = delivered(cursor, folder, plan, stats)
        stats = write_plan(cursor, create_spec(), [], held, fresh(folder))
        assert (stats.exited, stats.wanted, stats.held) == (5, 0, 5)


class TestConsentAndArms:
    ROWS: list[dict[str, Any]] = [{"profile_id": f"p{n:02}", "ok": n % 4 > 0} for n in range(40)]
    ARMS = (Arm("A", 1, place="A"), Arm("B", 1, place="B"), Arm("control", 1, sent=False))

    def test_leaves_out_those_who_did_not_agree(self, cursor: Cursor, folder: Path) -> None:
        stats, changes, _ = planned(cursor, folder, self.ROWS, consent="ok")
        assert len(changes) == stats.wanted == 30
        assert stats.left_out == {"no_consent": 10}
        stats, changes, _ = planned(cursor, folder, self.ROWS, consent="nobody_said_so")
        assert changes == []

    def test_arms_have_keys_and_batches_of_their_own(self, cursor: Cursor, folder: Path) -> None:
        stats, changes, plan = planned(
            cursor, folder, self.ROWS, arms=self.ARMS, split_seed="s", max_rows=7
        )
        weights = [(arm.name, arm.weight) for arm in self.ARMS]
        assert {c.key: c.place for c in changes} == {
            row["profile_id"]: arm
            for row in self.ROWS
            if (arm := assign("s", weights, row["profile_id"])) != "control"
        }
        for cut in stats.cuts:
            rows = read_plan(None, plan, cut.first_row, cut.rows)
            assert {change.place for change in rows} == {cut.place}
        assert stats.left_out["control"] == 40 - len(changes)

    def test_a_member_that_changes_arms_leaves_one_and_enters_the_other(
        self, cursor: Cursor, folder: Path
    ) -> None:
        stats, _, plan = planned(cursor, folder, self.ROWS, arms=(Arm("A", 1, place="A"),))
        held = delivered(cursor, folder, plan, stats, arms=(Arm("A", 1, place="A"),))
        stats, changes, _ = planned(cursor, folder, self.ROWS, held, arms=(Arm("B", 1, place="B"),))
        assert (stats.exited, stats.entered) == (40, 40)
        assert {(c.kind, c.place) for c in changes} == {
            (ChangeKind.EXITED, "A"),
            (ChangeKind.ENTERED, "B"),
        }


class TestHash:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ({"n": 0.1 + 0.2}, {"n": 0.3}),
            ({"n": 5}, {"n": 5.0}),
            ({"o": {"a": 1, "b": [1, 2]}}, {"o": {"b": [1, 2], "a": 1}}),
            ({"n": 1, "x": None}, {"n": 1}),
            ({"t": "é"}, {"t": "é"}),
        ],
    )
    def test_the_same_said_otherwise_is_no_update(
        self, cursor: Cursor, folder: Path, before: dict[str, Any], after: dict[str, Any]
    ) -> None:
        assert self.changes(cursor, folder, before, after) == []

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ({"n": 1.001}, {"n": 1.002}),
            ({"a": "1", "b": ""}, {"a": "", "b": "1"}),
            ({"a": "x"}, {"b": "x"}),
            ({"o": {"a": 1}}, {"o": {"a": 2}}),
            ({"a": True}, {"a": False}),
            ({"email": "a@x.io"}, {"email": "b@x.io"}),
        ],
    )
    def test_another_value_is_an_update(
        self, cursor: Cursor, folder: Path, before: dict[str, Any], after: dict[str, Any]
    ) -> None:
        assert self.changes(cursor, folder, before, after) == [ChangeKind.UPDATED]

    def test_what_is_not_used_is_no_reason(self, cursor: Cursor, folder: Path) -> None:
        assert self.changes(cursor, folder, {"a": 1, "b": 1}, {"a": 1, "b": 2}, traits=("a",)) == []

    def changes(
        self,
        cursor: Cursor,
        folder: Path,
        before: dict[str, Any],
        after: dict[str, Any],
        **given: Any,
    ) -> list[ChangeKind]:
        given = {"traits": None} | given
        stats, _, plan = planned(cursor, folder, [{"profile_id": "p", **before}], **given)
        held = delivered(cursor, folder, plan, stats, **given)
        _, changes, _ = planned(cursor, folder, [{"profile_id": "p", **after}], held, **given)
        return [change.kind for change in changes]


class TestEntities:
    ENTITIES = [{"name": "Rex", "age": 3, "chip/id": "c1"}, {"name": "Tom", "age": None}]

    @pytest.mark.parametrize("format", ["ndjson", "parquet"])
    def test_travel_with_the_properties_that_are_used(
        self, cursor: Cursor, folder: Path, format: Literal["ndjson", "parquet"]
    ) -> None:
        row = {"entity_id": "e1", "profile_id": "p1", "ent_pets": self.ENTITIES}
        path, out, plan = ndjson(folder, [row]), fresh(folder), fresh(folder)
        if format == "parquet":
            path = fresh(folder)
            pq.write_table(pa.Table.from_pylist([row]), path)
        write_snapshot(cursor, Upload(path, format), out, linked=True)
        spec = create_spec(entities={"pets": ["name", "chip/id"], "cars": ["make"]})
        write_plan(cursor, spec, [LocalManifest((out,))], NOTHING, plan)
        (change,) = read_plan(None, plan, 0, 9)
        assert change.entities == {"pets": [{"chip/id": "c1", "name": "Rex"}, {"name": "Tom"}]}
        assert (change.key, change.profile_id) == ("e1", "p1")


class TestBatches:
    ROWS: list[dict[str, Any]] = [
        {"profile_id": f"p{number}", "note": "x" * 100} for number in range(8)
    ]

    def test_are_cut_by_rows_and_kind(self, cursor: Cursor, folder: Path) -> None:
        stats, _, plan = planned(cursor, folder, self.ROWS)
        held = delivered(cursor, folder, plan, stats)
        stats, _, _ = planned(cursor, folder, [{"profile_id": f"q{n}"} for n in range(4)], held)
        assert list(stats.cuts) == [
            Cut(ChangeKind.EXITED, 0, 3),
            Cut(ChangeKind.EXITED, 3, 3),
            Cut(ChangeKind.EXITED, 6, 2),
            Cut(ChangeKind.ENTERED, 8, 3),
            Cut(ChangeKind.ENTERED, 11, 1),
        ]

    def test_are_cut_by_bytes(self, cursor: Cursor, folder: Path) -> None:
        stats, _, _ = planned(cursor, folder, self.ROWS, max_bytes=420, max_rows=5, traits=None)
        assert [cut.rows for cut in stats.cuts] == [2, 2, 2, 2]
        stats, _, _ = planned(cursor, folder, self.ROWS, max_bytes=10, traits=None)
        assert [cut.rows for cut in stats.cuts] == [1] * 8, (
            "a change larger than the limit goes alone"
        )

    def test_a_whole_plan_is_one(self, cursor: Cursor, folder: Path) -> None:
        stats, _, _ = planned(cursor, folder, self.ROWS, whole_plan=True)
        assert list(stats.cuts) == [Cut(None, 0, 8)]


class TestRead:
    def test_reads_any_part(self, cursor: Cursor, folder: Path) -> None:
        rows = [{"profile_id": f"p{number:05}"} for number in range(25_000)]
        stats, _, plan = planned(cursor, folder, rows, max_rows=4000)
        for first, count in ((0, 1), (9_999, 2), (10_000, 10_000), (24_999, 10), (25_000, 5)):
            found = read_plan(None, plan, first, count)
            assert [change.row for change in found] == list(
                range(first, min(first + count, 25_000))
            )
            assert [change.key for change in found] == [f"p{change.row:05}" for change in found]
        assert stats.changes == 25_000

    def test_row_groups_grow_with_the_plan(
        self, cursor: Cursor, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(plan_file, "_FEWEST", 10)
        monkeypatch.setattr(plan_file, "ROW_GROUP", 200)
        monkeypatch.setattr(plan_file, "_PART", 10)
        rows = [{"profile_id": f"p{number:05}"} for number in range(9_000)]
        _, _, plan = planned(cursor, folder, rows, max_rows=4000)
        footer = pq.read_metadata(plan)
        sizes = [footer.row_group(number).num_rows for number in range(footer.num_row_groups)]
        assert sizes[0] == 10
        assert max(sizes) == 200
        assert len(sizes) < 9_000 / 200 + 10 * math.log(9_000 / 10)
        for first, count in ((0, 9_000), (500, 7), (8_990, 20)):
            found = read_plan(None, plan, first, count)
            assert [change.key for change in found] == [
                f"p{number:05}" for number in range(first, min(first + count, 9_000))
            ]

    def test_long_rows_have_small_row_groups(
        self, cursor: Cursor, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(plan_file, "_FEWEST", 10)
        monkeypatch.setattr(plan_file, "_LONGEST", 20_000)
        monkeypatch.setattr(plan_file, "_PART", 1)
        monkeypatch.setattr(plan_file, "ROW_GROUP", 1_000)
        rows = [{"profile_id": f"p{number:05}", "note": "x" * 500} for number in range(3_000)]
        _, _, plan = planned(cursor, folder, rows, traits=None)
        footer = pq.read_metadata(plan)
        sizes = [footer.row_group(number).num_rows for number in range(footer.num_row_groups)]
        assert 10 < max(sizes) <= 40

    def test_silent_rows_never_come(self, cursor: Cursor, folder: Path) -> None:
        stats, changes, _ = planned(cursor, folder, [{"profile_id": "a"}], baseline=True)
        assert (stats.silent, stats.changes, changes) == (1, 0, [])

    @pytest.mark.parametrize("fields", [(), EMAIL_THEN_USER])
    def test_wanted_pages_hold_what_a_first_plan_enters(
        self, cursor: Cursor, folder: Path, fields: tuple[KeyField, ...]
    ) -> None:
        given: dict[str, Any] = {
            "key": "identifiers" if fields else "member",
            "fields": fields,
            "traits": None,
        }
        members = snapshot(cursor, folder, TestKeys.ROWS)
        out = fresh(folder)
        write_plan(cursor, create_spec(**given), [members], NOTHING, out)
        paged: list[PlannedChange] = []
        while found := read_wanted(
            cursor, create_spec(**given), [members], key_position(paged[-1]) if paged else None, 2
        ):
            paged += found
        shown = [(c.key, c.identity, c.traits, c.profile_id) for c in paged]
        assert shown == [
            (c.key, c.identity, c.traits, c.profile_id) for c in read_plan(None, out, 0, 99)
        ]


class TestOutcome:
    def test_says_what_became_of_each_change(self, cursor: Cursor, folder: Path) -> None:
        rows = [{"profile_id": f"p{number}"} for number in range(9)]
        _, _, plan = planned(cursor, folder, rows)
        out = fresh(folder)
        batches = [
            BatchOutcome(
                1, 0, 3, BatchEnd.RECORDED,
                rejected={1: ("bad", "no such person")}, skipped={2: ("unmapped", "no name")}, partner_ids={0: "x-1"},
            ),
            BatchOutcome(2, 3, 3, BatchEnd.ATTEMPTED),
            BatchOutcome(
                3, 6, 2, BatchEnd.RECORDED, unknown={0: ("unmatched", "not taken")}, notes={1: ("odd", "one id less")},
            ),
        ]  # fmt: skip
        stats = fold_outcome(cursor, plan, NOTHING, batches, create_spec(), out)
        assert stats.by_disposition == {
            Disposition.DELIVERED: 2,
            Disposition.REJECTED: 1,
            Disposition.SKIPPED: 1,
            Disposition.UNKNOWN: 4,
            Disposition.PENDING: 1,
        }
        assert (stats.rows, stats.held, stats.assumed) == (9, 6, 0)
        for profile, disposition, code, state in (
            ("p6", "unknown", "unmatched", "maybe"),
            ("p7", "delivered", "odd", "yes"),
        ):
            (said,) = find_profile(cursor, [out], profile)
            assert (said["disposition"], said["code"], said["held"]) == (disposition, code, state)
        (told,) = find_profile(cursor, [out], "p1")
        assert (told["disposition"], told["code"], told["message"]) == (
            "rejected",
            "bad",
            "no such person",
        )
        assert (told["batch"], told["row"], told["held"]) == (1, 1, "no")
        held = page_holdings(cursor, LocalManifest((out,)), None, 1)
        assert (held[0]["key"], held[0]["partner_id"], held[0]["held"]) == ("p0", "x-1", "yes")

    def test_a_baseline_is_assumed_and_leaves_like_any_other(
        self, cursor: Cursor, folder: Path
    ) -> None:
        rows = [{"profile_id": "a"}, {"profile_id": "b"}]
        stats, _, plan = planned(cursor, folder, rows, baseline=True)
        held = delivered(cursor, folder, plan, stats, baseline=True)
        assert [row["assumed"] for row in page_holdings(cursor, held, None, 9)] == [True, True]
        _, changes, _ = planned(cursor, folder, rows[:1], held)
        assert [(c.kind, c.key) for c in changes] == [(ChangeKind.EXITED, "b")]


class TestHashesThatNobodyCompares:
    ROWS: list[dict[str, Any]] = [{"profile_id": f"p{n}", "email": f"e{n}@x.io"} for n in range(9)]

    @pytest.mark.parametrize("key", ["member", "identifiers"])
    @pytest.mark.parametrize("updates", [False, True])
    @pytest.mark.parametrize("refused", [False, True])
    def test_leaving_them_out_changes_no_plan(
        self,
        cursor: Cursor,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        key: Literal["member", "identifiers"],
        updates: bool,
        refused: bool,
    ) -> None:
        sends = set(ChangeKind) if updates else {ChangeKind.ENTERED, ChangeKind.EXITED}
        spec = create_spec(key=key, fields=EMAIL_THEN_USER, sends=frozenset(sends))
        first, second, whole, least = (fresh(folder) for _ in range(4))
        before, after = (
            snapshot(cursor, folder, self.ROWS),
            snapshot(
                cursor, folder, [*self.ROWS[1:], {"profile_id": "p1", "email": "new@x.io"}][1:]
            ),
        )
        stats = write_plan(cursor, spec, [before], NOTHING, first)
        outcomes = [
            BatchOutcome(number, cut.first_row, cut.rows, BatchEnd.RECORDED,
                         rejected={cut.rows - 1: ("bad", "refused")} if refused else {})
            for number, cut in enumerate(stats.cuts, 1)
        ]  # fmt: skip
        fold_outcome(cursor, first, NOTHING, outcomes, spec, second)
        held = LocalManifest((second,))
        assert plan._has_refusals(cursor, spec, held) is (refused or updates)
        found = write_plan(cursor, spec, [after], held, least)
        monkeypatch.setattr(plan, "_has_refusals", lambda *_: True)
        assert write_plan(cursor, spec, [after], held, whole) == found
        assert found.changes
        assert pq.read_table(whole).equals(pq.read_table(least))
