"""Talon.One's response bodies: audiences, pages and errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.sandbox.server import Request, Response, json_response
from app.sandbox.talon_one.state import Audience

#: What is wrong, and the ``source`` that names the row or the field.
Fault = tuple[str, dict[str, str]]

MOST_ENTRIES = 1_000  # on one page


def audience_resource(audience: Audience) -> dict[str, Any]:
    """Return ``{"id", "name", "integrationId"}`` of an audience."""
    return {"id": audience.id, "name": audience.name, "integrationId": audience.integration_id}


def page(request: Request, entries: Sequence[dict[str, Any]]) -> Response:
    """Respond with the page of entries that the request asks for."""
    size = min(int(request.parameter("pageSize") or MOST_ENTRIES), MOST_ENTRIES)
    skip = int(request.parameter("skip") or 0)
    content = {
        "hasMore": skip + size < len(entries),
        "totalResultSize": len(entries),
        "data": entries[skip : skip + size],
    }
    return json_response(200, content)


def error(status: int, message: str, faults: Sequence[Fault] = ()) -> Response:
    """Respond with an error and its faults."""
    errors = [{"title": detail, "details": detail, "source": source} for detail, source in faults]
    return json_response(status, {"message": message, "errors": errors, "StatusCode": status})


def invalid(detail: str, pointer: str) -> Response:
    """Respond that one value is not valid."""
    return error(400, "validation failed", [(detail, {"pointer": pointer})])


def no_audience() -> Response:
    """Respond that an audience does not exist."""
    return error(404, "audience not found")
