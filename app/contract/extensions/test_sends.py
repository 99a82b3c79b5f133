"""Bodies of test sends."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from app.contract.extensions.base import Name, Output, StrictInput, Time
from app.contract.fields import KeyType, MemberKey, ProfileId, SyncId
from app.core.described import SchemaOf, about


class SampleProfile(StrictInput):
    """A sample member. Values of identifiers may be lists, oldest first."""

    profile_id: Annotated[Name, about("Id of the sample. It need not exist.", "sample-1")]
    entity_id: Annotated[
        Name | None, about("Id of the entity, for a linked audience.", "account-7")
    ] = None
    identifiers: Annotated[
        dict[str, str | list[str]],
        Field(max_length=100),
        # A generator of Java clients knows no "text or list of texts".
        SchemaOf(Annotated[dict[str, Any], Field(max_length=100)]),
        about(
            "Values of identifiers, by their names; a list is oldest first. At most 100.",
            {"email": "ada@example.com"},
        ),
    ] = {}
    traits: Annotated[
        dict[str, Any],
        Field(max_length=1000),
        about("Traits by their names, at most 1000.", {"plan": "gold"}),
    ] = {}


class TestSendInput(StrictInput):
    """The profile to send, a current member or a sample, and the kind of change."""

    profile_id: Annotated[
        Name | None, about("Id of a profile that is in the audience. Excludes `profile`.", "u-1001")
    ] = None
    profile: Annotated[
        SampleProfile | None, about("A sample that need not exist. Excludes `profileId`.")
    ] = None
    change: Annotated[
        Literal["entered", "exited", "updated"],
        about("Kind of the change: `entered`, `exited` or `updated`.", "entered"),
    ] = "entered"

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.profile_id is None) == (self.profile is None):
            raise ValueError("give either profileId or profile")
        return self


class TestSendKeyOutput(Output):
    """A key of the profile at the partner, and the data that was sent with it."""

    key_type: KeyType
    key: MemberKey
    identifiers: Annotated[
        dict[str, Any],
        about(
            "Identifiers that were sent, by their names at the partner.",
            {"email": "ada@example.com"},
        ),
    ]
    traits: Annotated[
        dict[str, Any],
        about("Traits that were sent, by their names at the partner.", {"plan": "gold"}),
    ]


class TestSendAttemptOutput(Output):
    """An attempt to send a batch."""

    started_at: Annotated[
        Time, about("Time at which the work began. Null before.", "2026-01-31T12:00:01.000Z")
    ]
    ended_at: Annotated[
        Time | None,
        about("Time at which the attempt ended. Null while it runs.", "2026-01-31T12:00:09.000Z"),
    ]
    outcome: Annotated[
        str | None,
        about("How the attempt ended: `accepted`, or the kind of the failure.", "accepted"),
    ]
    http_status: Annotated[
        int | None, about("HTTP status of the partner. Null without a response.", 202)
    ]
    vendor_request_id: Annotated[
        str | None, about("Id of the request at the partner, to ask its support.", "01J2P6V9C4")
    ]
    error: Annotated[
        str | None,
        about(
            "What went wrong, as a sentence. Null if nothing did.",
            None,
            "The receiver did not respond within 30 s.",
        ),
    ]


class TestSendReasonOutput(Output):
    """A reason why the change was not accepted."""

    code: Annotated[str | None, about("Reason, for programs.", "invalid_email")]
    message: Annotated[str | None, about("Reason, for people.", "The address has no valid domain.")]


class TestSendOutput(Output):
    """The data that was sent, the partner's response, and what a sync would do."""

    sync_id: SyncId
    profile_id: ProfileId
    change: Annotated[str, about("Kind of the change that was sent.", "entered")]
    status: Annotated[
        str,
        about(
            "`delivered`, `rejected`, `skipped`, `failed`, `cancelled`; `unknown`: the destination confirmed "
            "nothing; `pending`: in progress, see the sync.",
            "delivered",
        ),
    ]
    reasons: Annotated[
        list[TestSendReasonOutput], about("Why the change was not accepted. Empty if it was.", [])
    ]
    member: Annotated[bool, about("Whether the profile is in the audience now.", True)]
    left_out: Annotated[list[str], about("Reasons why a sync would not send the profile.", [])]
    notes: Annotated[
        list[str],
        about(
            "What a sync would do, and what the next sync will do, as sentences.",
            [
                "It is in the audience, and the destination now holds it: the next sync does not send it."
            ],
        ),
    ]
    keys: Annotated[list[TestSendKeyOutput], about("The keys that were sent.")]
    requests: Annotated[
        list[dict[str, Any]],
        about(
            "Each request to the partner, without secrets, with the partner's response as `answer`.",
            [
                {
                    "method": "POST",
                    "url": "https://hooks.example.com/audiences",
                    "headers": {"content-type": "application/json"},
                    "body": '{"type": "audience.changes"}',
                    "truncated": False,
                    "answer": {"status": 204},
                }
            ],
        ),
    ]
    attempts: Annotated[list[TestSendAttemptOutput], about("The attempts to send.")]


class TestSendData(Output):
    """A test send."""

    test_send: Annotated[TestSendOutput, about("The test send.")]
