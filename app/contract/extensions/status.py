"""Bodies of the status of an activation."""

from __future__ import annotations

from typing import Annotated

from app.contract.extensions.base import Output, Time
from app.contract.fields import (
    ActivationId,
    ActivationName,
    ActivationState,
    AudienceId,
    LastError,
    LastSyncedAt,
    NextDueAt,
    SpaceId,
    SyncId,
    SyncKind,
)
from app.core.described import about


class OpenSyncOutput(Output):
    """The progress of the open sync of an activation."""

    id: SyncId
    number: Annotated[int, about("Number of the sync in its activation, from 1.", 12)]
    kind: SyncKind
    status: Annotated[
        str, about("`new`, `pending`, `held` (waits for an approval) or `running`.", "running")
    ]
    planned: Annotated[int, about("Number of changes of the plan.", 1204)]
    delivered: Annotated[int, about("Number of delivered changes so far.", 800)]
    rejected: Annotated[int, about("Number of changes that the partner refused so far.", 3)]
    skipped: Annotated[
        int,
        about("Number of changes that were not sent so far, because they could not succeed.", 1),
    ]
    pending: Annotated[int, about("Number of changes without a result yet.", 400)]
    batches: Annotated[int, about("Number of batches of the plan. A batch is sent as a unit.", 13)]
    batches_settled: Annotated[int, about("Number of batches whose result is recorded.", 9)]
    changes_per_minute: Annotated[
        int | None,
        about(
            "Number of changes that got a result in a minute, since the first batch was sent. Null before the first result.",
            24000,
        ),
    ]
    seconds_left: Annotated[
        int | None,
        about("Seconds until all changes have a result, at this rate. Null before the first.", 1),
    ]
    opened_at: Annotated[
        Time, about("Time at which the sync was opened.", "2026-01-31T12:00:00.000Z")
    ]


class SharerOutput(Output):
    """Another activation at a place of an activation."""

    space_id: SpaceId
    audience_id: AudienceId
    activation_id: ActivationId
    name: ActivationName


class StatusAudienceOutput(Output):
    """An audience of an activation: who computes it, and how old its members are."""

    audience_id: AudienceId
    computed_by: Annotated[
        str,
        about(
            "`activation` (the activation, each time before it opens a sync by the clock), `schedule` (a schedule of "
            "the audience), `upload` (its members are uploaded), `request` (nobody automatically: force a run), `pin` (it "
            "is rolled back to an earlier snapshot) or `nobody` (it is disabled).",
            "activation",
        ),
    ]
    as_of: Annotated[
        Time | None,
        about(
            "Time of the members: `$as_of` of the run, or the time of the upload. Null without members.",
            "2026-01-31T05:30:00.000Z",
        ),
    ]
    schedule_id: Annotated[
        str | None,
        about(
            "Id of the schedule that computes the audience next. Null without one.",
            None,
            "sch_03aWGxRrmDfqbvKP1TnCye",
        ),
    ]
    next_run_at: Annotated[
        Time | None,
        about("Time of that run. Null without a schedule.", None, "2026-02-01T05:00:00.000Z"),
    ]


class StatusOutput(Output):
    """The status of an activation. ``note`` explains why nothing was sent."""

    state: ActivationState
    last_synced_at: LastSyncedAt
    last_error: LastError
    open_sync: Annotated[
        OpenSyncOutput | None, about("The open sync with its progress. Null if none is open.")
    ]
    revision: Annotated[int, about("Number of the current revision.", 3)]
    delivered_revision: Annotated[
        int | None,
        about("Number of the revision that the last complete sync sent. Null before the first.", 3),
    ]
    next_due_at: NextDueAt
    held: Annotated[int, about("Number of held keys.", 1204)]
    assumed: Annotated[int, about("Number of held keys that this service has not sent.", 0)]
    note: Annotated[
        str | None,
        about(
            "Why nothing was sent, and what happens next, as a sentence. Null if there is nothing to say.",
            None,
            "On hold: 700 of 1,204 held would be removed (58.14 %); the limit is 30 %.",
            "The last sync sent 17 of 17 changes. Next: at 2026-02-01 05:30 UTC, daily at 06:30 (Europe/Berlin), the "
            "audience 'vip' is computed, then what has changed is sent.",
        ),
    ]
    audiences: Annotated[
        list[StatusAudienceOutput],
        about("The audiences whose members are sent, in their order, each with who computes it."),
    ]
    shared_with: Annotated[
        list[SharerOutput],
        about(
            "Other activations of the workspace that write to the same list, attribute or audience at the "
            "partner. While one holds a member there, an exit by another is not sent and counts in leftOut as "
            "held_by_another."
        ),
    ]


class StatusData(Output):
    """The status of an activation."""

    status: Annotated[StatusOutput, about("The status.")]
