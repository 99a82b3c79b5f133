"""Bodies of operations on runs."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from app.contract.extensions.base import Output, PaginationOutput, Time
from app.contract.extensions.upload_reports import Counts, UploadReport
from app.contract.fields import AudienceId, CreatedAt, DatasetId, RunId
from app.core.described import about


class RunSource(Output):
    """A dataset that a run has read: the content of an upload or a file, or the rows of a database, and the time of reading."""

    dataset_id: DatasetId
    name: Annotated[str, about("Name of the dataset in SQL.", "orders")]
    kind: Annotated[str, about("`upload`, `postgres` or `object`.", "upload")]
    rows: Annotated[int, about("Number of rows that were read.", 15230)]
    bytes: Annotated[
        int, about("Number of bytes of the content, or of the rows that were read.", 481254)
    ]
    sha256: Annotated[
        str | None,
        about(
            "SHA-256 of the content of an upload or a file.",
            "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
        ),
    ] = None
    pushed_down: Annotated[
        bool | None, about("Whether the definition ran in the database.", False)
    ] = None
    read_at: Annotated[
        Time | None,
        about("Time at which the database or the file was read.", "2026-01-31T12:00:00.000Z"),
    ] = None
    state: Annotated[
        str | None,
        about(
            "What was found of a file: `new` or `unchanged`; `missing`, `late` (older than `maxAgeHours`), `broken` (cannot be read) or "
            "`breaking` (it would break audiences) fail the run. Null for other kinds, and if the place of the file did not respond.",
            "new",
        ),
    ] = None
    path: Annotated[
        str | None,
        about("Address of the file.", "s3://shop-exports/orders/orders-2026-01-31.csv.gz"),
    ] = None
    etag: Annotated[
        str | None,
        about("ETag of the file, if its place has one.", "9b2cf535f27731c974343645a3985328"),
    ] = None
    file_bytes: Annotated[
        int | None, about("Size of the file in bytes, as it was sent.", 481254)
    ] = None
    modified_at: Annotated[
        Time | None, about("Time of the last change of the file.", "2026-01-31T04:00:00.000Z")
    ] = None


class TypeChange(Output):
    """A trait whose type changed with an upload, because a value did not fit the type before."""

    trait: Annotated[str, about("Name of the trait.", "zip")]
    before: Annotated[str, about("Type before the upload.", "BIGINT")]
    after: Annotated[str, about("Type since the upload.", "VARCHAR")]


class RunOutput(Output):
    """A computation of an audience. ``reading`` reports how its upload was read; lists of runs leave it out."""

    id: RunId
    audience_id: AudienceId
    kind: Annotated[
        str,
        about(
            "`definition`, `upload` (a file of members) or `patch` (changes of single members).",
            "definition",
        ),
    ]
    trigger: Annotated[
        str,
        about(
            "What started the run: `api`, `schedule`, `activation` (one that is due by its own clock), `upload` or `patch`.",
            "api",
        ),
    ]
    status: Annotated[str, about("`new`, `running`, `complete` or `failed`.", "complete")]
    as_of: Annotated[
        Time,
        about(
            "Time as of which the audience is computed: the value of `$as_of`.",
            "2026-01-31T12:00:00.000Z",
        ),
    ]
    make_current: Annotated[
        bool, about("Whether its snapshot becomes current although a newer one exists.", False)
    ]
    became_current: Annotated[
        bool | None,
        about("Whether its snapshot became current. Null until the run is complete.", True),
    ]
    members: Annotated[
        int | None, about("Number of members. Null until the run is complete.", 1204)
    ]
    entered: Annotated[
        int | None, about("Number of members that the snapshot before did not have.", 37)
    ]
    exited: Annotated[int | None, about("Number of members of the snapshot before that left.", 12)]
    snapshot_id: Annotated[
        str | None,
        about(
            "Id of the snapshot that the run wrote. Null until it is complete.",
            "snp_0vK3mXw2FbQ9tG6nZ5cLsJ",
        ),
    ]
    sources: Annotated[
        list[RunSource] | None,
        about("Datasets that the run has read. Null until it has read them."),
    ]
    notes: Annotated[
        list[str],
        about(
            "What a person should know about the result, as sentences.",
            ["12 members have the same email as another member."],
        ),
    ] = []
    type_changes: Annotated[
        list[TypeChange], about("Traits whose type changed with the upload.")
    ] = []
    absent: Counts = Field(
        default_factory=dict,
        description="Values of identifiers that are none, by column and reason: word, shared_word, display_name, address_list, "
        "not_an_address, not_a_number, not_a_text.",
        examples=[{"email": {"word": 3, "display_name": 1}}],
    )
    refused: Annotated[
        int,
        about(
            "Members that were left out because their id or an identifier is refused in the space.",
            0,
        ),
    ] = 0
    reading: Annotated[
        UploadReport | None,
        about("How the upload was read; absent in lists, and for a definition."),
    ] = None
    error: Annotated[
        Any,
        about(
            "Why the run failed: `message` for people, `code` for programs. Null if it did not.",
            None,
            {
                "code": "definition_failed",
                "message": "There is no table order; did you mean orders?",
            },
        ),
    ]
    created_at: CreatedAt
    started_at: Annotated[
        Time | None, about("Time at which the work began. Null before.", "2026-01-31T12:00:01.000Z")
    ]
    finished_at: Annotated[
        Time | None, about("Time at which the work ended. Null before.", "2026-01-31T12:00:09.000Z")
    ]


class RunData(Output):
    """One run."""

    run: Annotated[RunOutput, about("The run.")]


class RunsData(Output):
    """A page of runs."""

    runs: Annotated[list[RunOutput], about("The runs of this page, newest first.")]
    pagination: Annotated[
        PaginationOutput, about("The cursors of this page, the next and the previous one.")
    ]
