"""The destinations that there are: the built-in ones in one visible list, and those that other packages bring.

Another package adds a destination by an entry point of the group ``audience_activations.destinations`` whose value is
the connector class; nothing else is needed. A class that does not fit stops the start with its name, since an
activation whose destination silently went missing would be worse.
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
    """No destination of that slug or alias."""

    def __init__(self, slug: str, known: Iterable[str]) -> None:
        super().__init__(f"there is no destination {slug!r}; there are {', '.join(sorted(known))}")
        self.slug = slug


class BrokenDestination(TypeError):
    """A registered class is no connector, or takes a name that another has."""


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
        """Of all destinations, in the order of the catalogue."""
        return tuple(connector.definition for connector in self._connectors.values())

    def get(self, slug: str) -> type[Connector]:
        """The connector of a slug, an alias or a catalogue id; raises UnknownDestination."""
        try:
            return self._names[_folded(slug)]
        except KeyError:
            raise UnknownDestination(slug, self._connectors) from None


@cache
def registry() -> Registry:
    """The built-in destinations, then those of installed packages, by name."""
    found = sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name)
    return Registry((*BUILT_IN, *(point.load() for point in found)))


def definitions() -> tuple[Definition, ...]:
    """Definitions of all destinations."""
    return registry().definitions()


def get(slug: str) -> type[Connector]:
    """The connector class of a slug, alias or catalogue id; raises UnknownDestination."""
    return registry().get(slug)


def complete_settings(
    connector: type[Connector],
    settings: Mapping[str, Any],
    *,
    previous: Mapping[str, Any] | None = None,
    now: datetime,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings with what the destination generates, and what of it is shown once; see ``CompletesSettings``."""
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
    """How many changes go into one batch: what the destination says, else its definition's ``max_rows``."""
    able: Any = connector
    if isinstance(able, SizesCalls):
        wanted = able.rows_per_call(settings, connection_settings, constants)
        return max(1, min(wanted, connector.definition.max_rows))
    return connector.definition.max_rows


def connection_settings_model(connector: type[Connector]) -> type[BaseModel] | None:
    """The model that ``connectionSettings`` must fit, where the destination has one."""
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
        raise BrokenDestination(f"{connector!r} is no connector: {', '.join(missing)} missing")
    return definition


def _folded(name: str) -> str:
    return name.lower().replace("_", "-")
