"""Klaviyo's response bodies: resources, pages and JSON:API errors."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import orjson

from app.sandbox.klaviyo.state import Job, List, Profile
from app.sandbox.schema import SchemaFault
from app.sandbox.server import Request, Response

_FILTER = re.compile(r"(any|equals)\((\w+),(.*)\)", re.DOTALL)


def list_resource(one: List) -> dict[str, Any]:
    """Return a list as a JSON:API resource: ``{"type", "id", "attributes"}``."""
    attributes = {
        "name": one.name,
        "created": one.created,
        "updated": one.created,
        "opt_in_process": "single_opt_in",
    }
    return {"type": "list", "id": one.id, "attributes": attributes}


def profile_resource(request: Request, profile: Profile) -> dict[str, Any]:
    """Return a profile as a JSON:API resource: ``{"type", "id", "attributes"}`` with the fields that are asked for."""
    fields = request.parameter("fields[profile]")
    names = fields.split(",") if fields else list(profile.attributes)
    attributes = {name: profile.attributes.get(name) for name in names}
    email = attributes.get("email")
    if request.reformat and email:
        attributes["email"] = str(email).title()
    return {"type": "profile", "id": profile.id, "attributes": attributes}


def job_resource(job: Job) -> dict[str, Any]:
    """Return an import job as a JSON:API resource: ``{"type", "id", "attributes"}``."""
    complete = job.status == "complete"
    return {
        "type": "profile-bulk-import-job",
        "id": job.id,
        "attributes": {
            "status": job.status,
            "created_at": job.created,
            "total_count": len(job.profiles),
            "completed_count": len(job.profiles) - len(job.errors) if complete else 0,
            "failed_count": len(job.errors),
            "started_at": job.created,
            "completed_at": job.created if complete else None,
            "expires_at": None,
        },
    }


def json_body(request: Request) -> Any:
    """Return the parsed body, or None if it is empty or not JSON."""
    try:
        return orjson.loads(request.body) if request.body else None
    except orjson.JSONDecodeError:
        return None


def filter_of(text: str) -> tuple[str, list[str]]:
    """Return the field and the values of a filter. The field is empty if the filter cannot be parsed."""
    match = _FILTER.fullmatch(text)
    if match is None:
        return "", []
    inner = match[3].strip()
    values = orjson.loads(inner if inner.startswith("[") else f"[{inner}]")
    return match[2], [str(value) for value in values]


def page(request: Request, entries: Sequence[Mapping[str, Any]], default: int) -> Response:
    """Respond with the page of entries that the request asks for; ``default`` is the size of a page."""
    size = int(request.parameter("page[size]") or default)
    cursor = request.parameter("page[cursor]")
    start = int(base64.urlsafe_b64decode(cursor)) if cursor else 0
    following = None
    if start + size < len(entries):
        parameters = {name: values[-1] for name, values in request.parameters().items()}
        parameters["page[cursor]"] = base64.urlsafe_b64encode(str(start + size).encode()).decode()
        following = f"https://a.klaviyo.com{request.path}?{urlencode(parameters)}"
    links = {"self": f"https://a.klaviyo.com{request.url}", "next": following, "prev": None}
    return _response(200, {"data": list(entries[start : start + size]), "links": links})


def data(status: int, content: Any) -> Response:
    """Respond with ``{"data": content}``."""
    return _response(status, {"data": content})


def _response(status: int, content: Any) -> Response:
    return Response(status, orjson.dumps(content), {"content-type": "application/vnd.api+json"})


def no_list(list_id: str) -> Response:
    """Respond that a list does not exist."""
    return error(404, "not_found", f"A list with id {list_id} does not exist.")


def no_job(job_id: str) -> Response:
    """Respond that a job does not exist."""
    return error(404, "not_found", f"A job with id {job_id} does not exist.")


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
        "title": "Invalid input." if status == 400 else "The request failed.",
        "detail": detail,
        "source": dict(source),
        "links": {},
        "meta": dict(meta),
    }
