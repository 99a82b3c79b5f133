"""The form of a mistake in a table, and the bodies and paths of the tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

CSV = "text/csv"


@dataclass(frozen=True)
class Mistake:
    """A request, and what its response says. ``says`` are parts of the message, in this order."""

    name: str
    method: str
    path: str  # with names of the scene, such as {audience}
    says: Sequence[str]
    body: Any = None
    status: int = 200
    field: str | None = None
    code: str | None = None  # of the warning
    headers: tuple[tuple[str, str], ...] = ()


def query(text: str, **more: Any) -> dict[str, Any]:
    return {"name": "Buyers", "audienceType": "USERS", "definition": {"query": text}, **more}


def mapped(**settings: Any) -> dict[str, Any]:
    return activation(destinationMapping={"actionId": "webhook-send", "settings": settings})


def activation(**more: Any) -> dict[str, Any]:
    return {
        "performResync": False,
        "activationType": "Audience Membership Changed",
        "activationName": "Spring",
        **more,
    }


AUDIENCES = "audiences"
SCHEDULES = "audiences/{computed}/schedules"
NEW = "audiences/{supplied}/destination-connections/{connection}/activations"
ONE = "audiences/{supplied}/activations/{activation}"
OPTIONS = ONE + "/delivery-options"
CONTENT = "datasets/{customers}/content"
DEFINITION = "definition.query"
MAPPING = "/destinationMapping/settings"
