"""Examples of responses: of each operation, and of each error status. They are components, which responses refer to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.api.docs.samples import Document, sample_of

_EXAMPLES = "#/components/examples/"
_ERRORS: Mapping[str, Mapping[str, Any]] = {
    "400": {
        "type": "bad-request",
        "message": "The body is not valid JSON: line 1, column 2: expecting property name enclosed in double quotes.",
    },
    "401": {"type": "unauthorized", "message": "The token is not valid."},
    "403": {"type": "forbidden", "message": "This token lacks the scope write."},
    "404": {
        "type": "not-found",
        "message": "There is no audience aud_0vK3mR2HsD8pL4jT6uXaGb at this path. Check the id: it may belong to another space or audience, or the audience was removed.",
    },
    "406": {
        "type": "not-acceptable",
        "message": "This operation returns application/json, application/vnd.segment.v1alpha+json.",
    },
    "409": {"type": "conflict", "message": "A request with this Idempotency-Key is still running."},
    "413": {"type": "payload-too-large", "message": "The body is larger than 1048576 bytes."},
    "415": {
        "type": "unsupported-media-type",
        "message": "Send application/json or application/vnd.segment.…+json.",
    },
    "422": {
        "type": "input-validation",
        "message": '"activationName" is required.',
        "field": "activationName",
    },
    "429": {
        "type": "RequestError",
        "message": "Too many requests",
        "data": {"remainingPoints": 0, "msBeforeNext": 41250, "consumedPoints": 51},
    },
    "503": {"type": "unavailable", "message": "The database is unavailable; try again."},
    "507": {
        "type": "insufficient-storage",
        "message": "The service's disk is full; nothing was changed.",
    },
}


def add_answer_examples(found: Document) -> None:
    """Add an example to each response of a document that has a body."""
    schemas = found["components"]["schemas"]
    examples: Document = found["components"].setdefault("examples", {})
    for item in found["paths"].values():
        for operation in item.values():
            for status, response in operation["responses"].items():
                name = operation["operationId"] if status == "200" else f"error{status}"
                _add(response, name, examples, schemas)
    found["components"]["examples"] = dict(sorted(examples.items()))


def _add(response: Document, name: str, examples: Document, schemas: Document) -> None:
    """Add an example to a response. An example of the operation's own stays, and becomes the component."""
    for content in response.get("content", {}).values():
        own = content.pop("example", None)
        if name not in examples:
            value = own if own is not None else _value(name, content["schema"], schemas)
            examples[name] = {"summary": response["description"], "value": value}
        content["examples"] = {"example": {"$ref": _EXAMPLES + name}}


def _value(name: str, schema: Document, schemas: Document) -> Any:
    error = _ERRORS.get(name.removeprefix("error"))
    return {"errors": [dict(error)]} if error is not None else sample_of(schema, schemas)
