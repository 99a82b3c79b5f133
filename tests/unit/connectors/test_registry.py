from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.connectors import registry as module
from app.connectors.destinations.webhook.connector import WebhookConnector
from app.connectors.registry import (
    BUILT_IN,
    BrokenDestination,
    Registry,
    UnknownDestination,
    complete_settings,
    connection_settings_model,
    definitions,
    get,
    rows_per_call,
)

OUTSIDE = """
from app.connectors.base import CheckResult, ConnectorSettings, Definition, Action, Receipts


class Settings(ConnectorSettings):
    folder: str


class Postcards:
    definition = Definition(
        slug="postcards", name="Postcards", description="Prints cards.", metadata_id="ab" * 12,
        audience_types=("USERS",), actions=(Action("postcards-print", "print", "Print", ""),), max_rows=7,
        aliases=("cards",),
    )
    settings_model = Settings

    def __init__(self, settings, tools):
        self.settings = settings

    async def check(self, connection_settings):
        return CheckResult(ok=True, message=self.settings.folder)

    async def deliver(self, batch, deliveries):
        return Receipts()

    async def resume(self, batch, deliveries, handle):
        return Receipts()
"""


@pytest.fixture
def outside_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install a distribution, as pip does, with an entry point for a destination."""
    (tmp_path / "postcards_destination.py").write_text(OUTSIDE)
    info = tmp_path / "postcards_destination-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: postcards-destination\nVersion: 1.0\n"
    )
    (info / "entry_points.txt").write_text(
        "[audience_activations.destinations]\npostcards = postcards_destination:Postcards\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    module.registry.cache_clear()
    yield
    module.registry.cache_clear()
    sys.modules.pop("postcards_destination", None)


class TestRegistry:
    @pytest.mark.parametrize("name", ["webhook", "webhook-actions", "WEBHOOK", "webhook_actions"])
    def test_finds_by_slug_and_alias(self, name: str) -> None:
        assert get(name) is WebhookConnector

    def test_finds_by_catalogue_id(self) -> None:
        assert get(WebhookConnector.definition.metadata_id) is WebhookConnector

    def test_names_the_known_destinations_for_an_unknown_one(self) -> None:
        with pytest.raises(
            UnknownDestination, match=r"There is no destination fax. The destinations are .*webhook"
        ):
            get("fax")

    def test_lists_every_built_in_definition(self) -> None:
        slugs = [definition.slug for definition in definitions()]
        assert slugs[: len(BUILT_IN)] == [connector.definition.slug for connector in BUILT_IN]

    def test_definitions_can_stand_in_the_catalogue(self) -> None:
        for definition in definitions():
            assert len(definition.metadata_id) == 24
            int(definition.metadata_id, 16)
            actions = {action.id for action in definition.actions}
            assert len(actions) == len(definition.actions)
            assert {preset.action_id for preset in definition.presets} <= actions
            for action in definition.actions:
                keys = [field.key for field in action.fields]
                assert len(set(keys)) == len(keys)
                assert {field.type for field in action.fields} <= {
                    "STRING", "NUMBER", "INTEGER", "BOOLEAN", "OBJECT", "DATETIME", "TEXT", "PASSWORD", "HIDDEN",
                }  # fmt: skip
                names = {identity.name for identity in definition.identity_fields}
                assert names <= {
                    key for a in definition.actions for key in (f.key for f in a.fields)
                }

    def test_two_destinations_may_not_share_a_name(self) -> None:
        class Other(WebhookConnector):
            pass

        with pytest.raises(BrokenDestination, match="belongs to"):
            Registry((WebhookConnector, Other))

    def test_a_class_that_does_not_fit_is_named(self) -> None:
        broken: Any = type("Broken", (), {})
        with pytest.raises(
            BrokenDestination, match=r"Broken.*check, deliver, resume, definition, settings_model"
        ):
            Registry((broken,))


class TestOutsidePackage:
    def test_an_installed_package_adds_a_destination(self, outside_package: None) -> None:
        connector = get("cards")
        assert connector.definition.slug == "postcards"
        assert "postcards" in [definition.slug for definition in definitions()]
        assert connector.settings_model(folder="x").model_dump() == {"folder": "x"}  # type: ignore[call-arg]

    def test_it_needs_none_of_the_abilities(self, outside_package: None) -> None:
        connector = get("postcards")
        now = datetime(2026, 1, 1, tzinfo=UTC)
        assert complete_settings(connector, {"folder": "x"}, now=now) == ({"folder": "x"}, {})
        assert rows_per_call(connector, None, {}, {}) == 7
        assert connection_settings_model(connector) is None

    def test_it_is_gone_when_the_package_is(self) -> None:
        with pytest.raises(UnknownDestination):
            get("postcards")
