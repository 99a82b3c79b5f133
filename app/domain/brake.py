"""The brake: the rule that puts a sync on hold until its plan is approved."""

from __future__ import annotations

from app.domain.changes import Mode
from app.domain.options import Brake


def hold_reason(
    brake: Brake, *, mode: Mode, removals: int, held: int, wanted: int, first_plan: bool
) -> str | None:
    """Return why a plan must wait for approval, as a sentence for users, or None if it need not.

    ``removals`` is the number of exits in the plan, ``held`` the number of keys held (yes or maybe) before it,
    ``wanted`` the number of keys wanted. A plan waits in three cases:

    - its removals are at least ``min_removals`` and more than ``max_removal_percent`` of the held keys (in mode
      remove: of the wanted keys);
    - it removes all held keys, and these are at least ``hold_empty_from``;
    - it is the first plan in mode remove, and its removals are at least ``min_removals``.
    """
    if not brake.enabled or removals <= 0:
        return None
    if mode is Mode.REMOVE and first_plan and removals >= brake.min_removals:
        return (
            f"The first plan in mode remove would remove {removals:,}; "
            f"from {brake.min_removals:,} on it waits for approval."
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
