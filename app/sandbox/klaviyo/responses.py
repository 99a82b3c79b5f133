"""Klaviyo's responses: documents with one resource, pages, and JSON:API errors."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import orjson

from app.sandbox.klaviyo.resources import HOST, Shape
from app.sandbox.schema import SchemaFault
from app.sandbox.server import Request, Response

_TITLES = {400: "Invalid input.", 404: "Not found.", 409: "Conflict.", 410: "Gone."}


def json_body(request: Request) -> Any:
    """Return the parsed body, or None if it is empty or not JSON."""
    try:
        return orjson.loads(request.body) if request.body else None
    except orjson.JSONDecodeError:
        return None


def page(
    request: Request, entries: Sequence[Any], default: int, shape: Shape | None = None
) -> Response:
    """Respond with the page of entries that the request asks for; ``default`` is the size of a page."""
    size = int(request.parameter("page[size]") or default)
    cursor = request.parameter("page[cursor]")
    try:
        start = int(base64.urlsafe_b64decode(cursor)) if cursor else 0
    except (ValueError, binascii.Error):
        return error(400, "invalid", "Invalid page cursor", parameter="page[cursor]")
    shown = entries[start : start + size]
    links = {
        "self": f"{HOST}{request.url}",
        "next": _link(request, start + size) if start + size < len(entries) else None,
        "prev": _link(request, max(0, start - size)) if start else None,
    }
    return _response(
        200, {"data": [shape(one) for one in shown] if shape else shown, "links": links}
    )


def _link(request: Request, start: int) -> str:
    parameters = {name: values[-1] for name, values in request.parameters().items()}
    parameters["page[cursor]"] = base64.urlsafe_b64encode(str(start).encode()).decode()
    return f"{HOST}{request.path}?{urlencode(parameters)}"


def data(
    status: int, content: Mapping[str, Any], included: Sequence[Mapping[str, Any]] | None = None
) -> Response:
    """Respond with ``{"data": content, "links"}``, and with ``included`` resources."""
    links = content.get("links")
    more: dict[str, Any] = {} if included is None else {"included": included}
    return _response(status, {"data": content, **({"links": links} if links else {}), **more})


def _response(status: int, content: Any) -> Response:
    return Response(status, orjson.dumps(content), {"content-type": "application/vnd.api+json"})


def no_such(kind: str, identity: str) -> Response:
    """Respond that a resource does not exist; ``kind`` is a word such as list, job or profile."""
    return error(404, "not_found", f"A {kind} with id {identity} does not exist.")


def error(
    status: int,
    code: str,
    detail: str,
    pointer: str | None = None,
    *,
    parameter: str | None = None,
    meta: Mapping[str, Any] | None = None,
) -> Response:
    """Respond with one error."""
    source = {"pointer": pointer} if pointer else ({"parameter": parameter} if parameter else {})
    return _response(status, {"errors": [_entry(status, code, detail, source, meta or {})]})


def errors(status: int, faults: Sequence[tuple[str, str, str]]) -> Response:
    """Respond with several errors. Each fault is (code, detail, pointer)."""
    entries = [
        _entry(status, code, detail, {"pointer": where}, {}) for code, detail, where in faults
    ]
    return _response(status, {"errors": entries})


def schema_faults(faults: Sequence[SchemaFault]) -> Response:
    """Respond with status 400 and the first 100 faults of the schema."""
    entries = [
        _entry(
            400,
            "invalid",
            f"'{fault.where}' {fault.message}",
            {"parameter": fault.where} if fault.parameter else {"pointer": fault.where},
            {},
        )
        for fault in faults[:100]
    ]
    return _response(400, {"errors": entries})


def _entry(
    status: int, code: str, detail: str, source: Mapping[str, Any], meta: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "id": "00000000-0000-4000-8000-000000000000",
        "status": status,
        "code": code,
        "title": _TITLES.get(status, "The request failed."),
        "detail": detail,
        "source": dict(source),
        "links": {},
        "meta": dict(meta),
    }
