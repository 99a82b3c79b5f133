"""What is noted beside the holdings of an activation: whether they were counted, and the membership that they agree with.

Whatever replaces the holdings forgets these notes. ``counted``: the counts of the activation, held and assumed, are those of exactly
these files, so that neither a plan nor its end counts all rows again.

Holdings agree with a membership if everything that it wants is at the destination. A plan names the files that it was computed from
(``planned``), and the end of its sync makes them the membership that the holdings agree with (``agrees``), if everything
was delivered. The next plan then compares only members that changed after it. Once a day a plan compares all members.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from app.core import clock
from app.snapshots.engine import FoldStats, Manifest, PlanSpec, PlanStats
from app.snapshots.plans import agrees, can_agree, digest_of
from app.storage.models import Activation, Sync

LONGEST = timedelta(days=1)  # from one plan that compares all members to the next one

_PLANNED, _AGREES, _COUNTED = "planned", "agrees", "counted"


def known_counts(activation: Activation) -> tuple[int, int] | None:
    """Return how many keys are held, and how many of them are assumed, if both were counted for the stored holdings."""
    if activation.holdings is None or not activation.holdings.get(_COUNTED):
        return None
    return activation.held, activation.assumed


def _without_notes(holdings: dict[str, Any]) -> dict[str, Any]:
    """Return stored holdings with the note that they were counted, and no other note."""
    counted = {_COUNTED: True} if holdings.get(_COUNTED) else {}
    return {**Manifest.from_json(holdings).to_json(), **counted}


def agreed_deltas(holdings: dict[str, Any] | None, spec: PlanSpec, wanted: Manifest) -> int | None:
    """Return how many deltas of ``wanted`` belong to the membership that the holdings agree with; None if it is another one.

    None also if the last plan that compared all members is too old.
    """
    known = (holdings or {}).get(_AGREES)
    if known is None or known["spec"] != digest_of(spec):
        return None
    members = Manifest.from_json(known["members"])
    count = len(members.deltas)
    is_same = members.base == wanted.base and members.deltas == wanted.deltas[:count]
    age = clock.now() - datetime.fromisoformat(known["compared"])
    return count if is_same and timedelta(0) <= age < LONGEST else None


def note_planned(
    activation: Activation,
    sync: Sync,
    spec: PlanSpec,
    stats: PlanStats,
    wanted: tuple[Manifest, ...],
) -> None:
    """Note beside the holdings what a stored plan was computed from. Holdings that do not exist yet have no note."""
    before = activation.holdings
    if before is None or not can_agree(spec) or stats.left_out or len(wanted) != 1:
        return
    is_whole = agreed_deltas(before, spec, wanted[0]) is None
    activation.holdings = {
        **_without_notes(before),
        _PLANNED: {
            "sync": sync.id,
            "spec": digest_of(spec),
            "members": wanted[0].to_json(),
            "compared": clock.now().isoformat() if is_whole else before[_AGREES]["compared"],
        },
    }


def with_counts(before: dict[str, Any] | None, after: Manifest) -> dict[str, Any]:
    """Return the holdings after a sync as they are stored, ``{"base", "deltas", "counted"}``.

    The end of a sync that changes them stores their counts, too; otherwise they are as much counted as before.
    """
    if before is not None and Manifest.from_json(before) == after:
        return _without_notes(before)
    return {**after.to_json(), _COUNTED: True}


def with_agreement(
    before: dict[str, Any] | None, after: Manifest, sync: Sync, spec: PlanSpec, stats: FoldStats
) -> dict[str, Any]:
    """Return the holdings as stored, ``{"base", "deltas", "counted", "agrees"}``; without ``agrees`` if something is open."""
    stored = with_counts(before, after)
    planned = (before or {}).get(_PLANNED)
    if planned is None or planned["sync"] != sync.id:
        return stored
    if not agrees(spec, sync.left_out or {}, stats):
        return stored
    agreed = {name: value for name, value in planned.items() if name != "sync"}
    return {**stored, _AGREES: agreed}
