"""The form of a database that a dataset is read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic.alias_generators import to_snake

from app.console.visits import Visit

SSL_MODES = ("verify-full", "require", "disable")
_FIELDS = (
    "host",
    "port",
    "database",
    "user",
    "password",
    "sslMode",
    "caCertificate",
    "table",
    "query",
)


@dataclass(frozen=True, slots=True)
class SentSource:
    """A source as a form has it: ``wire`` with the names of the API, ``fields`` with those of the service."""

    wire: Mapping[str, Any]

    @property
    def fields(self) -> dict[str, Any]:
        """The fields as the service takes them: ``{"host": …, "ssl_mode": …}``."""
        return {to_snake(name): value for name, value in self.wire.items()}


def sent_source(visit: Visit, *, removes: tuple[str, ...] = ()) -> SentSource:
    """Return the fields that were filled in; those in ``removes`` are None if they were emptied."""
    found: dict[str, Any] = {}
    for name in _FIELDS:
        text = visit.sent(f"source.{name}")
        if text:
            found[name] = int(text) if name == "port" and text.isdecimal() else text
        elif name in removes and f"source.{name}" in visit.form:
            found[name] = None
    return SentSource(found)
