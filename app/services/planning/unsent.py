"""Values of identifiers that are not sent, as the reports of dry runs and test sends have them."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.unsent_values import UNSENT_WORDS
from app.services.platform import Platform, fetch_manifest
from app.snapshots.engine import Manifest, PlanSpec, lane_of
from app.snapshots.plans import UnsentValue, read_unsent


async def unsent_values(
    platform: Platform, spec: PlanSpec, wanted: Sequence[Manifest], profiles: Sequence[str]
) -> dict[str, list[dict[str, str]]]:
    """Return by profile ``[{"identifier": …, "value": …, "reason": …, "message": …}]`` of the memberships of a plan."""
    local = [await fetch_manifest(platform.objects, manifest) for manifest in wanted]
    lane = lane_of(sum(manifest.rows for manifest in wanted))
    found = await platform.engine.run(read_unsent, spec, local, profiles, lane=lane)
    return {profile: [shown_unsent(one) for one in values] for profile, values in found.items()}


def shown_unsent(one: UnsentValue) -> dict[str, str]:
    """Return ``{"identifier": …, "value": …, "reason": …, "message": …}``."""
    return {
        "identifier": one.identifier,
        "value": one.value,
        "reason": one.reason.value,
        "message": UNSENT_WORDS[one.reason],
    }
