"""The plan specification of a revision."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from app.domain.changes import ChangeKind, Mode
from app.services.revision.config import Revision
from app.services.revision.plan_spec import (
    AUDIENCE_NAME,
    EXITS_FIRST,
    PLACES,
    build_plan_spec,
    column_of,
    key_fields,
    spec_from_json,
    spec_to_json,
    used_traits,
)
from app.snapshots.engine import KeyField, PlanSpec
from tests.unit.services.revision.definitions import create_definition, create_revision

DEFINITION = create_definition()
ID_SYNC = [
    {"externalId": "email", "strategy": "last"},
    {"externalId": "nickname", "strategy": "first"},
]


def mapped(**settings: Any) -> dict[str, Any]:
    return {"destinationMapping": {"actionId": "act-enter", "settings": settings}}


def create_spec(revision: Revision, kind: str = "incremental") -> PlanSpec:
    return build_plan_spec(
        DEFINITION, revision, kind=kind, sync_number=3, activation_id="act_1", max_rows=100, made={}
    )


class TestKeyFields:
    def test_leaves_out_identifiers_that_the_destination_does_not_know(self) -> None:
        assert key_fields(DEFINITION, create_revision(idSync=ID_SYNC)) == [
            KeyField("email", "last", normaliser="email", map_to="email")
        ]

    def test_a_mapped_identity_field_takes_its_value_from_the_path(self) -> None:
        revision = create_revision(idSync=ID_SYNC, **mapped(email={"@path": "$.traits.work_mail"}))
        assert key_fields(DEFINITION, revision)[0].external_id == "work_mail"

    def test_a_destination_of_members_has_none_unless_the_user_chose(self) -> None:
        files = create_definition(key="member")
        assert key_fields(files, create_revision(idSync=ID_SYNC)) == ()
        chosen = create_revision(idSync=ID_SYNC, idSyncGiven=True)
        assert [field.external_id for field in key_fields(files, chosen)] == ["email", "nickname"]


class TestUsedTraits:
    def test_are_the_personalized_and_the_mapped_ones(self) -> None:
        revision = create_revision(
            personalization={"profile": {"properties": ["plan"]}},
            **mapped(title={"@path": "$.traits.city"}, custom={"traits.spend": 1}),
        )
        assert used_traits(DEFINITION, revision) == ("plan", "spend", "city")


@pytest.mark.parametrize(
    ("pieces", "column"),
    [
        (("userId",), "user_id"),
        (("traits", "city"), "city"),
        (("context", "traits", "city"), "city"),
        (("traits", "address", "city"), None),
        (("event",), None),
    ],
)
def test_column_of_a_path(pieces: tuple[str, ...], column: str | None) -> None:
    assert column_of(pieces) == column


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
