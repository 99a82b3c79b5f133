"""Bodies of test sends."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from app.contract.envelope import Name
from app.contract.extensions.base import Output, StrictInput, Time


class SampleProfile(StrictInput):
    """A sample member. Values of identifiers may be lists, oldest first."""

    profile_id: Name
    entity_id: Annotated[
        Name | None, Field(description="Id of the entity, for a linked audience.")
    ] = None
    identifiers: Annotated[dict[str, str | list[str]], Field(max_length=100)] = {}
    traits: Annotated[dict[str, Any], Field(max_length=1000)] = {}


class TestSendInput(StrictInput):
    """The profile to send, a current member or a sample, and the kind of change."""

    profile_id: Annotated[
        Name | None, Field(description="Id of a profile that is in the audience.")
    ] = None
    profile: SampleProfile | None = None
    change: Literal["entered", "exited", "updated"] = "entered"

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.profile_id is None) == (self.profile is None):
            raise ValueError("give either profileId or profile")
        return self


class TestSendKeyOutput(Output):
    """A key of the profile at the partner, and the data that was sent with it."""

    key_type: str
    key: str
    identifiers: dict[str, Any]
    traits: dict[str, Any]


class TestSendAttemptOutput(Output):
    """An attempt to send a batch."""

    started_at: Time
    ended_at: Time | None
    outcome: str | None
    http_status: int | None
    vendor_request_id: str | None
    error: str | None


class TestSendReasonOutput(Output):
    """A reason why the change was not accepted."""

    code: str | None
    message: str | None


class TestSendOutput(Output):
    """The data that was sent, the partner's response, and what a sync would do."""

    sync_id: str
    profile_id: str
    change: str
    status: str = Field(
        description="delivered, rejected, skipped, failed, cancelled; unknown: the destination confirmed nothing; pending: in "
        "progress, see the sync."
    )
    reasons: list[TestSendReasonOutput]
    member: bool = Field(description="Whether the profile is in the audience now.")
    left_out: list[str] = Field(description="Reasons why a sync would not send the profile.")
    notes: list[str] = Field(
        description="In words: what a sync would do, and what the next sync will do."
    )
    keys: list[TestSendKeyOutput]
    requests: list[dict[str, Any]] = Field(
        description="Each request to the partner, without secrets, with the partner's response as `answer`."
    )
    attempts: list[TestSendAttemptOutput]


class TestSendData(Output):
    """A test send."""

    test_send: TestSendOutput
