"""The membership that the holdings of an activation agree with: everything that it wants is at the destination.

It is stored beside the holdings, so whatever replaces these forgets it. A plan names the files that it was computed from
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

_PLANNED, _AGREES = "planned", "agrees"


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
        **Manifest.from_json(before).to_json(),
        _PLANNED: {
            "sync": sync.id,
            "spec": digest_of(spec),
            "members": wanted[0].to_json(),
            "compared": clock.now().isoformat() if is_whole else before[_AGREES]["compared"],
        },
    }


def with_agreement(
    before: dict[str, Any] | None, after: Manifest, sync: Sync, spec: PlanSpec, stats: FoldStats
) -> dict[str, Any]:
    """Return the holdings after a sync as they are stored, ``{"base", "deltas", "agrees"}``; without ``agrees`` if something is open."""
    planned = (before or {}).get(_PLANNED)
    if planned is None or planned["sync"] != sync.id:
        return after.to_json()
    if not agrees(spec, sync.left_out or {}, stats):
        return after.to_json()
    agreed = {name: value for name, value in planned.items() if name != "sync"}
    return {**after.to_json(), _AGREES: agreed}
