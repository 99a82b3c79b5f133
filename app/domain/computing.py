"""Who computes an audience before an activation sends it: the one place where this is decided."""

from __future__ import annotations

from enum import StrEnum

from app.domain.frequency import Frequency

#: Code of an activation's last error if an audience that it computes first failed, so that no sync was opened.
NOT_COMPUTED = "audience_not_computed"


class ComputedBy(StrEnum):
    """Who computes an audience of an activation: the field ``computedBy`` of its status."""

    UPLOAD = "upload"  # its members are uploaded: the newest upload counts
    SCHEDULE = "schedule"  # its own schedules; the newest snapshot counts
    ACTIVATION = "activation"  # the activation, each time before it opens a sync by the clock
    REQUEST = "request"  # nobody on their own: runs are forced
    PIN = "pin"  # nobody: it is rolled back to an earlier snapshot
    NOBODY = "nobody"  # it is disabled; the newest snapshot counts


def computed_by(
    frequency: Frequency, *, query: str, enabled: bool, pinned: bool, has_schedule: bool
) -> ComputedBy:
    """Return who computes an audience of an activation with this frequency.

    ``query`` is the definition, empty if members are uploaded. An activation that opens its syncs by the clock computes the
    audience itself, unless a schedule does: without this rule, its time and that of the audience would have to be kept equal
    by hand.
    """
    if pinned:
        return ComputedBy.PIN
    if not query:
        return ComputedBy.UPLOAD
    if not enabled:
        return ComputedBy.NOBODY
    if has_schedule:
        return ComputedBy.SCHEDULE
    return ComputedBy.REQUEST if frequency.follows_runs else ComputedBy.ACTIVATION
