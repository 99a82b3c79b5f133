"""How a route says what it is: ``@router.get(path, **described("getSpace", output=GetSpaceAlphaOutput))``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from app.contract.envelope import Output, RequestErrorEnvelope

EXTRA = "x-activations"  # the key in openapi_extra under which a route carries what admission needs
ALPHA = ("v1alpha",)
ALL_VERSIONS = ("v1", "v1beta", "v1alpha")
STABLE_AND_ALPHA = ("v1", "v1alpha")

View = Literal["segment", "ours"]

DESCRIPTIONS = {
    400: "The request cannot be understood, or asks for nothing.",
    401: "The token is missing or not valid.",
    403: "The token lacks the scope.",
    404: "Unknown, or of another workspace.",
    405: "The path does not take this method.",
    406: "No version that the client accepts.",
    409: "Clashes with what is there.",
    413: "The body is too large.",
    415: "The body is of a type that is not read here.",
    422: "The input fails validation.",
    429: "Too many requests.",
    503: "A part that is needed is away.",
    507: "The disk is full.",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """What admission needs to know of a route."""

    id: str
    versions: tuple[str, ...] = ALPHA
    scope: str | None = None  # None: read for GET, write for all else
    upload: bool = False
    view: View = "ours"


def described(
    operation_id: str,
    *,
    output: type[Output] | None = None,
    summary: str | None = None,
    errors: Iterable[int] = (),
    versions: Sequence[str] = ALPHA,
    scope: str | None = None,
    view: View = "ours",
    upload: bool = False,
    has_body: bool = False,
    parameters: Sequence[Mapping[str, Any]] = (),
    request_examples: Mapping[str, Any] | None = None,
    answer_example: Any = None,
    request_body: Mapping[str, Any] | None = None,
    tag: str | None = None,
) -> dict[str, Any]:
    """Keyword arguments for FastAPI's route decorators.

    ``errors`` are the statuses beyond 401, 403, 406, 429 and 503, which every operation declares. ``upload``: the
    route reads the stream itself; neither content type nor size of the body is checked before. ``parameters`` are
    OpenAPI parameters of the query (see ``app.api.edge.deps``); ``request_body`` replaces the documented one.
    """
    statuses = sorted({401, 403, 406, 429, 503, *errors, *((400, 413, 415) if has_body else ())})
    responses: dict[int | str, dict[str, Any]] = {
        status: {"model": RequestErrorEnvelope, "description": DESCRIPTIONS[status]}
        for status in statuses
    }
    if output is not None:
        responses[200] = {"model": output, "description": "OK"}
    extra: dict[str, Any] = {
        EXTRA: {
            "versions": list(versions),
            "scope": scope,
            "upload": upload,
            "view": view,
            "requestExamples": dict(request_examples or {}),
            "answerExample": answer_example,
        }
    }
    if parameters:
        extra["parameters"] = [dict(parameter) for parameter in parameters]
    if request_body is not None:
        extra["requestBody"] = dict(request_body)
    return {
        "operation_id": operation_id,
        "summary": summary,
        "responses": responses,
        "response_model": None,
        "openapi_extra": extra,
        "tags": [tag] if tag else None,
    }


def operation_of(operation_id: str, extra: Mapping[str, Any] | None) -> Operation:
    """The operation that a route was described as."""
    found = (extra or {}).get(EXTRA, {})
    return Operation(
        operation_id,
        tuple(found.get("versions", ALPHA)),
        found.get("scope"),
        bool(found.get("upload")),
        found.get("view", "ours"),
    )
