"""When holdings agree with a plan: it wants nothing more of the destination, so that a later plan compares only what changed since."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, replace

import orjson

from app.core.version import VERSION
from app.domain.changes import Disposition
from app.snapshots.engine import FoldStats, PlanSpec

_AGREED = {Disposition.DELIVERED, Disposition.SILENT}


def can_agree(spec: PlanSpec) -> bool:
    """Return whether later plans can make use of it: keys are member ids, and no member is left out."""
    return spec.key == "member" and not (spec.arms or spec.place or spec.consent)


def agrees(spec: PlanSpec, left_out: Mapping[str, int], stats: FoldStats) -> bool:
    """Return whether everything that a plan wanted is at the destination, given what it left out and its folded outcome."""
    return (
        can_agree(spec)
        and not spec.baseline  # it leaves members at the destination that are not wanted
        and not left_out
        and _AGREED.issuperset(stats.by_disposition)
        and not (stats.unconfirmed or stats.renamed or stats.renamed_before)
    )


def digest_of(spec: PlanSpec) -> str:
    """Return a digest of what decides the keys and hashes of a plan, with the version of the service that computes them.

    A resync and the end of refusals are left out: once everything is delivered they make no difference.
    """
    same = replace(
        spec,
        resync=False,
        baseline=False,
        retry_refused=False,
        sync_number=0,
        max_rows=1,
        max_bytes=None,
        whole_plan=False,
    )
    value = {**asdict(same), "sends": sorted(spec.sends), "service": VERSION}
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()
