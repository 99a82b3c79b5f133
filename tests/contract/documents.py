"""Checks responses against the published documents, and counts what was checked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
from referencing import Registry
from referencing.jsonschema import DRAFT202012

FOLDER = Path(__file__).parents[2] / "openapi"
_METHODS = ("get", "put", "post", "delete", "patch")


@dataclass(frozen=True)
class DocumentedOperation:
    """One operation of a document."""

    id: str
    method: str
    path: str
    described: dict[str, Any]

    @property
    def statuses(self) -> list[int]:
        """The declared statuses."""
        return sorted(int(status) for status in self.described["responses"])

    @property
    def example(self) -> Any:
        """The first example of the body, or None if there is no body."""
        for media_type, content in self.described.get("requestBody", {}).get("content", {}).items():
            if media_type.endswith(("/json", "+json")) and content.get("examples"):
                return next(iter(content["examples"].values()))["value"]
        return None


@dataclass
class Published:
    """A document under ``openapi/``; records each operation and status that it has checked."""

    name: str
    seen: set[tuple[str, int]] = field(default_factory=set)

    @cached_property
    def document(self) -> dict[str, Any]:
        """The document as it was published."""
        found: dict[str, Any] = json.loads((FOLDER / self.name).read_text())
        return found

    @cached_property
    def operations(self) -> dict[str, DocumentedOperation]:
        """Operations by id."""
        return {operation.id: operation for operation in self._walk()}

    def _walk(self) -> Iterator[DocumentedOperation]:
        for path, item in self.document["paths"].items():
            for method in _METHODS:
                if method in item:
                    described = item[method]
                    yield DocumentedOperation(
                        described["operationId"], method.upper(), path, described
                    )

    @cached_property
    def _registry(self) -> Any:
        resource: Any = DRAFT202012.create_resource(self.document)
        return Registry().with_resource("urn:document", resource)

    def check(self, operation_id: str, answer: httpx.Response) -> httpx.Response:
        """Return the response after checking it against the document."""
        operation = self.operations[operation_id]
        status = str(answer.status_code)
        declared = operation.described["responses"].get(status)
        assert declared is not None, f"{operation_id} does not declare {status}: {answer.text}"
        content_type = answer.headers["content-type"]
        assert content_type in declared["content"], (operation_id, status, content_type)
        faults = self.faults(declared["content"][content_type]["schema"], answer.json())
        assert not faults, (operation_id, status, faults, answer.text)
        self.seen.add((operation_id, answer.status_code))
        return answer

    def faults(self, schema: dict[str, Any], value: Any) -> list[str]:
        """Return how a value differs from a schema of the document."""
        from jsonschema import Draft202012Validator  # its import compiles grammars for a second

        validator = Draft202012Validator(_absolute(schema), registry=self._registry)
        return [f"{fault.json_path}: {fault.message}" for fault in validator.iter_errors(value)]

    def misfits(self) -> Iterator[str]:
        """Yield how examples of fields, parameters, bodies and responses differ from their schemas."""
        for place, schema, value in self._examples():
            yield from (f"{place}: {fault}" for fault in self.faults(schema, value))

    def _examples(self) -> Iterator[tuple[str, dict[str, Any], Any]]:
        components = self.document["components"]
        for name, schema in components["schemas"].items():
            for part in (schema, *schema.get("properties", {}).values()):
                yield from ((name, part, value) for value in part.get("examples", ()))
        for operation in self.operations.values():
            described = operation.described
            for parameter in described.get("parameters", ()):
                schema = parameter["schema"]
                yield from ((operation.id, schema, value) for value in schema.get("examples", ()))
            for part in (described.get("requestBody", {}), *described["responses"].values()):
                for content in part.get("content", {}).values():
                    for example in content.get("examples", {}).values():
                        name = example.get("$ref", "").rpartition("/")[2]
                        shown = components["examples"][name] if name else example
                        yield operation.id, content["schema"], shown["value"]

    def missing(self) -> list[tuple[str, int]]:
        """Return what is documented and was never checked."""
        every = {
            (found.id, status) for found in self.operations.values() for status in found.statuses
        }
        return sorted(every - self.seen)


def _absolute(schema: dict[str, Any]) -> dict[str, Any]:
    """Register the whole document, against which references of a fragment resolve, as ``urn:document``."""
    found: dict[str, Any] = _pointed(schema)
    return found


def _pointed(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: f"urn:document{item}" if key == "$ref" else _pointed(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_pointed(item) for item in value]
    return value
