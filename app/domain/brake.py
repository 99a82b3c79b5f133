"""The brake: which plans wait until somebody has looked at them."""

from __future__ import annotations

from app.domain.changes import Mode
from app.domain.options import Brake


def hold_reason(
    brake: Brake, *, mode: Mode, removals: int, held: int, wanted: int, first_plan: bool
) -> str | None:
    """Why a plan is held, in words for people; None where it may go.

    ``removals`` are the plan's exits, ``held`` the keys held (yes or maybe) before it, ``wanted`` the keys wanted.
    A plan is held when its removals reach ``min_removals`` and pass ``max_removal_percent`` of what is held (in mode
    remove: of what is wanted), or when they take all of ``hold_empty_from`` or more. In mode remove a first plan is
    held from ``min_removals`` on, whatever the percentage.
    """
    if not brake.enabled or removals <= 0:
        return None
    if mode is Mode.REMOVE and first_plan and removals >= brake.min_removals:
        return (
            f"The first plan in mode remove would take out {removals:,}; "
            f"from {brake.min_removals:,} on it waits for an approval."
        )
    if held >= brake.hold_empty_from and removals >= held:
        return f"All {held:,} that are held would be removed."
    base, noun = (wanted, "wanted") if mode is Mode.REMOVE else (held, "held")
    if removals >= brake.min_removals and removals * 100 > brake.max_removal_percent * base:
        return (
            f"{removals:,} of {base:,} {noun} would be removed ({_percent(removals, base)}); "
            f"the limit is {brake.max_removal_percent:g} %."
        )
    return None


def _percent(part: int, whole: int) -> str:
    return f"{part * 100 / whole:.4g} %" if whole else "none is known"
