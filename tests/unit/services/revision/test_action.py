"""Which action a revision carries out, and its constant values."""

from __future__ import annotations

from app.services.revision.action import action_of, constants
from tests.unit.services.revision.definitions import (
    ENTER,
    EVENT,
    create_definition,
    create_revision,
)

DEFINITION = create_definition()


class TestActionOf:
    def test_is_the_mapped_action(self) -> None:
        revision = create_revision(
            activationType="Audience Exited", destinationMapping={"actionId": "act-enter"}
        )
        assert action_of(DEFINITION, revision) is ENTER

    def test_is_else_the_preset_of_the_activation_type(self) -> None:
        assert action_of(DEFINITION, create_revision(activationType="Audience Exited")) is EVENT

    def test_is_else_the_first_action(self) -> None:
        assert action_of(DEFINITION, create_revision()) is ENTER

    def test_is_none_if_the_destination_has_no_action(self) -> None:
        assert action_of(create_definition(actions=(), presets=()), create_revision()) is None


class TestConstants:
    def test_holds_mapped_constant_fields_only(self) -> None:
        revision = create_revision(
            destinationMapping={"actionId": "act-enter", "settings": {"size": 3, "title": "Hello"}}
        )
        assert constants(DEFINITION, revision) == {"size": 3}

    def test_keeps_null_only_where_a_field_allows_it(self) -> None:
        revision = create_revision(
            destinationMapping={"actionId": "act-enter", "settings": {"size": None, "note": None}}
        )
        assert constants(DEFINITION, revision) == {"note": None}
