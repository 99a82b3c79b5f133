"""What a fold does to each change's row of the holdings: ``plan_rules.fold`` as SQL."""

from __future__ import annotations

from app.domain.changes import ChangeKind, Disposition, Held
from app.domain.plan_rules import Row, fold
from app.snapshots.engine import (
    PlanSpec,
)
from app.snapshots.holdings.holding_rows import GONE


def fate_sql(spec: PlanSpec, *, exits_stay: bool = False) -> str:
    """Return the fate of a change as an expression: ``plan_rules.fold``, called once for each case.

    With ``exits_stay``, a key that was ``maybe`` stays so after its exit: an earlier call may still add it.
    """
    cases = []
    for disposition in Disposition:
        by_kind = {kind: _by_want(spec, kind, disposition) for kind in ChangeKind}
        held = by_kind[ChangeKind.UPDATED]
        not_held = _by_want(spec, ChangeKind.UPDATED, disposition, Held.NO)
        by_kind[ChangeKind.UPDATED] = _either(f"p.old_held = '{Held.YES}'", held, not_held)
        if exits_stay and disposition is Disposition.DELIVERED:
            left = by_kind[ChangeKind.EXITED]
            by_kind[ChangeKind.EXITED] = _either(
                f"p.old_held = '{Held.MAYBE}'", f"'{Row.MAYBE}'", left
            )
        whens = " ".join(f"WHEN '{kind}' THEN {row}" for kind, row in by_kind.items())
        cases.append(f"WHEN '{disposition}' THEN CASE p.kind {whens} END")
    return f"CASE d.disposition {' '.join(cases)} END"


def _by_want(
    spec: PlanSpec, kind: ChangeKind, disposition: Disposition, held: Held = Held.YES
) -> str:
    wanted, unwanted = (
        f"'{_row(fold(kind, disposition, mode=spec.mode, wanted=is_wanted, held=held))}'"
        for is_wanted in (True, False)
    )
    return _either("p.wanted", wanted, unwanted)


def _either(condition: str, yes: str, no: str) -> str:
    """Return one of two expressions by a condition. Two that are equal need none: the engine takes time to read each."""
    return yes if yes == no else f"CASE WHEN {condition} THEN {yes} ELSE {no} END"


def _row(row: Row) -> str:
    return {Row.GONE: GONE}.get(row, row.value)
