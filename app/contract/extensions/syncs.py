"""Bodies of operations on syncs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from app.contract.extensions.base import Output, PaginationOutput, StrictInput, Time
from app.contract.extensions.delivery_options import BrakeChanges
from app.contract.fields import ActivationId, AudienceId, SnapshotId, SyncId, SyncKind
from app.core.described import SchemaOf, about


class SyncInput(StrictInput):
    """The sync to start: ``incremental`` sends differences, ``resync`` sends all members. A dry run sends nothing."""

    kind: Annotated[
        Literal["incremental", "resync"],
        about("`incremental` sends differences, `resync` sends all members.", "resync"),
    ] = "incremental"
    dry_run: Annotated[
        bool, about("True: the sync is planned and reported, and nothing is sent.", True)
    ] = False


class ApprovalInput(StrictInput):
    """An approval. ``brake`` sets new limits for the activation's next plans; without it they stay."""

    brake: Annotated[
        Any,
        SchemaOf(BrakeChanges | None),
        about("New limits of the brake for later plans; those that are missing stay."),
    ] = None
    exits: Annotated[
        int | None,
        about(
            "The number of exits that is approved. If the plan has another number, the response is 409, and nothing is "
            "approved.",
            120,
        ),
    ] = None


class RetryInput(StrictInput):
    """What is retried. Without a body: everything that the destination refused."""

    reason: Annotated[
        str | None,
        about(
            "One of the reasons that `rejections` counts: only the changes that this sync had rejected for it are sent again. The "
            "others stay rejected, and can be retried later.",
            "invalid",
        ),
    ] = None


class SyncSourceOutput(Output):
    """A snapshot from which a sync was planned, and its audience."""

    audience_id: AudienceId
    snapshot_id: SnapshotId


class RuleChangesOutput(Output):
    """Held keys that a new version of the rules for identifiers changes, of members that stay."""

    invalid: Annotated[int, about("Keys that are no valid identifier now.", 2)]
    moved: Annotated[int, about("Keys that move to another form or to another identifier.", 17)]


class SyncOutput(Output):
    """A sync of an activation. Always ``delivered + rejected + skipped + pending = planned``."""

    id: SyncId
    activation_id: ActivationId
    number: Annotated[int, about("Number of the sync in its activation, from 1.", 12)]
    kind: SyncKind
    trigger: Annotated[
        str,
        about(
            "What opened the sync: `run`, `schedule` (the frequency), `api`, `retry`, `newer` (a newer "
            "snapshot or revision), `rollback` or `call_ended` (a call that was left is over).",
            "run",
        ),
    ]
    status: Annotated[
        str,
        about(
            "`new`, `pending`, `held` (waits for an approval), `running`, `complete`, `failed`, `cancelled` or "
            "`superseded`.",
            "complete",
        ),
    ]
    revision: Annotated[
        str | None,
        about(
            "Id of the revision that the sync was planned with. Null before it is planned.",
            "rev_0vK3mVn6KyM4wF7bX3hQsG",
        ),
    ]
    wanted: Annotated[
        int | None,
        about(
            "Number of keys that the destination should hold. Null before the sync is planned.",
            1204,
        ),
    ]
    entered: Annotated[int, about("Number of entries of the plan.", 1100)]
    exited: Annotated[int, about("Number of exits of the plan.", 80)]
    updated: Annotated[int, about("Number of updates of the plan.", 24)]
    planned: Annotated[int, about("Number of changes of the plan.", 1204)]
    delivered: Annotated[int, about("Number of delivered changes.", 1200)]
    rejected: Annotated[int, about("Number of changes that the partner refused.", 3)]
    skipped: Annotated[
        int, about("Number of changes that were not sent, because they could not succeed.", 1)
    ]
    pending: Annotated[int, about("Number of changes without a result yet.", 0)]
    left_out: Annotated[
        dict[str, int],
        about(
            "Number of changes that are not in the plan, by reason: `no_identifier`, `phone_without_country`, "
            "`no_consent`, `control`, `shared_key`, `refused_before`; `list_not_created` (an exit from a list that "
            "the service has not created yet, because nobody was added to it), `held_by_another` (an exit of a "
            "key that another activation holds at the same place), `leaving_by_another` (an entry that waits "
            "until the exit by another activation is over).",
            {"no_identifier": 20},
        ),
    ]
    batches: Annotated[int, about("Number of batches of the plan. A batch is sent as a unit.", 13)]
    snapshots: Annotated[
        list[SyncSourceOutput], about("The snapshots from which the sync was planned.")
    ]
    hold_reason: Annotated[
        str | None,
        about(
            "Why the sync is on hold, as a sentence. Null if it was never on hold.",
            None,
            "700 of 1,204 held would be removed (58.14 %); the limit is 30 %.",
        ),
    ]
    rule_changes: Annotated[
        RuleChangesOutput | None,
        about(
            "What new rules for identifiers change; null if they change nothing.",
            None,
            {"invalid": 2, "moved": 17},
        ),
    ]
    approved_by: Annotated[
        str | None,
        about(
            "Who approved the sync. Null if it needed no approval.",
            None,
            "public-api-token/TJ7z8cg6",
        ),
    ]
    error: Annotated[
        Any,
        about(
            "Why the sync failed: `message` for people, `code` for programs. Null if it did not.",
            None,
            {"code": "unauthorized", "message": "Klaviyo refuses the API key (HTTP 401)."},
        ),
    ]
    report: Annotated[
        Any,
        about(
            "Of a dry run: `calls`, `minutes`, `cost`, and samples of `changes` and `requests`. A change has its `identifiers`, "
            "`traits` and `fields` as they would be sent, and in `notSent` the values of its identifiers that are not sent: "
            "`identifier`, `value`, `reason`, `message`. A request has its `change`, and in `arms` the names of the arms of a "
            "split to whose place it writes. Null for other kinds without remarks.",
            None,
            {
                "calls": 13,
                "minutes": 1,
                "cost": None,
                "changes": {"entered": []},
                "requests": [],
                "heldBecause": None,
            },
        ),
    ]
    opened_at: Annotated[
        Time, about("Time at which the sync was opened.", "2026-01-31T12:00:00.000Z")
    ]
    planned_at: Annotated[
        Time | None,
        about("Time at which the plan was written. Null before.", "2026-01-31T12:00:02.000Z"),
    ]
    started_at: Annotated[
        Time | None, about("Time at which the work began. Null before.", "2026-01-31T12:00:01.000Z")
    ]
    finished_at: Annotated[
        Time | None, about("Time at which the work ended. Null before.", "2026-01-31T12:00:09.000Z")
    ]


class RejectionsOutput(Output):
    """Rejected changes: counts by reason, and samples."""

    counts: Annotated[
        dict[str, Any],
        about("Number of rejected changes by reason (the partner's code).", {"invalid_email": 3}),
    ]
    samples: Annotated[
        list[Any],
        about(
            "Up to 100 rejected changes: the `row` of the plan, `code` and `message`.",
            [{"row": 17, "code": "invalid_email", "message": "The address has no valid domain."}],
        ),
    ]


class AttemptOutput(Output):
    """An attempt to send a batch."""

    started_at: Annotated[Time, about("When the attempt began.", "2026-01-31T12:00:00.000Z")]
    ended_at: Annotated[
        Time | None,
        about("When the response came; null while it is awaited.", "2026-01-31T12:00:01.000Z"),
    ]
    outcome: Annotated[
        str | None,
        about(
            "`delivered`, `unknown` (no definite response), or why it failed; null while it is open.",
            "delivered",
        ),
    ]
    http_status: Annotated[int | None, about("Status of the partner's response.", 202)]
    vendor_request_id: Annotated[
        str | None, about("The partner's id of the request, for its support.", "req_8a1f")
    ]
    error: Annotated[str | None, about("What the partner said.", "Rate limit reached.")]


class BatchOutput(Output):
    """A batch of a sync: a numbered range of its plan."""

    number: Annotated[int, about("Number of the batch in its sync, from 1.", 1)]
    kind: Annotated[
        str | None, about("`entered`, `exited` or `updated`; null: all kinds.", "entered")
    ]
    arms: Annotated[
        list[str],
        about(
            "Names of the arms of the split that have the place (list, attribute) to which the batch writes: all arms, if they share "
            "one. Empty without a split.",
            ["A"],
        ),
    ]
    rows: Annotated[int, about("Number of changes in the batch.", 1000)]
    status: Annotated[
        str,
        about(
            "`waiting` (for an attempt), `sending` or `settled` (its result is recorded).",
            "settled",
        ),
    ]
    delivered: Annotated[int, about("Changes that the partner confirmed.", 998)]
    rejected: Annotated[int, about("Changes that the partner refused.", 2)]
    skipped: Annotated[int, about("Changes that the service did not send.", 0)]
    attempts: Annotated[list[AttemptOutput], about("The attempts, the first one first.")]


class BatchesData(Output):
    """A page of batches, in order."""

    batches: Annotated[list[BatchOutput], about("The batches.")]
    pagination: PaginationOutput


class PlannedChangeOutput(Output):
    """A change of a plan."""

    kind: Annotated[str, about("`entered`, `exited` or `updated`.", "exited")]
    profile_id: Annotated[str, about("Id of the profile.", "u1")]
    key: Annotated[str, about("The key at the destination.", "ann@example.com")]
    key_type: Annotated[str, about("The identifier that the key is.", "email")]


class PlannedChangesData(Output):
    """A sample of a plan."""

    changes: Annotated[
        list[PlannedChangeOutput], about("Up to 20 changes, in the order of the plan.")
    ]


class SyncData(Output):
    """A sync."""

    sync: Annotated[SyncOutput, about("The sync.")]


class SyncsData(Output):
    """A page of syncs."""

    syncs: Annotated[list[SyncOutput], about("The syncs of this page, newest first.")]
    pagination: Annotated[
        PaginationOutput, about("The cursors of this page, the next and the previous one.")
    ]


class RejectionsData(Output):
    """The rejected changes of a sync."""

    rejections: Annotated[RejectionsOutput, about("The rejected changes.")]
