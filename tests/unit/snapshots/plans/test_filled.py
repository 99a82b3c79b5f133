"""Which fields a plan knows to have a value, and which of them the partner has from earlier syncs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from app.domain.batch_states import BatchEnd
from app.domain.changes import ChangeKind
from app.domain.sent_fields import SentField
from app.snapshots.engine import Arm, BatchOutcome, Cursor, KeyField, LocalManifest
from app.snapshots.holdings import compact_holdings, fold_outcome, holdings_relation
from app.snapshots.plans import read_plan, write_plan
from tests.unit.snapshots.files import create_spec, fresh, snapshot

TIER = SentField(("traits", "tier"), ("tier",))


@pytest.mark.parametrize(
    ("value", "filled"),
    [("gold", True), (" ", True), (0, True), (0.0, True), (False, True), ([1], True), ({"a": 1}, True), ([None], True),
     ("", False), (None, False), ([], False)],
)  # fmt: skip
def test_zero_and_false_are_values_and_nothing_is_none(
    cursor: Cursor, folder: Path, value: Any, filled: bool
) -> None:
    rows = [{"profile_id": "p1", "tier": value}, {"profile_id": "p2", "tier": None}]
    if value in (None, "", []):
        rows.append({"profile_id": "p3", "tier": [1] if value == [] else "x"})  # its type
    plan = fresh(folder)
    spec = create_spec(traits=("tier",), fields_sent=(TIER,))
    write_plan(cursor, spec, [snapshot(cursor, folder, rows)], LocalManifest(), plan)
    first, second = read_plan(None, plan, 0, 2)
    assert first.filled == (("/traits/tier",) if filled else ())
    assert second.filled == ()


ADDRESS: dict[str, Any] = {"city": "Bern", "zip": None, "tags": [], "a/b": 0, "inner": {"x": None}}


@pytest.mark.parametrize(
    ("field", "row", "filled"),
    [
        (SentField(("d", "c"), ("address.city",)), {"address": ADDRESS}, ["/d/c"]),
        (SentField(("d", "c"), ("address.zip",)), {"address": ADDRESS}, []),
        (SentField(("d", "c"), ("address.city",)), {"address.city": "Bern"}, ["/d/c"]),
        (SentField(("d", "c"), ("address",)), {"address.city": "Bern"}, ["/d/c"]),
        (SentField(("d", "c"), ("products.0.sku",)), {"products": [{"sku": "s"}]}, ["/d/c"]),
        (SentField(("d", "c"), ("x", "y"), computed=True), {"x": None, "y": 1}, ["/d/c"]),
        (SentField(("d", "c"), ("gone",)), {"x": 1}, []),
        (SentField(("d",), ("address",), each=True), {"address": ADDRESS}, ["/d/a~1b", "/d/city", "/d/inner"]),
        (SentField(("d",), ("address",), each=True), {"address.city": "Bern", "address.zip": None}, ["/d/city"]),
        (SentField(("d",), ("",), each=True), {"b": 1, "it's": 2, "c": None}, ["/d/b", "/d/it's"]),
        (SentField(("d",), ("",), each=True, computed=True), {"b": 1}, []),  # known when rendered
    ],
)  # fmt: skip
def test_a_path_may_lead_into_a_trait_or_to_several(
    cursor: Cursor, folder: Path, field: SentField, row: dict[str, Any], filled: list[str]
) -> None:
    plan = fresh(folder)
    members = snapshot(cursor, folder, [{"profile_id": "p1", **row}])
    write_plan(
        cursor, create_spec(traits=None, fields_sent=(field,)), [members], LocalManifest(), plan
    )
    assert list(read_plan(None, plan, 0, 1)[0].filled) == filled


class Syncs:
    """Syncs of one activation with the property ``tier``. Each returns what the partner has, by its holdings."""

    def __init__(self, cursor: Cursor, folder: Path, **spec: Any) -> None:
        self.cursor, self.folder, self.spec = cursor, folder, spec
        self.held = LocalManifest()
        self.number = 0

    def run(
        self,
        rows: Sequence[dict[str, Any]],
        end: BatchEnd = BatchEnd.RECORDED,
        refused: bool = False,
        filled: Sequence[str] | None = None,
        **changes: Any,
    ) -> list[str]:
        """Plan and fold. Returns ``kind: old > new`` for each change, with the names of its fields."""
        self.number += 1
        given = {"traits": ("tier",), "fields_sent": (TIER,), "sync_number": self.number}
        spec = create_spec(**(given | self.spec | changes))
        plan, out = fresh(self.folder), fresh(self.folder)
        members = snapshot(self.cursor, self.folder, rows)
        stats = write_plan(self.cursor, spec, [members], self.held, plan)
        batches = [
            BatchOutcome(
                number,
                cut.first_row,
                cut.rows,
                end,
                rejected=dict.fromkeys(range(cut.rows), ("no", "No.")) if refused else {},
                filled=dict.fromkeys(range(cut.rows), filled) if filled is not None else {},
            )
            for number, cut in enumerate(stats.cuts, 1)
        ]
        fold_outcome(self.cursor, plan, self.held, batches, spec, out)
        self.held = LocalManifest(self.held.base, (*self.held.deltas, out))
        return [
            f"{one.kind}: {','.join(one.old_filled)} > {','.join(one.filled)}"
            for one in read_plan(None, plan, 0, 100)
        ]

    def has(self) -> list[Any]:
        """The names in the holdings, by key."""
        query = f"SELECT filled FROM {holdings_relation(self.held)} ORDER BY k"
        return [row[0] for row in self.cursor.execute(query).fetchall()]


def tier(value: Any, **more: Any) -> list[dict[str, Any]]:
    return [{"profile_id": "p1", "tier": value, **more}, {"profile_id": "zz", "tier": "x"}]


GOLD, NONE = tier("gold")[:1], [{"profile_id": "p1"}]  # the second: the column is not there at all
NAME = '["/traits/tier"]'


@pytest.mark.walk
def test_a_value_that_became_empty_was_there_before(cursor: Cursor, folder: Path) -> None:
    syncs = Syncs(cursor, folder)
    assert syncs.run(NONE) == ["entered:  > "]
    assert syncs.has() == [None]
    assert syncs.run(GOLD) == ["updated:  > /traits/tier"]
    assert syncs.has() == [NAME]
    assert syncs.run(NONE) == ["updated: /traits/tier > "]
    assert syncs.has() == [None]
    assert syncs.run(GOLD) == ["updated:  > /traits/tier"]  # and filled again


@pytest.mark.walk
@pytest.mark.parametrize("how", ["refused", BatchEnd.UNTOUCHED])
def test_what_did_not_arrive_is_not_known_to_be_there(
    cursor: Cursor, folder: Path, how: Any
) -> None:
    syncs = Syncs(cursor, folder)
    fate: dict[str, Any] = {"refused": True} if how == "refused" else {"end": how}
    syncs.run(GOLD, **fate)
    assert syncs.run(NONE) == ["entered:  > "]
    syncs.run(GOLD)
    syncs.run(NONE, **fate)  # the clearing did not arrive
    assert syncs.has() == [NAME]
    assert syncs.run(NONE, retry_refused=True) == ["updated: /traits/tier > "]


@pytest.mark.walk
def test_after_an_unknown_result_both_may_be_there(cursor: Cursor, folder: Path) -> None:
    level = SentField(("traits", "level"), ("level",))
    syncs = Syncs(cursor, folder, traits=("tier", "level"), fields_sent=(TIER, level))
    syncs.run(GOLD)
    syncs.run([{"profile_id": "p1", "level": 1}], end=BatchEnd.ATTEMPTED)
    assert syncs.has() == ['["/traits/level","/traits/tier"]']
    assert syncs.run(NONE) == ["entered: /traits/level,/traits/tier > "]
    assert syncs.has() == [None]


@pytest.mark.walk
def test_what_is_not_sent_is_not_recorded(cursor: Cursor, folder: Path) -> None:
    syncs = Syncs(cursor, folder)
    syncs.run(GOLD, baseline=True)
    assert syncs.has() == [None]
    without_updates: dict[str, Any] = {"sends": frozenset({ChangeKind.ENTERED, ChangeKind.EXITED})}
    assert syncs.run(NONE, **without_updates) == []
    syncs.run(GOLD, resync=True)
    assert syncs.run(NONE, **without_updates) == []
    assert syncs.has() == [NAME]  # cleared as soon as updates are sent
    assert syncs.run(NONE) == ["updated: /traits/tier > "]


def test_rendering_knows_more_than_the_plan(cursor: Cursor, folder: Path) -> None:
    syncs = Syncs(cursor, folder)
    syncs.run(GOLD, filled=[])
    assert syncs.has() == [None]
    syncs.run(tier("silver")[:1], filled=["/a", "/b"])
    assert syncs.has() == ['["/a","/b"]']


@pytest.mark.walk
def test_a_compacted_base_keeps_the_names_and_an_exit_forgets_them(
    cursor: Cursor, folder: Path
) -> None:
    syncs = Syncs(cursor, folder)
    syncs.run(GOLD)
    base = fresh(folder)
    compact_holdings(cursor, syncs.held, base)
    syncs.held = LocalManifest((base,))
    assert syncs.run([]) == ["exited: /traits/tier > "]
    assert syncs.run(NONE) == ["entered:  > "]


@pytest.mark.walk
def test_a_move_to_another_place_keeps_the_names(cursor: Cursor, folder: Path) -> None:
    """Two lists of one account, a new list, and the arms of a split: the partner has one profile for all of them."""
    fields = (KeyField("email", "last", "email"),)
    syncs = Syncs(cursor, folder, key="identifiers", fields=fields)
    gold, none = tier("gold", email="p1@x.io")[:1], tier(None, email="p1@x.io")
    syncs.run(gold, place="list-a")
    none[1]["email"] = "zz@x.io"
    assert syncs.run(none, place="list-b") == [
        "exited: /traits/tier > ",
        "entered: /traits/tier > ",
        "entered:  > /traits/tier",
    ]
    syncs.run(gold, place="list-b")
    arms = (Arm("A", 1, True, place="list-c"),)
    assert syncs.run(none[:1], arms=arms) == [
        "exited: /traits/tier > ",
        "entered: /traits/tier > ",
    ]
