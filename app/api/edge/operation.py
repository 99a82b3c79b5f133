"""Descriptions of routes: ``@router.get(path, **described("getSpace", output=GetSpaceAlphaOutput))``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from app.api.edge.query_rules import NO_PARAMETERS, QueryRules
from app.contract.envelope import Output, RequestErrorEnvelope
from app.core.json_bytes import to_json

EXTRA = "x-activations"  # key in openapi_extra of the properties that admission reads
ALPHA = ("v1alpha",)
ALL_VERSIONS = ("v1", "v1beta", "v1alpha")
STABLE_AND_ALPHA = ("v1", "v1alpha")

#: The content of error responses. With a model, FastAPI would build a validator for each status of each operation. It adds the
#: schema to the document for one status (401).
_ERROR_CONTENT = {
    "application/json": {
        "schema": {"$ref": f"#/components/schemas/{RequestErrorEnvelope.__name__}"}
    }
}

View = Literal["segment", "ours"]
Work = Literal["quick", "lasting", "upload"]  # the entrance that requests come in by

DESCRIPTIONS = {
    400: "The request is malformed or empty.",
    401: "The token is missing or invalid.",
    403: "The token lacks the scope.",
    404: "Not found in the workspace of the token.",
    405: "The path does not support this method.",
    406: "No supported version is acceptable to the client.",
    409: "The request conflicts with the current state.",
    413: "The body is too large.",
    415: "The media type of the body is not supported.",
    422: "The input fails validation.",
    429: "Too many requests.",
    503: "A required component is unavailable.",
    507: "The storage is full.",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """The properties of a route that admission needs."""

    id: str
    versions: tuple[str, ...] = ALPHA
    scope: str | None = None  # None: read for GET, write for other methods
    upload: bool = False
    view: View = "ours"
    lasting: bool = False
    query: QueryRules = NO_PARAMETERS

    @property
    def work(self) -> Work:
        """The entrance of its requests."""
        return "upload" if self.upload else "lasting" if self.lasting else "quick"


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
    lasting: bool = False,
    has_body: bool = False,
    parameters: Sequence[Mapping[str, Any]] = (),
    request_examples: Mapping[str, Any] | None = None,
    answer_example: Any = None,
    request_body: Mapping[str, Any] | None = None,
    tag: str | None = None,
    warns: bool = False,
) -> dict[str, Any]:
    """Return the keyword arguments of a FastAPI route decorator: ``{"operation_id": …, "responses": …, …}``.

    ``errors`` are the statuses besides those that every operation declares. With ``upload`` the route reads the stream of the
    body, and the edge checks neither its content type nor its size. ``lasting`` operations also use a partner, a user's database
    or files (R44). ``parameters`` are OpenAPI parameters of the query (see ``app.api.edge.deps``). ``request_body`` replaces the
    generated one. With ``warns`` the response has the header ``X-Activations-Warnings``.
    """
    statuses = {401, 403, 406, 429, 503, *errors, *((400, 413, 415) if has_body else ())}
    responses = _responses(statuses, output)
    extra: dict[str, Any] = {
        EXTRA: {
            "versions": list(versions),
            "scope": scope,
            "upload": upload,
            "lasting": lasting,
            "view": view,
            # FastAPI drops null from dictionaries, but not from texts.
            "examples": to_json(
                {"request": request_examples or {}, "answer": answer_example}
            ).decode(),
            "warns": warns,
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


def _responses(
    statuses: Iterable[int], output: type[Output] | None
) -> dict[int | str, dict[str, Any]]:
    """Return FastAPI's ``{status: {"description": …, …}}``."""
    responses: dict[int | str, dict[str, Any]] = {
        status: {"description": DESCRIPTIONS[status], "content": _ERROR_CONTENT}
        for status in sorted(statuses)
    }
    responses[401] = {"description": DESCRIPTIONS[401], "model": RequestErrorEnvelope}
    if output is not None:
        responses[200] = {"model": output, "description": "OK"}
    return responses


def operation_of(operation_id: str, extra: Mapping[str, Any] | None) -> Operation:
    """Return the operation that ``described`` stored in ``openapi_extra``."""
    extra = extra or {}
    found = extra.get(EXTRA, {})
    view = found.get("view", "ours")
    return Operation(
        operation_id,
        tuple(found.get("versions", ALPHA)),
        found.get("scope"),
        bool(found.get("upload")),
        view,
        bool(found.get("lasting")),
        QueryRules.of(extra.get("parameters", ()), is_closed=view == "ours"),
    )
