"""The registry of destinations: the built-in connectors in one list, and those of other packages.

Another package adds a destination with an entry point in the group ``audience_activations.destinations``; its value is
the connector class. A class that does not conform stops the start, and the message names it: an activation whose
destination is silently missing would be worse.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from pydantic import BaseModel

from app.connectors.base import (
    ChecksConnectionSettings,
    CompletesSettings,
    Connector,
    ConnectorSettings,
    Definition,
    SizesCalls,
)
from app.connectors.destinations.braze.connector import BrazeConnector
from app.connectors.destinations.file_export.connector import (
    DownloadConnector,
    GCSConnector,
    S3Connector,
)
from app.connectors.destinations.klaviyo.connector import KlaviyoConnector
from app.connectors.destinations.talon_one.connector import TalonOneConnector
from app.connectors.destinations.webhook.connector import WebhookConnector
from app.core.suggestions import did_you_mean, shown_name

ENTRY_POINTS = "audience_activations.destinations"

BUILT_IN: tuple[type[Connector], ...] = (
    KlaviyoConnector,
    BrazeConnector,
    TalonOneConnector,
    WebhookConnector,
    DownloadConnector,
    GCSConnector,
    S3Connector,
)


class UnknownDestination(LookupError):
    """No destination has this slug or alias."""

    def __init__(self, slug: str, known: Iterable[str]) -> None:
        slugs = sorted(known)
        super().__init__(
            f"There is no destination {shown_name(slug)}.{did_you_mean(slug, slugs)} The destinations are {', '.join(slugs)}."
        )
        self.slug = slug


class BrokenDestination(TypeError):
    """A registered class is not a connector, or its name belongs to another."""


class Registry:
    """Connector classes by slug, alias and catalogue id."""

    def __init__(self, connectors: Iterable[type[Connector]]) -> None:
        self._connectors: dict[str, type[Connector]] = {}
        self._names: dict[str, type[Connector]] = {}
        for connector in connectors:
            self._add(connector)

    def _add(self, connector: type[Connector]) -> None:
        definition = _definition_of(connector)
        for name in (definition.slug, definition.metadata_id, *definition.aliases):
            taken = self._names.setdefault(_folded(name), connector)
            if taken is not connector:
                raise BrokenDestination(
                    f"{connector.__module__}.{connector.__qualname__}: the name {name!r} belongs to "
                    f"{taken.__module__}.{taken.__qualname__}"
                )
        self._connectors[definition.slug] = connector

    def definitions(self) -> tuple[Definition, ...]:
        """Return the definitions of all destinations, in catalogue order."""
        return tuple(connector.definition for connector in self._connectors.values())

    def get(self, slug: str) -> type[Connector]:
        """Return the connector class of a slug, an alias or a catalogue id. Raises UnknownDestination."""
        try:
            return self._names[_folded(slug)]
        except KeyError:
            raise UnknownDestination(slug, self._connectors) from None


@cache
def registry() -> Registry:
    """Return the registry of the built-in destinations and of those in installed packages, by name."""
    found = sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name)
    return Registry((*BUILT_IN, *(point.load() for point in found)))


def definitions() -> tuple[Definition, ...]:
    """Return the definitions of all destinations."""
    return registry().definitions()


def get(slug: str) -> type[Connector]:
    """Return the connector class of a slug, alias or catalogue id. Raises UnknownDestination."""
    return registry().get(slug)


def complete_settings(
    connector: type[Connector],
    settings: Mapping[str, Any],
    *,
    previous: Mapping[str, Any] | None = None,
    now: datetime,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return two dictionaries ``{setting: value}``: the completed settings, and the generated ones to show once.

    See ``CompletesSettings``.
    """
    able: Any = connector
    if isinstance(able, CompletesSettings):
        return able.complete(settings, previous=previous, now=now)
    return dict(settings), {}


def rows_per_call(
    connector: type[Connector],
    settings: Any,
    connection_settings: Mapping[str, Any],
    constants: Mapping[str, Any],
) -> int:
    """Return the number of changes in one call: computed by the connector, or ``max_rows`` of its definition."""
    able: Any = connector
    if isinstance(able, SizesCalls):
        wanted = able.rows_per_call(settings, connection_settings, constants)
        return max(1, min(wanted, connector.definition.max_rows))
    return connector.definition.max_rows


def connection_settings_model(connector: type[Connector]) -> type[BaseModel] | None:
    """Return the model that validates ``connectionSettings``, or None."""
    able: Any = connector
    if isinstance(able, ChecksConnectionSettings):
        return able.connection_settings_model
    return None


def _definition_of(connector: Any) -> Definition:
    definition = getattr(connector, "definition", None)
    model = getattr(connector, "settings_model", None)
    missing = [name for name in ("check", "deliver", "resume") if not hasattr(connector, name)]
    if not isinstance(definition, Definition):
        missing.append("definition")
    if not (isinstance(model, type) and issubclass(model, ConnectorSettings)):
        missing.append("settings_model")
    if missing or not isinstance(definition, Definition):
        raise BrokenDestination(f"{connector!r} is not a connector: {', '.join(missing)} missing")
    return definition


def _folded(name: str) -> str:
    return name.lower().replace("_", "-")
