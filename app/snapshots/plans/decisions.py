"""The decision table as SQL, generated from ``app.domain.plan_rules``: the rule is called once for each case."""

from __future__ import annotations

from app.domain.changes import ChangeKind, Held
from app.domain.plan_rules import Decision, decide
from app.snapshots.engine import PlanSpec

_CODES = {ChangeKind.EXITED: 1, ChangeKind.ENTERED: 2, ChangeKind.UPDATED: 3}
SILENT = 4  # added to the code of a kind
REFUSED_BEFORE = 8
TAKES_OVER = 16  # added to the code of an entry
KINDS = {code: kind for kind, code in _CODES.items()}
_STATES = (Held.YES, Held.MAYBE, Held.REMOVED, Held.LEFT)  # besides NO


def code(decision: Decision) -> int:
    """Encode a decision as a number: 0 nothing, 1 exited, 2 entered, 3 updated, plus 4 if silent; 8 refused before.

    An entry that takes a key over has 16 more.
    """
    if decision.refused_before:
        return REFUSED_BEFORE
    if decision.kind is None:
        return 0
    silent = SILENT if decision.silent else 0
    return _CODES[decision.kind] + silent + (TAKES_OVER if decision.takes_over else 0)


def kind_code(code: int) -> int:
    """Return the code of the kind alone."""
    return code % SILENT


def kind_code_of(kind: ChangeKind) -> int:
    """Return the code of a change of this kind that is sent."""
    return _CODES[kind]


def is_silent(code: int) -> bool:
    """Return whether the change is folded without sending."""
    return bool(code & SILENT)


def needs_hashes(spec: PlanSpec, *, refusals: bool) -> bool:
    """Return whether the decisions depend on the hashes of the wanted side: without updates and refusals they do not."""
    return "w.fp1" in decision_sql(spec, owned=True, refusals=refusals)


def kind_of_new(spec: PlanSpec) -> ChangeKind | None:
    """Return as which change a wanted key is sent that the destination has never had; None if it is not sent."""
    return KINDS.get(_code(spec, True, Held.NO, differs=True))


def decision_sql(spec: PlanSpec, *, owned: bool, refusals: bool = True) -> str:
    """Return the expression of the code for wanted ``w`` FULL JOIN held ``h`` on ``k``.

    ``owned``: both sides have an ``owner``, the profile. Otherwise a key cannot change hands. ``refusals``: some held rows
    have a hash that was refused.
    """
    unwanted = " ".join(f"WHEN '{held}' THEN {_code(spec, False, held)}" for held in _STATES)
    both = " ".join(
        f"WHEN '{held}' THEN {_wanted(spec, held, owned, refusals)}" for held in _STATES
    )
    return f"""CASE WHEN h.k IS NULL THEN {_code(spec, True, Held.NO, differs=True)}
        WHEN w.k IS NULL THEN CASE h.held {unwanted} ELSE {_code(spec, False, Held.NO)} END
        ELSE CASE h.held {both} ELSE {_wanted(spec, Held.NO, owned, refusals)} END END"""


def _wanted(spec: PlanSpec, held: Held, owned: bool, refusals: bool) -> str:
    """Return the expression of the code if both sides have the key, with as few comparisons as possible."""
    same = _by_hash(spec, held, other_owner=False, refusals=refusals)
    if not owned:
        return same
    return _case(
        "w.owner <> h.owner", _by_hash(spec, held, other_owner=True, refusals=refusals), same
    )


def _by_hash(spec: PlanSpec, held: Held, *, other_owner: bool, refusals: bool) -> str:
    by_hash = {
        differs: _case(
            "w.fp1 = h.fp1_refused",
            str(_code(spec, True, held, differs, refused=refusals, other_owner=other_owner)),
            str(_code(spec, True, held, differs, other_owner=other_owner)),
        )
        for differs in (True, False)
    }
    return _case(_differs(spec), by_hash[True], by_hash[False])


def _differs(spec: PlanSpec) -> str:
    """Return the condition that the values differ from those sent. Only the arm counts if updates are not sent."""
    if spec.tells_arms and ChangeKind.UPDATED not in spec.sends:
        return "(w.fp1 >> 32) IS DISTINCT FROM (h.fp1 >> 32)"
    return "w.fp1 IS DISTINCT FROM h.fp1"


def _case(condition: str, yes: str, no: str) -> str:
    return yes if yes == no else f"CASE WHEN {condition} THEN {yes} ELSE {no} END"


def _code(
    spec: PlanSpec,
    wanted: bool,
    held: Held,
    differs: bool = False,
    *,
    refused: bool = False,
    other_owner: bool = False,
) -> int:
    return code(
        decide(
            wanted,
            held,
            hash_differs=differs,
            refused_same=refused,
            mode=spec.mode,
            sends=spec.sends | {ChangeKind.UPDATED} if spec.tells_arms else spec.sends,
            resync=spec.resync,
            baseline=spec.baseline,
            retry_refused=spec.retry_refused,
            other_owner=other_owner,
        )
    )
