"""The published documents explain themselves: each field and parameter has a description and an example, each operation an
example of its response and of its body, and each tag and header a description.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from checks.source import ROOT, Fault

FOLDER = "openapi"


def check(root: Path = ROOT, paths: Sequence[str] = ()) -> list[Fault]:
    """Return the parts of the documents in ``openapi/`` that lack a description or an example."""
    if paths:
        return []
    found = []
    for file in sorted((root / FOLDER).glob("*.json")):
        document = json.loads(file.read_text(encoding="utf-8"))
        found += [Fault(f"{FOLDER}/{file.name}", 1, words) for words in faults_of(document)]
    return found


def faults_of(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a document lacks."""
    for name, schema in document.get("components", {}).get("schemas", {}).items():
        for field, part in schema.get("properties", {}).items():
            yield from _undescribed(f"{name}.{field}", part, part)
    described = {tag["name"] for tag in document.get("tags", ()) if tag.get("description")}
    for item in document.get("paths", {}).values():
        for operation in item.values():
            yield from _of_operation(operation, described)


def _of_operation(operation: Mapping[str, Any], described: set[str]) -> Iterator[str]:
    name = operation["operationId"]
    for tag in operation.get("tags", ()):
        if tag not in described:
            yield f"{name}: the tag {tag} has no description"
    for parameter in operation.get("parameters", ()):
        yield from _undescribed(f"{name}, {parameter['name']}", parameter, parameter["schema"])
    for status, response in operation.get("responses", {}).items():
        for header, shown in response.get("headers", {}).items():
            if not shown.get("description"):
                yield f"{name}, {status}: the header {header} has no description"
        yield from _unshown(f"{name}, {status}: the response", response)
    body = operation.get("requestBody", {})
    json_only = {kind: one for kind, one in body.get("content", {}).items() if "json" in kind}
    yield from _unshown(f"{name}: the body", {"content": json_only})


def _undescribed(name: str, part: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    if not part.get("description"):
        yield f"{name} has no description"
    if not schema.get("examples") and "$ref" not in schema:
        yield f"{name} has no example"


def _unshown(name: str, part: Mapping[str, Any]) -> Iterator[str]:
    """Yield the media types of JSON without an example. The fields of ndjson have theirs where they are described."""
    for kind, content in part.get("content", {}).items():
        if "json" in kind and "ndjson" not in kind and not content.get("examples"):
            yield f"{name} as {kind} has no example"
