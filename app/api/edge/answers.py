"""Successful responses: JSON in the `data` envelope, with the negotiated media type."""

from __future__ import annotations

from typing import Any

from fastapi import Response
from starlette.background import BackgroundTask

from app.contract.envelope import Output, PaginationOutput
from app.core.json_bytes import to_json
from app.core.pagination import Page

WARNINGS_HEADER = "X-Activations-Warnings"


def answer(
    data: Output | dict[str, Any],
    *,
    background: BackgroundTask | None = None,
    warnings: int | None = None,
) -> Response:
    """Return status 200 with the body ``{"data": …}``. The route sets the negotiated media type.

    ``warnings`` is the number of warnings about what was saved, sent as the header ``X-Activations-Warnings``.
    """
    value = data.to_wire() if isinstance(data, Output) else data
    headers = None if warnings is None else {WARNINGS_HEADER: str(warnings)}
    return Response(to_json({"data": value}), background=background, headers=headers)


def pagination(page: Page[Any]) -> PaginationOutput:
    """Convert the cursors of a page to the model of the response."""
    fields: dict[str, Any] = {
        "current": page.current,
        "next": page.next,
        "previous": page.previous,
        "total_entries": page.total,
    }
    return PaginationOutput(**{name: value for name, value in fields.items() if value is not None})
