"""Bodies of operations on erasures of persons."""

from __future__ import annotations

from typing import Annotated

from app.contract.extensions.base import Output, PaginationOutput
from app.contract.fields import CreatedAt, CreatedBy, Time
from app.core.described import about

_COUNT = "Absent places and counts are 0."


class ErasedPlaceOutput(Output):
    """What was found of the person in one place, and removed."""

    place: Annotated[
        str,
        about(
            "A kind of file (`datasets`, `formerContents`, `snapshots`, `holdings`, `plans`, `outcomes`, `exports`, `files` "
            "for files that nothing used any more), or a table of the database.",
            "snapshots",
        ),
    ]
    files: Annotated[int, about("Number of files that were written again without the person.", 3)]
    deleted: Annotated[int, about("Number of files that were deleted.", 0)]
    rows: Annotated[int, about("Number of rows of the person, or of rows that named it.", 3)]
    values: Annotated[
        int,
        about(
            "Number of other rows of which a value mentioned the person. The value is empty now.", 0
        ),
    ]


class ErasureWaitOutput(Output):
    """Something that an erasure waits for."""

    reason: Annotated[
        str,
        about(
            "`exit`, `sync`, `activation_inactive` (the destination holds the person, and the activation does not send), `run` or "
            "`reader` (work that began before reads a file that is to be deleted).",
            "activation_inactive",
        ),
    ]
    message: Annotated[
        str,
        about(
            "What is waited for, and what you can do.",
            "The destination still holds the person, and the activation does not send: enable it or delete it.",
        ),
    ]
    audience_id: Annotated[str | None, about("The audience.", "aud_0vK3mR2HsD8pL4jT6uXaGb")]
    activation_id: Annotated[str | None, about("The activation.", "act_0vK3mS5VgJ9bM2rP8iUwLt")]
    sync_id: Annotated[str | None, about("The sync.", None)]
    run_id: Annotated[str | None, about("The run.", None)]


class KeptAtDestinationOutput(Output):
    """A destination that keeps the person, because its activation sends no exits."""

    activation_id: Annotated[str, about("The activation.", "act_0vK3mS5VgJ9bM2rP8iUwLt")]
    reason: Annotated[
        str,
        about(
            "`mode_append`, `mode_remove`, `type_without_exits` or `activation_deleted`.",
            "mode_append",
        ),
    ]
    keys: Annotated[int, about("Number of keys of the person that the destination holds.", 1)]


class ConfiguredMentionOutput(Output):
    """A place in the configuration that names the person. It is not changed: change it yourself."""

    table: Annotated[str, about("Kind of the resource.", "audience")]
    id: Annotated[str, about("Id of the resource.", "aud_0vK3mR2HsD8pL4jT6uXaGb")]
    column: Annotated[str, about("Part of the resource.", "query")]


class ErasureOutput(Output):
    """The erasure of a person. It contains no name of the person."""

    id: Annotated[str, about("Id of the erasure.", "ers_0vK3mZe8SgY6vJ9qB5gNuC")]
    status: Annotated[
        str,
        about(
            "`new`, `waiting` (see `waitsFor`), or `complete`: a whole search has found nothing of the person.",
            "complete",
        ),
    ]
    refuse: Annotated[bool, about("Whether the ids and identifiers are refused from now on.", True)]
    profiles: Annotated[int, about("Number of profile ids that were found for the name.", 1)]
    identifiers: Annotated[int, about("Number of identifiers that were found for them.", 2)]
    shared: Annotated[
        int,
        about(
            "Number of identifiers that another profile has, too. They stay with that profile.", 0
        ),
    ]
    found: Annotated[list[ErasedPlaceOutput], about("What was found where. " + _COUNT)]
    kept: Annotated[
        list[KeptAtDestinationOutput],
        about("Destinations that keep the person: remove it there yourself."),
    ]
    waits_for: Annotated[list[ErasureWaitOutput], about("What is waited for.")]
    configured: Annotated[
        list[ConfiguredMentionOutput],
        about(
            "Places in the configuration that name the person. Known when the erasure is complete."
        ),
    ]
    returns: Annotated[
        list[str],
        about(
            "Datasets that are read from your databases. If the person is there, it comes back with the next run, unless "
            "it is refused.",
            ["dst_0vK3mQp4XcT6hY1aK7nRzS"],
        ),
    ]
    passes: Annotated[int, about("Number of searches through all places.", 3)]
    requested_by: CreatedBy
    created_at: CreatedAt
    finished_at: Annotated[
        Time | None, about("Time at which it was complete.", "2026-01-31T12:00:00.000Z")
    ]


class ErasureData(Output):
    """One erasure."""

    erasure: Annotated[ErasureOutput, about("The erasure.")]


class ErasuresData(Output):
    """A page of erasures."""

    erasures: Annotated[list[ErasureOutput], about("The erasures of this page, oldest first.")]
    pagination: Annotated[
        PaginationOutput, about("The cursors of this page, the next and the previous one.")
    ]
