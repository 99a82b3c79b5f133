"""The OpenAPI documents: one with Segment's operations only, one with all operations.

FastAPI generates paths, parameters and schemas. This module adds the `data` envelope, the media types of each version,
the rate-limit headers, examples, and the schema names of Segment's SDKs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from app.api.docs.accounts import add_accounts
from app.api.docs.answers import add_answer_examples
from app.api.docs.introduction import introduction, tags_of
from app.api.docs.links import add_links
from app.api.docs.samples import SCHEMAS, Document, add_field_examples
from app.api.edge import ALPHA, EXTRA, PLAIN, WARNINGS_HEADER, operation_of, vendor_type
from app.core.version import VERSION

OPENAPI_FILES = {"segment.json": "segment", "activations.json": "everything"}

_METHODS = ("get", "put", "post", "delete", "patch")
#: Models of responses for which Segment's SDKs use the schema of the request.
_SAME = {
    "IdSyncOutput": "IDSyncConfigurationInput",
    "EntityOutput": "PersonalizationInputEntity",
    "MappingOutput": "DestinationSubscriptionConfiguration",
}
#: Fields of Segment's responses that may be null. Other fields are omitted instead.
_NULLABLE = {
    "displayName",
    "next",
    "previous",
    "totalEntries",
    "connectionSettings",
    "definition",
    "config",
    "data",
}
_SEGMENT_FIELDS_ONLY = re.compile(r"^app__contract__(?!extensions)\w+?__(\w+)$")
_OWN = re.compile(r"^app__contract__extensions__\w+?__(\w+)$")

_HEADERS: dict[str, tuple[str, Document]] = {
    "X-RateLimit-Consumed": ("Number of requests in the current window.", {"type": "integer"}),
    "X-RateLimit-Remaining": (
        "Number of requests left in the current window.",
        {"type": "integer"},
    ),
    "X-RateLimit-Reset": ("End of the current window, as an RFC 5322 date.", {"type": "string"}),
}
_RETRY_AFTER: dict[str, tuple[str, Document]] = {
    "Retry-After": (
        "Seconds to wait: a whole number, at least 1.",
        {"type": "integer", "minimum": 1},
    )
}
_WARNINGS: dict[str, tuple[str, Document]] = {
    WARNINGS_HEADER: (
        "Number of warnings about what was saved. The operation `checks` of the resource lists them.",
        {"type": "integer", "minimum": 0},
    )
}


def openapi_document(operations: Sequence[APIRoute], view: str) -> Document:
    """Return the OpenAPI document ``{"openapi": …, "paths": …, …}`` of a view, ``segment`` or ``everything``."""
    routes = [
        route for route in operations if view == "everything" or _described(route) == "segment"
    ]
    found = get_openapi(
        title="Audience Activations",
        version=VERSION,
        openapi_version="3.1.0",
        description=introduction(view),
        routes=routes,
        servers=[{"url": "/"}],
    )
    components = found["components"]
    found["tags"] = tags_of(found)
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    found["security"] = [{"token": []}]
    for _, operation in _operations(found):
        _complete(operation, components["schemas"], view)
    add_links({item["operationId"]: (path, item) for path, item in _operations(found)})
    _rename(found)
    add_accounts(components["schemas"])
    add_field_examples(components["schemas"])
    _tidy(found, {route.operation_id or "" for route in routes if _described(route) == "segment"})
    _drop_unused(found)
    add_answer_examples(found)
    return found


def _described(route: APIRoute) -> str:
    return operation_of(route.operation_id or "", route.openapi_extra).view


def _operations(found: Document) -> Iterator[tuple[str, Document]]:
    for path, item in found["paths"].items():
        for method in _METHODS:
            if method in item:
                yield path, item[method]


def _complete(operation: Document, schemas: Document, view: str) -> None:
    extra = operation.pop(EXTRA, {})
    extra |= {"examples": json.loads(extra["examples"])}
    types = [PLAIN, *(vendor_type(name) for name in extra.get("versions", ()))]
    if view == "segment" and operation["operationId"] == "forceExecuteAudienceRun":
        operation.pop("requestBody")  # its body is an extension of this service
    _complete_answers(operation, types, extra)
    _complete_body(operation, extra)
    for parameter in operation.get("parameters", ()):
        _name_schema(parameter, schemas)


def _complete_answers(operation: Document, types: list[str], extra: Document) -> None:
    example = extra["examples"]["answer"]
    responses = operation["responses"]
    if "HTTPValidationError" in str(responses.get("422", "")):
        responses["422"] = _error("The input fails validation.")
    for status, response in responses.items():
        headers = _HEADERS if status in ("200", "429") else {}
        if status in ("429", "503"):
            headers = {**headers, **_RETRY_AFTER}
        if status == "200" and extra.get("warns"):
            headers = {**headers, **_WARNINGS}
        if headers:
            response["headers"] = {
                name: {"description": text, "schema": schema}
                for name, (text, schema) in headers.items()
            }
    content = responses.get("200", {}).get("content", {})
    if PLAIN in content:
        schema = {
            "type": "object",
            "required": ["data"],
            "properties": {"data": content[PLAIN]["schema"]},
            "additionalProperties": False,
        }
        shown = {"schema": schema} | ({"example": example} if example is not None else {})
        responses["200"]["content"] = dict.fromkeys(types, shown)


def _error(description: str) -> Document:
    schema = {"$ref": f"{SCHEMAS}RequestErrorEnvelope"}
    return {"description": description, "content": {PLAIN: {"schema": schema}}}


def _complete_body(operation: Document, extra: Document) -> None:
    body = operation.get("requestBody")
    if body is None or PLAIN not in body.get("content", {}):
        return
    shown = dict(body["content"][PLAIN])
    schema = shown["schema"]
    if "anyOf" in schema and not body.get("required"):
        # An optional body may be missing, but not the JSON value null.
        shown["schema"] = next(part for part in schema["anyOf"] if "$ref" in part)
    if examples := extra["examples"]["request"]:
        shown["examples"] = {name: {"value": value} for name, value in examples.items()}
    # The media type that Segment's SDKs send. The service accepts more, but generators create a method for each.
    alpha_alone = extra["view"] == "segment" and extra["versions"] == list(ALPHA)
    body["content"] = {vendor_type("v1alpha") if alpha_alone else PLAIN: shown}


def _name_schema(parameter: Document, schemas: Document) -> None:
    """Give the schema of an object in the query a name, as in Segment's SDKs."""
    schema = parameter.get("schema", {})
    name = schema.get("title")
    if schema.get("type") == "object" and name:
        schemas[name] = schema
        parameter["schema"] = {"$ref": SCHEMAS + name}


def _rename(found: Document) -> None:
    schemas = found["components"]["schemas"]
    names: dict[str, str] = {}
    for name in schemas:
        if match := _SEGMENT_FIELDS_ONLY.match(name):
            names[name] = match[1]
        elif match := _OWN.match(name):
            names[name] = f"Own{match[1]}"
        elif name in _SAME:
            names[name] = _SAME[name]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    renamed: Document = {}
    for name, schema in sorted(schemas.items()):
        wanted = names.get(name, name)
        if name in _SAME and wanted in schemas:
            continue
        schema["title"] = wanted
        renamed[wanted] = schema
    found["components"]["schemas"] = dict(sorted(renamed.items()))
    _point(found, {SCHEMAS + old: SCHEMAS + new for old, new in names.items()})


def _point(value: Any, references: dict[str, str]) -> None:
    if isinstance(value, dict):
        reference = value.get("$ref")
        if reference in references:
            value["$ref"] = references[reference]
        for item in value.values():
            _point(item, references)
    elif isinstance(value, list):
        for item in value:
            _point(item, references)


def _tidy(found: Document, segments: set[str]) -> None:
    """Remove the titles of fields, write constants as enumerations, and remove null if a field is never null."""
    answered = _names_in_answers(found, segments)
    for name, schema in found["components"]["schemas"].items():
        for field, part in schema.get("properties", {}).items():
            part.pop("title", None)
            if "const" in part:
                part["enum"] = [part.pop("const")]
            if name in answered and field not in _NULLABLE:
                _drop_null(part)
            _join_null(part)
            _choose_one(part)
    for _, operation in _operations(found):
        for parameter in operation.get("parameters", ()):
            parameter["schema"].pop("title", None)


def _names_in_answers(found: Document, segments: set[str]) -> set[str]:
    """Return the schemas of Segment's responses and errors that no request body uses."""
    segment: set[str] = set()
    others: set[str] = set()
    for _, operation in _operations(found):
        into = segment if operation["operationId"] in segments else others
        _gather(operation["responses"], found, into)
        _gather(operation.get("requestBody", {}), found, others)
    return segment - others


def _drop_unused(found: Document) -> None:
    used: set[str] = set()
    _gather(found["paths"], found, used)
    schemas = found["components"]["schemas"]
    found["components"]["schemas"] = {name: schemas[name] for name in schemas if name in used}


def _gather(value: Any, found: Document, into: set[str]) -> None:
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str):
            name = reference.removeprefix(SCHEMAS)
            if name not in into:
                into.add(name)
                _gather(found["components"]["schemas"][name], found, into)
        for item in value.values():
            _gather(item, found, into)
    elif isinstance(value, list):
        for item in value:
            _gather(item, found, into)


def _drop_null(part: Document) -> None:
    options = part.get("anyOf")
    if not options:
        return
    kept = [option for option in options if option.get("type") != "null"]
    if len(kept) == 1:
        del part["anyOf"]
        part.update(kept[0])
    else:
        part["anyOf"] = kept


def _join_null(part: Document) -> None:
    """Write a nullable simple type as ``type: [string, "null"]``: a generator confuses fields whose ``anyOf`` is equal."""
    options = part.get("anyOf", ())
    kept = [option for option in options if option.get("type") != "null"]
    if len(options) == 2 and len(kept) == 1 and "type" in kept[0] and "enum" not in kept[0]:
        del part["anyOf"]
        part.update({**kept[0], "type": [kept[0]["type"], "null"]})


def _choose_one(part: Document) -> None:
    """Write a choice of several forms as ``oneOf``: a generator makes one form with all fields of an ``anyOf``."""
    options = part.get("anyOf", ())
    if len([option for option in options if option.get("type") != "null"]) > 1:
        part["oneOf"] = part.pop("anyOf")
