"""Validation of requests against an OpenAPI 3.0 document: as much of it as the documents here use.

Schemas are compiled to functions once, since import jobs bring ten thousand profiles. Stricter than the document in
one point: a property that an object does not declare is a fault, as partners treat it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl


@dataclass(frozen=True, slots=True)
class SchemaFault:
    """What does not fit: a JSON pointer into the body (or the name of a parameter) and why."""

    where: str
    message: str
    parameter: bool = False


Check = Callable[[Any, str, list[SchemaFault]], None]

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}
_REFERENCE = "#/components/schemas/"


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
    body: Check | None

    def faults(self, query: str, body: Any, *, has_body: bool) -> list[SchemaFault]:
        """Everything that does not fit the document."""
        found: list[SchemaFault] = []
        for name, value in parse_qsl(query, keep_blank_values=True):
            schema = self.parameters.get(name)
            if schema is None:
                found.append(SchemaFault(name, "is no parameter of this operation", True))
            else:
                _check_parameter(name, value, schema, found)
        if self.body is not None:
            if has_body:
                self.body(body, "", found)
            else:
                found.append(SchemaFault("", "a body is required"))
        return found


class Document:
    """An OpenAPI document, compiled."""

    def __init__(self, path: Path) -> None:
        content = json.loads(path.read_text(encoding="utf-8"))
        self._schemas: dict[str, Any] = content["components"]["schemas"]
        self._compiled: dict[str, Check] = {}
        self.operations = [
            self._operation(template, method, operation)
            for template, methods in content["paths"].items()
            for method, operation in methods.items()
        ]

    def find(self, method: str, path: str) -> tuple[Operation | None, dict[str, str], bool]:
        """The operation, the path's parameters, and whether the path exists under any method."""
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
            body=self.compile(schema) if schema else None,
        )

    def compile(self, schema: Mapping[str, Any]) -> Check:
        """A function that notes what in a value does not fit."""
        reference = schema.get("$ref")
        if reference is not None:
            name = reference.removeprefix(_REFERENCE)
            if name not in self._compiled:
                self._compiled[name] = self.compile(self._schemas[name])
            return self._compiled[name]
        if "oneOf" in schema:
            return _one_of([self.compile(option) for option in schema["oneOf"]], schema)
        if schema.get("type") == "object" or "properties" in schema:
            return self._object(schema)
        if schema.get("type") == "array":
            return self._array(schema)
        return _scalar(schema)

    def _object(self, schema: Mapping[str, Any]) -> Check:
        properties = {
            name: self.compile(inner) for name, inner in schema.get("properties", {}).items()
        }
        required = tuple(schema.get("required", ()))
        nullable = schema.get("nullable", False)

        def check(value: Any, where: str, found: list[SchemaFault]) -> None:
            if value is None and nullable:
                return
            if not isinstance(value, dict):
                found.append(SchemaFault(where, "must be an object"))
                return
            found += [
                SchemaFault(f"{where}/{name}", "is required")
                for name in required
                if name not in value
            ]
            if not properties:
                return
            for name, inner in value.items():
                inner_check = properties.get(name)
                if inner_check is None:
                    found.append(SchemaFault(f"{where}/{name}", "is not a valid field here"))
                else:
                    inner_check(inner, f"{where}/{name}", found)

        return check

    def _array(self, schema: Mapping[str, Any]) -> Check:
        items = self.compile(schema["items"])
        nullable = schema.get("nullable", False)

        def check(value: Any, where: str, found: list[SchemaFault]) -> None:
            if value is None and nullable:
                return
            if not isinstance(value, list):
                found.append(SchemaFault(where, "must be an array"))
                return
            for number, inner in enumerate(value):
                items(inner, f"{where}/{number}", found)

        return check


def _scalar(schema: Mapping[str, Any]) -> Check:
    allowed = _TYPES.get(schema.get("type", ""))
    choices = schema.get("enum")
    nullable = schema.get("nullable", False)
    word = schema.get("type")

    def check(value: Any, where: str, found: list[SchemaFault]) -> None:
        if value is None and nullable:
            return
        if allowed and (
            not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed)
        ):
            found.append(SchemaFault(where, f"must be of type {word}"))
        elif choices is not None and value not in choices:
            found.append(SchemaFault(where, f"must be one of {', '.join(map(str, choices))}"))

    return check


def _one_of(options: Sequence[Check], schema: Mapping[str, Any]) -> Check:
    nullable = schema.get("nullable", False)

    def check(value: Any, where: str, found: list[SchemaFault]) -> None:
        if value is None and nullable:
            return
        for option in options:
            faults: list[SchemaFault] = []
            option(value, where, faults)
            if not faults:
                return
        found.append(SchemaFault(where, "fits none of its alternatives"))

    return check


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
