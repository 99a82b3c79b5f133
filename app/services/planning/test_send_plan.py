"""The plan of a test send: one member or a sample, as one kind of change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.core.json_bytes import to_lines
from app.domain.changes import ChangeKind, Mode
from app.snapshots.engine import Cursor, LocalManifest, PlannedChange, PlanSpec, PlanStats
from app.snapshots.plans import (
    UnsentValue,
    pick_member,
    read_plan,
    read_unsent,
    write_plan,
    write_sample,
    write_single_plan,
)

_NOTHING = LocalManifest()


@dataclass(frozen=True, slots=True)
class Sample:
    """A made-up member: values by identifier (one or several) and by trait; ``entity_id`` in a linked audience."""

    profile_id: str
    identifiers: Mapping[str, Any]
    traits: Mapping[str, Any]
    entity_id: str | None = None


@dataclass(frozen=True, slots=True)
class TestPlan:
    """The plan of one member, the reasons for which a sync would leave it out, and values of identifiers that are not sent."""

    stats: PlanStats
    changes: Sequence[PlannedChange]
    is_member: bool
    left_out: Sequence[str]
    unsent: Sequence[UnsentValue] = ()


def without_exclusions(spec: PlanSpec) -> PlanSpec:
    """Return ``spec`` without the rules that leave members out: consent, control group, mode and kinds of change."""
    return replace(
        spec,
        mode=Mode.MAINTAIN,
        sends=frozenset(ChangeKind),
        consent=None,
        arms=tuple(arm for arm in spec.arms if arm.sent),
    )


def plan_test(
    cursor: Cursor,
    spec: PlanSpec,
    everybody: PlanSpec,
    sources: Sequence[LocalManifest],
    held: LocalManifest,
    who: str | Sample,
    kind: ChangeKind,
    folder: Path,
) -> TestPlan | None:
    """Plan a member, or a sample, as one change. Returns None if no member has that id.

    ``everybody`` is ``spec`` by :func:`without_exclusions`; ``spec`` shows for which reasons a sync leaves it out.
    """
    profile_id = who if isinstance(who, str) else who.entity_id or who.profile_id
    picked = pick_member(cursor, spec, sources, profile_id, folder)
    is_member = bool(picked)
    if isinstance(who, Sample):
        picked = write_sample(cursor, _row(who, folder), folder, linked=who.entity_id is not None)
    if not picked:
        return None
    out = folder / "plan.parquet"
    left_out = write_plan(cursor, spec, picked, _NOTHING, folder / "left.parquet").left_out
    stats = write_single_plan(cursor, everybody, picked, held, kind, out)
    changes = list(read_plan(cursor, out, 0, stats.changes)) if stats.changes else []
    found = read_unsent(cursor, spec, picked, {change.profile_id for change in changes})
    unsent = [one for values in found.values() for one in values]
    return TestPlan(stats, changes, is_member, sorted(left_out), unsent)


def _row(sample: Sample, folder: Path) -> Path:
    path = folder / "sample.ndjson"
    row = {**sample.traits, **sample.identifiers, "profile_id": sample.profile_id}
    if sample.entity_id is not None:
        row["entity_id"] = sample.entity_id
    path.write_bytes(to_lines([row]))
    return path
