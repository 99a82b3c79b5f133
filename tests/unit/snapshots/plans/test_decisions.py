"""The set-based SQL of plans and outcomes against the rules of ``app.domain.plan_rules``, on random states.

The SQL's cases are made from the rules; what can go wrong is the joins, the hashes and the columns, and these are
what this test turns round: every key gets a state of its own, and the plan must say of it what the rule says.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.batch_states import BatchEnd
from app.domain.changes import ChangeKind, Disposition, Held, Mode
from app.domain.plan_rules import NOTHING, Decision, Row, decide, fold
from app.snapshots.engine import (
    BatchOutcome,
    KeyField,
    LocalManifest,
    PlanSpec,
    PlanStats,
    key_value,
)
from app.snapshots.holdings import COLUMNS, fold_outcome, page_holdings
from app.snapshots.plans import write_plan
from tests.apart import examples
from tests.unit.snapshots.files import Instance, create_spec, fresh, snapshot

TYPES: dict[str, pa.DataType] = {"fp1": pa.uint64(), "fp1_refused": pa.uint64(), "sync": pa.int64()}


@dataclass(frozen=True)
class State:
    """One key: whether it is wanted (and with which value), its row, and what becomes of its change.

    ``moved``: the row belongs to another profile. It counts only if keys are addresses.
    """

    wanted: bool
    value: int
    held: Held | None
    sent_value: int
    refused_value: int | None
    fate: Disposition
    moved: bool


STATES = st.builds(
    State,
    wanted=st.booleans(),
    value=st.integers(0, 1),
    held=st.none() | st.sampled_from(Held),
    sent_value=st.integers(0, 1),
    refused_value=st.none() | st.integers(0, 1),
    fate=st.sampled_from(
        [
            Disposition.DELIVERED,
            Disposition.REJECTED,
            Disposition.SKIPPED,
            Disposition.UNKNOWN,
            Disposition.PENDING,
        ]
    ),
    moved=st.booleans(),
)
ADDRESSES = {"key": "identifiers", "fields": (KeyField("email", "last", "text"),)}
# Not `st.builds`: it resolves the annotations of the function, and what it keeps of DuckDB's types is reported as leaked.
SPECS = st.fixed_dictionaries(
    {
        "mode": st.sampled_from(Mode),
        "sends": st.sets(st.sampled_from(ChangeKind), min_size=1).map(frozenset),
        "resync": st.booleans(),
        "baseline": st.booleans(),
        "retry_refused": st.booleans(),
        "max_rows": st.just(1),  # so that every change has a fate of its own
        "traits": st.just(("value",)),
        "addresses": st.booleans(),  # keys are addresses, which can belong to another profile; else member ids
    }
).map(lambda options: create_spec(**(ADDRESSES if options.pop("addresses") else {}), **options))


@pytest.fixture(scope="module")
def hashed(engine: Instance, tmp_path_factory: pytest.TempPathFactory) -> dict[int, int]:
    """The hash that the engine gives to each value, read from a plan."""
    folder = tmp_path_factory.mktemp("hashes")
    out = fresh(folder)
    with engine.cursor() as cursor:
        members = snapshot(cursor, folder, [{"profile_id": str(v), "value": v} for v in (0, 1)])
        write_plan(cursor, create_spec(traits=("value",)), [members], LocalManifest(), out)
    return {
        int(row["k"]): row["fp1"] for row in pq.read_table(out, columns=["k", "fp1"]).to_pylist()
    }


def write_rows(
    states: dict[str, State], spec: PlanSpec, hashed: dict[int, int], out: Path
) -> LocalManifest:
    owned = spec.key == "identifiers"
    rows = [
        {
            "k": f"{key}\x1femail\x1f" if owned else key,
            "key_type": "email" if owned else None,
            "member_id": owner_of(key, moved=state.moved) if owned else None,
            "held": state.held.value,
            "fp1": hashed[state.sent_value],
            "fp1_refused": None if state.refused_value is None else hashed[state.refused_value],
            "sync": 1,
        }
        for key, state in sorted(states.items())
        if state.held is not None
    ]
    schema = pa.schema({column: TYPES.get(column, pa.string()) for column in COLUMNS})
    pq.write_table(pa.Table.from_pylist(rows, schema), out)
    return LocalManifest((out,))


def owner_of(key: str, *, moved: bool = False) -> str:
    return f"{'before' if moved else 'now'}-{key}"


# A plan costs about the same for 5 keys as for 40, so ``make test`` has fewer plans, of more keys.
@pytest.mark.more_in_walks
@given(states=st.lists(STATES, min_size=25, max_size=40), spec=SPECS)
@settings(max_examples=examples(5, 12), deadline=None)
def test_plans_and_folds_as_the_rules_say(
    engine: Instance, hashed: dict[int, int], states: list[State], spec: PlanSpec
) -> None:
    check(engine, hashed, states, spec)


@pytest.mark.chaos
@given(states=st.lists(STATES, max_size=12), spec=SPECS)
@settings(max_examples=300, deadline=None)
def test_many_small_plans(
    engine: Instance, hashed: dict[int, int], states: list[State], spec: PlanSpec
) -> None:
    check(engine, hashed, states, spec)


def check(engine: Instance, hashed: dict[int, int], states: list[State], spec: PlanSpec) -> None:
    """Plan and fold, and compare each key with the rules."""
    with tempfile.TemporaryDirectory() as place, engine.cursor() as cursor:
        folder = Path(place)
        named = {f"key-{number:02}": state for number, state in enumerate(states)}
        holdings = write_rows(named, spec, hashed, fresh(folder))
        wanted = snapshot(
            cursor,
            folder,
            [
                {"profile_id": key, "value": state.value}
                if spec.key == "member"
                else {"profile_id": owner_of(key), "email": key, "value": state.value}
                for key, state in named.items()
                if state.wanted
            ],
        )
        plan, outcome = fresh(folder), fresh(folder)
        stats = write_plan(cursor, spec, [wanted], holdings, plan)
        expected = {key: ruled(state, spec) for key, state in named.items()}
        refused = sum(decision.refused_before for decision in expected.values())
        assert stats.left_out.get("refused_before", 0) == refused
        rows = pq.read_table(plan).to_pylist()
        for row in rows:
            row["k"] = key_value(row["k"], row["key_type"], row["place"])
        found = {row["k"]: (row["kind"], row["row"] is None) for row in rows}
        assert found == {
            key: (decision.kind, decision.silent)
            for key, decision in expected.items()
            if decision.kind is not None
        }
        check_order(rows, stats, {key for key, e in expected.items() if e.takes_over})

        sent = {row["row"]: row["k"] for row in rows if row["row"] is not None}
        batches = [
            outcome_of(number, row, named[key].fate)
            for number, (row, key) in enumerate(sent.items(), 1)
        ]
        folded = fold_outcome(cursor, plan, holdings, batches, spec, outcome)
        after = {
            row["key"]: row
            for row in page_holdings(cursor, LocalManifest(holdings.base, (outcome,)), None, 100)
        }
        for key, state in named.items():
            check_folded(key, state, found.get(key), spec, after)
            if spec.key == "identifiers" and key in after:
                check_owner(key, state, expected[key], spec, after[key])
        assert folded.held == sum(row["held"] in {Held.YES, Held.MAYBE} for row in after.values())
        assert folded.assumed == sum(row["assumed"] for row in after.values())
        assert folded.rows == len(rows) == sum(folded.by_disposition.values())


def ruled(state: State, spec: PlanSpec) -> Decision:
    """What the rule says of a key."""
    if not state.wanted and state.held is None:
        return NOTHING
    return decide(
        state.wanted,
        state.held or Held.NO,
        hash_differs=state.value != state.sent_value,
        refused_same=state.held is not None and state.refused_value == state.value,
        mode=spec.mode,
        sends=spec.sends,
        resync=spec.resync,
        baseline=spec.baseline,
        retry_refused=spec.retry_refused,
        other_owner=spec.key == "identifiers" and state.held is not None and state.moved,
    )


def check_order(rows: list[dict[str, object]], stats: PlanStats, first: set[str]) -> None:
    """By kind, new owners before other entries, then key; numbers from 0, silent rows after them without one."""
    places = {"exited": 0, "entered": 1, "updated": 2}
    order = [
        (row["row"] is None, places[str(row["kind"])], row["k"] not in first, str(row["k"]))
        for row in rows
    ]
    assert order == sorted(order)
    apart = {cut.first_row for cut in stats.cuts if cut.takes_over}
    assert apart == {row["row"] for row in rows if row["k"] in first}
    numbers = [row["row"] for row in rows if row["row"] is not None]
    assert numbers == list(range(stats.changes))
    assert stats.silent == len(rows) - len(numbers)
    assert sum(cut.rows for cut in stats.cuts) == stats.changes


def outcome_of(number: int, row: int, fate: Disposition) -> BatchOutcome:
    match fate:
        case Disposition.UNKNOWN:
            return BatchOutcome(number, row, 1, BatchEnd.ATTEMPTED)
        case Disposition.PENDING:
            return BatchOutcome(number, row, 1, BatchEnd.UNTOUCHED)
        case Disposition.REJECTED:
            return BatchOutcome(number, row, 1, BatchEnd.RECORDED, rejected={0: ("bad", "refused")})
        case Disposition.SKIPPED:
            return BatchOutcome(number, row, 1, BatchEnd.RECORDED, skipped={0: ("no", "left out")})
        case _:
            return BatchOutcome(number, row, 1, BatchEnd.RECORDED)


def check_folded(
    key: str,
    state: State,
    change: tuple[str, bool] | None,
    spec: PlanSpec,
    after: dict[str, dict[str, object]],
) -> None:
    row = Row.KEEP
    if change is not None:
        kind, silent = change
        fate = Disposition.SILENT if silent else state.fate
        row = fold(ChangeKind(kind), fate, mode=spec.mode, wanted=state.wanted)
    expected = {
        Row.KEEP: state.held,
        Row.REFUSED: state.held or Held.NO,
        Row.GONE: None,
        Row.YES: Held.YES,
        Row.MAYBE: Held.MAYBE,
        Row.REMOVED: Held.REMOVED,
    }[row]
    assert (after[key]["held"] if key in after else None) == expected
    if row is Row.REFUSED:
        assert after[key]["refused"]


def check_owner(
    key: str, state: State, decision: Decision, spec: PlanSpec, row: dict[str, object]
) -> None:
    """The row names the profile whose change was recorded; if nothing was, the one that it named before."""
    if decision.kind is None:
        expected = owner_of(key, moved=state.moved)
    else:
        fate = Disposition.SILENT if decision.silent else state.fate
        folded = fold(decision.kind, fate, mode=spec.mode, wanted=state.wanted)
        kept = folded is Row.KEEP or (folded is Row.REFUSED and state.held not in {None, Held.NO})
        expected = owner_of(key, moved=state.moved and (kept or not state.wanted))
    assert row["profile_id"] == expected
