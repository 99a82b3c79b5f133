"""Creation and update of a configuration."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.activation_config import Config, connection_part, new_config, updated


def create(**fields: Any) -> Config:
    given: dict[str, Any] = {
        "activation_type": "Audience Entered",
        "personalization": None,
        "mapping": None,
        "id_sync": [{"externalId": "email", "strategy": "last"}],
        "id_sync_given": False,
        "connection_settings": None,
        **fields,
    }
    return new_config(**given)


def change(config: Config, **fields: Any) -> Config:
    nothing: dict[str, Any] = {
        "personalization": None,
        "mapping": None,
        "display_name_cleared": False,
    }
    return updated(config, **{**nothing, **fields})


class TestNew:
    def test_the_least(self) -> None:
        config = create()
        assert config["personalization"] == {"profile": {"properties": []}}
        assert "destinationMapping" not in config
        assert config["mode"] == "maintain"

    def test_takes_over_from_the_connection(self) -> None:
        part = connection_part([{"externalId": "x", "strategy": "all"}], True, {"a": 1})
        assert {**create(), **part}["connectionSettings"] == {"a": 1}


class TestUpdated:
    def test_nothing_changes_nothing(self) -> None:
        config = create(mapping={"actionId": "a"})
        assert change(config) == config

    @pytest.mark.parametrize(
        ("stored", "given", "found"),
        [
            (
                {"properties": ["a"], "mapping": {"a": "b"}},
                {"properties": ["c"]},
                {"properties": ["c"]},
            ),
            (
                {"properties": ["a"]},
                {"mapping": {"a": "b"}},
                {"properties": [], "mapping": {"a": "b"}},
            ),
            ({"properties": ["a"]}, {}, {"properties": []}),
        ],
    )
    def test_a_profile_is_replaced(
        self, stored: dict[str, Any], given: dict[str, Any], found: dict[str, Any]
    ) -> None:
        config = create(personalization={"profile": stored})
        assert (
            change(config, personalization={"profile": given})["personalization"]["profile"]
            == found
        )

    @pytest.mark.parametrize(
        ("stored", "given", "found"),
        [
            ({"a": 1, "b": {"x": 1}}, {"b": {"y": 2}}, {"a": 1, "b": {"y": 2}}),
            ({"a": 1}, {"a": None}, {"a": None}),
            ({"a": 1}, {}, {"a": 1}),
            ({"a": 1}, None, {"a": 1}),
        ],
    )
    def test_settings_merge_one_field_at_a_time(
        self, stored: dict[str, Any], given: dict[str, Any] | None, found: dict[str, Any]
    ) -> None:
        config = create(mapping={"actionId": "a", "settings": stored})
        mapping = {"actionId": "other"} | ({"settings": given} if given is not None else {})
        changed = change(config, mapping=mapping)
        assert changed["destinationMapping"] == {"actionId": "a", "settings": found}
        assert config["destinationMapping"]["settings"] == stored

    def test_a_first_mapping_is_taken_as_it_is(self) -> None:
        changed = change(create(), mapping={"actionId": "a"})
        assert changed["destinationMapping"] == {"actionId": "a"}

    def test_clearing_a_display_name_leaves_a_null(self) -> None:
        assert change(create(), display_name_cleared=True)["displayName"] is None
