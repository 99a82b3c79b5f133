"""Holdings seeded from an uploaded list: each row is at the destination."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.services.holdings.holdings import _write_seed, with_everybody
from app.snapshots.engine import Arm, LocalManifest, PlanSpec, Upload
from app.snapshots.engine.connections import connect
from app.snapshots.plans import read_plan, write_plan
from tests.unit.snapshots.files import create_spec, fresh, ndjson, snapshot

TEST, CONTROL = Arm("test", 1, place="L"), Arm("control", 1, sent=False)
IDS = [f"p{number}" for number in range(8)]


@pytest.mark.parametrize(
    "spec",
    [
        create_spec(consent="agreed"),
        create_spec(arms=(TEST, CONTROL), split_seed="act"),
        create_spec(consent="agreed", arms=(CONTROL, TEST), split_seed="act"),
    ],
)
def test_who_may_not_be_there_is_held_and_exits(tmp_path: Path, spec: PlanSpec) -> None:
    baseline = replace(spec, baseline=True)
    with connect("300MB", 1, tmp_path) as cursor:
        upload = Upload(ndjson(tmp_path, [{"profile_id": one} for one in IDS]), "ndjson")
        held, plan = fresh(tmp_path), fresh(tmp_path)
        stats = _write_seed(cursor, upload, with_everybody(baseline), held, linked=False)
        assert stats.held == len(IDS)
        wanted = snapshot(
            cursor, tmp_path, [{"profile_id": one, "agreed": one < "p4"} for one in IDS]
        )
        later = write_plan(cursor, spec, [wanted], LocalManifest((held,)), plan)
        assert (later.entered, later.exited) == (0, sum(later.left_out.values()))
        assert later.exited > 0
        assert {change.kind for change in read_plan(None, plan, 0, 10)} == {"exited"}


def test_arms_at_several_places_leave_the_control_group_out(tmp_path: Path) -> None:
    spec = create_spec(arms=(TEST, Arm("other", 1, place="M"), CONTROL), split_seed="act")
    assert with_everybody(spec).arms == spec.arms
