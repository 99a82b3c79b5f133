"""The brake: the rule that puts a sync on hold until its plan is approved."""

from __future__ import annotations

from app.domain.changes import Mode
from app.domain.options import Brake


def hold_reason(
    brake: Brake, *, mode: Mode, leaving: int, of_members: int, first_plan: bool
) -> str | None:
    """Return why a plan must wait for approval, as a sentence for users, or None if it need not.

    ``leaving`` is the number of profiles that leave, ``of_members`` the number of profiles held (yes or maybe) before
    the plan, in mode remove the number of those wanted. A profile that only changes its key does not leave. A plan
    waits in three cases:

    - the profiles that leave are at least ``min_removals`` and more than ``max_removal_percent`` of ``of_members``;
    - all held profiles leave, and these are at least ``hold_empty_from`` (not in mode remove);
    - it is the first plan in mode remove, and at least ``min_removals`` leave.
    """
    if not brake.enabled or leaving <= 0:
        return None
    if mode is Mode.REMOVE and first_plan and leaving >= brake.min_removals:
        return (
            f"The first plan in mode remove would remove {leaving:,}; "
            f"from {brake.min_removals:,} on it waits for approval."
        )
    if mode is not Mode.REMOVE and of_members >= brake.hold_empty_from and leaving >= of_members:
        return f"All {of_members:,} that are held would be removed."
    if leaving >= brake.min_removals and leaving * 100 > brake.max_removal_percent * of_members:
        noun = "wanted" if mode is Mode.REMOVE else "held"
        return (
            f"{leaving:,} of {of_members:,} {noun} would be removed ({_percent(leaving, of_members)}); "
            f"the limit is {brake.max_removal_percent:g} %."
        )
    return None


def _percent(part: int, whole: int) -> str:
    return f"{part * 100 / whole:.4g} %" if whole else "none is known"
