"""Shared parts of the extensions: path parameters, pages with the newest entry first, streamed bodies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request

from app.api.edge import CurrentSpace, SessionDep, path_id, query_text
from app.core.errors import Invalid
from app.core.pagination import UNREADABLE, Page, PageRequest, Position
from app.services import activations

T = TypeVar("T")

DatasetId = Annotated[str, path_id("datasetId", "the dataset", "dst_0vK3mQp4XcT6hY1aK7nRzS")]
RunId = Annotated[str, path_id("runId", "the run", "run_0vK3mWh5PzB8vD4kY2jTrA")]
SnapshotId = Annotated[str, path_id("snapshotId", "the snapshot", "snp_0vK3mXw2FbQ9tG6nZ5cLsJ")]
SyncId = Annotated[str, path_id("syncId", "the sync", "syn_0vK3mYd7RgX5uH8pA4fMtB")]
ProfileId = Annotated[str, path_id("profileId", "the profile", "u-1001")]

AUDIENCE = "/spaces/{spaceId}/audiences/{audienceId}"
ACTIVATION = AUDIENCE + "/activations/{id}"


async def activation_of(request: Request, session: SessionDep, scene: CurrentSpace) -> Any:
    """Return the activation of the path. Raises NotFound if the audience does not have it."""
    return await activations.require_activation(
        session, scene.space_id, request.path_params["audienceId"], request.path_params["id"]
    )


CurrentActivation = Annotated[Any, Depends(activation_of)]

_BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
UPLOAD_BODY: dict[str, Any] = {
    "required": True,
    "description": "Streamed. gzip and zstd are recognised, with or without Content-Encoding. Text is UTF-8, or UTF-16 with a "
    "byte order mark. `reading` in the response reports how the file was read.",
    "content": {
        "text/csv": _BINARY,
        "application/x-ndjson": _BINARY,
        "application/vnd.apache.parquet": _BINARY,
    },
}

DELIMITER = query_text(
    "delimiter",
    "Of a CSV file: `comma`, `semicolon`, `tab`, `pipe`, or one other character. By default it is detected; a response 422 "
    "asks for it if two delimiters fit every line.",
    "semicolon",
    maxLength=9,
)


def before(request: PageRequest) -> str | None:
    """Return the key after which a list with the newest entry first continues; None for the first page."""
    position = request.position()
    return position.key[0] if position.key else None


def before_number(request: PageRequest) -> int | None:
    """Return the number after which a list of numbered entries continues; None for the first page.

    Raises Invalid if the cursor belongs to another list.
    """
    text = before(request)
    if text is None:
        return None
    if not text.isdecimal() or len(text) > 9:  # no list has a longer number
        raise Invalid(UNREADABLE, field="pagination.cursor")
    return int(text)


def newest_first(
    found: Sequence[T], total: int, request: PageRequest, key: Callable[[T], str]
) -> Page[T]:
    """Create a page of a list with the newest entry first. ``found`` contains up to one entry more than requested."""
    entries = found[: request.count]
    more = len(found) > request.count
    return Page(
        entries,
        current=request.position().encode(),
        next=Position("after", (key(entries[-1]),)).encode() if more else None,
        total=total,
    )


def announced_length(request: Request) -> int | None:
    """Return the Content-Length of a request; None if it is missing or not a number."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() and len(length) < 19 else None
