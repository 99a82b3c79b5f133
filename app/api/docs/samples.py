"""Examples in the OpenAPI documents: composed of the examples of fields, so that they always fit their schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Document = dict[str, Any]

SCHEMAS = "#/components/schemas/"
_NONE = object()


def add_field_examples(schemas: Document) -> None:
    """Add to each field of each schema its description and an example, if the type of the field has them."""
    for schema in schemas.values():
        for field in schema.get("properties", {}).values():
            _lift(field, schemas)
    for schema in schemas.values():
        for field in schema.get("properties", {}).values():
            _complete(field, schemas)


def sample_of(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """Return an example of a schema: its own, or one composed of its fields; None if a part has none."""
    found = _sample(schema, schemas)
    return None if found is _NONE else found


def _lift(field: Document, schemas: Mapping[str, Any]) -> None:
    """Copy description and examples of the field's only type that is not null."""
    options = [one for one in field.get("anyOf", ()) if one.get("type") != "null"]
    inner = options[0] if len(options) == 1 else field
    if "$ref" in inner:
        inner = {"description": schemas[inner["$ref"].removeprefix(SCHEMAS)].get("description")}
    if inner is field:
        return
    for key in ("description", "examples"):
        found = inner.pop(key, None)
        if found is not None:
            field.setdefault(key, found)


def _complete(field: Document, schemas: Mapping[str, Any]) -> None:
    """Add the example of a field's type, if the field has none but null."""
    given = field.get("examples", [])
    if any(one is not None for one in given):
        return
    found = _sample({**field, "examples": []}, schemas)
    if found is not _NONE:
        field["examples"] = [*given, found]


def _sample(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    if schema.get("examples"):
        return schema["examples"][0]
    if "$ref" in schema:
        return _sample(schemas[schema["$ref"].removeprefix(SCHEMAS)], schemas)
    for option in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
        return _sample(option, schemas)
    if schema.get("type") == "array":
        item = _sample(schema["items"], schemas)
        return _NONE if item is _NONE else [item]
    if "properties" in schema:
        parts = {name: _sample(part, schemas) for name, part in schema["properties"].items()}
        return _NONE if _NONE in parts.values() else parts
    return _NONE
