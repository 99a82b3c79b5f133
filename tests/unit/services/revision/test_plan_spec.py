"""The plan specification of a revision."""

from __future__ import annotations

import orjson
import pytest

from app.domain.changes import ChangeKind, Mode
from app.services.revision.config import Revision
from app.services.revision.plan_spec import (
    AUDIENCE_NAME,
    EXITS_FIRST,
    PLACES,
    build_plan_spec,
    spec_from_json,
    spec_to_json,
)
from app.snapshots.engine import PlanSpec, UnknownFormat
from tests.unit.services.revision.definitions import create_definition, create_revision

DEFINITION = create_definition()
ID_SYNC = [
    {"externalId": "email", "strategy": "last"},
    {"externalId": "nickname", "strategy": "first"},
]


def create_spec(revision: Revision, kind: str = "incremental") -> PlanSpec:
    return build_plan_spec(
        DEFINITION,
        revision,
        kind=kind,
        sync_number=3,
        activation_id="act_1",
        max_rows=100,
        made_lists={},
    )


class TestBuild:
    def test_carries_what_the_revision_says(self) -> None:
        spec = create_spec(create_revision(mode="append", consent="may_mail", updates=True))
        assert (spec.mode, spec.consent) == (Mode.APPEND, "may_mail")
        assert spec.sends == frozenset(ChangeKind)

    @pytest.mark.parametrize("kind", ["incremental", "resync", "baseline"])
    def test_marks_resyncs_and_baselines(self, kind: str) -> None:
        spec = create_spec(create_revision(), kind)
        assert (spec.resync, spec.baseline) == (kind == "resync", kind == "baseline")


def test_a_stored_specification_is_read_back_as_it_was() -> None:
    split = [{"name": "A", "weight": 50, "sent": True}, {"name": "B", "weight": 50, "sent": True}]
    spec = create_spec(create_revision(idSync=ID_SYNC, split=split))
    stored = spec_to_json(spec)
    beside = {AUDIENCE_NAME: "Spring", EXITS_FIRST: False, PLACES: []}
    read = spec_from_json({**stored, **beside})
    assert orjson.dumps(spec_to_json(read)) == orjson.dumps(stored)
    assert (read.arms, read.sends, read.mode) == (spec.arms, spec.sends, spec.mode)


@pytest.mark.parametrize("inside", [None, "fields", "arms", "fields_sent"])
def test_a_specification_of_a_newer_version_is_refused_by_name(inside: str | None) -> None:
    split = [{"name": "A", "weight": 50, "sent": True}, {"name": "B", "weight": 50, "sent": True}]
    stored = spec_to_json(create_spec(create_revision(idSync=ID_SYNC, split=split)))
    stored["fields_sent"] = [{"path": ["x"], "reads": ["x"]}]
    changed = stored if inside is None else dict(stored[inside][0])
    changed["tempo"] = 3
    if inside is not None:
        stored[inside] = [changed]
    with pytest.raises(
        UnknownFormat, match="A newer version of the service planned this sync, with tempo"
    ):
        spec_from_json(stored)
