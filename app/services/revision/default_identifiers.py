"""The identifiers that a destination gets when the user chose none."""

from __future__ import annotations

from typing import Any

from app.connectors.base import Definition


def default_id_sync(definition: Definition) -> list[dict[str, Any]]:
    """Return ``[{"externalId": …, "strategy": …, "mapTo": …}]``, the identifiers that are sent if the user chose none."""
    return [
        {"externalId": entry.external_id, "strategy": entry.strategy}
        | ({"mapTo": entry.map_to} if entry.map_to else {})
        for entry in definition.default_id_sync
    ]
