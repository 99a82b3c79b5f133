"""Validation of requests against an OpenAPI 3.0 document, with ``jsonschema-rs``.

Schemas are translated to JSON Schema once. They are stricter than the document in one point: a property that an object
does not declare is a fault, as partners treat it. Keywords that the partners do not check (``format``, ``allOf``) are
left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from jsonschema_rs import Draft202012Validator, Registry, ValidationError, ValidationErrorKind

_REFERENCE = "#/components/schemas/"
_SHARED = "urn:shared"  # the resource with the schemas of the document
_MOST_FAULTS = 1_000


@dataclass(frozen=True, slots=True)
class SchemaFault:
    """What does not fit: a JSON pointer into the body (or the name of a parameter) and why."""

    where: str
    message: str
    parameter: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: its template, and what its parameters and body must be."""

    operation_id: str
    method: str
    template: str
    pattern: re.Pattern[str]
    scopes: Sequence[str]
    limits: Mapping[str, str]
    parameters: Mapping[str, Mapping[str, Any]]
    body: Draft202012Validator | None

    def faults(self, query: str, body: Any, *, has_body: bool) -> list[SchemaFault]:
        """Return all faults of a request, compared with the document."""
        found: list[SchemaFault] = []
        for name, value in parse_qsl(query, keep_blank_values=True):
            schema = self.parameters.get(name)
            if schema is None:
                found.append(SchemaFault(name, "is no parameter of this operation", True))
            else:
                _check_parameter(name, value, schema, found)
        if self.body is not None:
            if has_body:
                found += _body_faults(self.body, body)
            else:
                found.append(SchemaFault("", "a body is required"))
        return found


class Document:
    """An OpenAPI document, compiled. Further documents add paths; they may refer to the schemas of the first."""

    def __init__(self, path: Path, *further: Path) -> None:
        content = json.loads(path.read_text(encoding="utf-8"))
        schemas = content["components"]["schemas"]
        paths = dict(content["paths"])
        for other in further:
            paths |= json.loads(other.read_text(encoding="utf-8"))["paths"]
        shared = {name: _translated(schema) for name, schema in schemas.items()}
        self._registry = Registry([(_SHARED, {"$defs": shared})])
        self.operations = [
            self._operation(template, method, operation)
            for template, methods in paths.items()
            for method, operation in methods.items()
        ]

    def find(self, method: str, path: str) -> tuple[Operation | None, dict[str, str], bool]:
        """Find the operation of a request.

        Returns the operation or None, the parameters in the path as ``{name: text}``, and whether the path exists for
        any method.
        """
        known = False
        for operation in self.operations:
            match = operation.pattern.fullmatch(path)
            if match:
                known = True
                if operation.method == method:
                    return operation, match.groupdict(), True
        return None, {}, known

    def _operation(self, template: str, method: str, operation: Mapping[str, Any]) -> Operation:
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template))
        body = operation.get("requestBody")
        schema = next(iter(body["content"].values()))["schema"] if body else None
        return Operation(
            operation_id=operation["operationId"],
            method=method.upper(),
            template=template,
            pattern=re.compile(pattern),
            scopes=operation.get("x-klaviyo-scopes") or (),
            limits=operation.get("x-klaviyo-ratelimit") or {},
            parameters={
                parameter["name"]: parameter["schema"]
                for parameter in operation.get("parameters", ())
                if parameter["in"] == "query"
            },
            body=self._validator(schema) if schema else None,
        )

    def _validator(self, schema: Mapping[str, Any]) -> Draft202012Validator:
        return Draft202012Validator(_translated(schema), registry=self._registry)


def _translated(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of an OpenAPI schema."""
    if "$ref" in schema:
        return {"$ref": f"{_SHARED}#/$defs/{schema['$ref'].removeprefix(_REFERENCE)}"}
    if "oneOf" in schema:
        return {"anyOf": [_translated(option) for option in schema["oneOf"]] + _null(schema)}
    result: dict[str, Any] = {}
    kind = "object" if "properties" in schema else schema.get("type")
    if kind is not None:
        result["type"] = [kind, "null"] if schema.get("nullable") else kind
    if "required" in schema:
        result["required"] = schema["required"]
    if schema.get("properties"):
        inner = {name: _translated(value) for name, value in schema["properties"].items()}
        result |= {"properties": inner, "additionalProperties": False}
    if "items" in schema:
        result["items"] = _translated(schema["items"])
    if "enum" in schema:
        result["enum"] = [*schema["enum"], *([None] if schema.get("nullable") else [])]
    return result


def _null(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"type": "null"}] if schema.get("nullable") else []


def _body_faults(validator: Draft202012Validator, body: Any) -> list[SchemaFault]:
    """Return what does not fit, in the order of the body; the missing properties of an object come first."""
    try:
        errors = list(islice(validator.iter_errors(body), _MOST_FAULTS))
    except ValueError:  # a fault that has more than 255 levels below it
        return [SchemaFault("", "is nested too deeply")]
    found = [fault for error in errors for fault in _faults(error)]
    found.sort(key=lambda item: _position(body, item[0]))
    # A value of a wrong type is not in the enumeration either; its type says enough.
    wrong = {tuple(path) for path, _, keyword in found if keyword == "type"}
    return [
        SchemaFault("".join(f"/{part}" for part in path), message)
        for path, message, keyword in found
        if keyword != "enum" or tuple(path) not in wrong
    ]


def _faults(error: ValidationError) -> Iterator[tuple[list[str | int], str, str]]:
    """Yield path, message and keyword of each fault of an error."""
    path, keyword = error.instance_path, error.kind.name
    match error.kind:
        case ValidationErrorKind.Required(property=name):
            yield [*path, name], "is required", keyword
        case ValidationErrorKind.AdditionalProperties(unexpected=names):
            for name in names:
                yield [*path, name], "is not a valid field here", keyword
        case ValidationErrorKind.Type(types=types):
            kind = next(name for name in types if name != "null")
            structured = kind in ("object", "array")
            yield path, f"must be an {kind}" if structured else f"must be of type {kind}", keyword
        case ValidationErrorKind.Enum(options=options):
            choices = ", ".join(str(option) for option in options if option is not None)
            yield path, f"must be one of {choices}", keyword
        case _:
            yield path, "fits none of its alternatives", keyword


def _position(body: Any, path: Sequence[str | int]) -> list[int]:
    """Return where a path is in the body: the number of each of its parts; -1 for a property that is missing."""
    numbers: list[int] = []
    node = body
    for part in path:
        if isinstance(node, dict):
            numbers.append(list(node).index(part) if part in node else -1)
            node = node.get(part)
        else:
            numbers.append(int(part))
            node = node[int(part)]
    return numbers


def _check_parameter(
    name: str, value: str, schema: Mapping[str, Any], found: list[SchemaFault]
) -> None:
    if schema.get("type") == "integer":
        if not value.lstrip("-").isdigit():
            found.append(SchemaFault(name, "must be an integer", True))
        elif not schema.get("minimum", 1) <= int(value) <= schema.get("maximum", 10**9):
            found.append(
                SchemaFault(
                    name,
                    f"must be between {schema.get('minimum')} and {schema.get('maximum')}",
                    True,
                )
            )
        return
    choices = (schema.get("items") or schema).get("enum")
    values = value.split(",") if schema.get("type") == "array" else [value]
    if choices is not None and not set(values) <= set(choices):
        found.append(SchemaFault(name, f"must be of {', '.join(choices)}", True))
