"""Test sends on the wire."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from app.contract.envelope import Name
from app.contract.extensions.base import Output, StrictInput, Time


class SampleProfile(StrictInput):
    """A member that is made up; values of identifiers may be lists, oldest first."""

    profile_id: Name
    entity_id: Annotated[Name | None, Field(description="Of a linked audience's member.")] = None
    identifiers: Annotated[dict[str, str | list[str]], Field(max_length=100)] = {}
    traits: Annotated[dict[str, Any], Field(max_length=1000)] = {}


class TestSendInput(StrictInput):
    """Whom to send, a current member or a sample, and as which change."""

    profile_id: Annotated[Name | None, Field(description="A profile that is in the audience.")] = (
        None
    )
    profile: SampleProfile | None = None
    change: Literal["entered", "exited", "updated"] = "entered"

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.profile_id is None) == (self.profile is None):
            raise ValueError("give either profileId or profile")
        return self


class TestSendKeyOutput(Output):
    """What the partner knows the profile by, and what was sent with it."""

    key_type: str
    key: str
    identifiers: dict[str, Any]
    traits: dict[str, Any]


class TestSendAttemptOutput(Output):
    """One try."""

    started_at: Time
    ended_at: Time | None
    outcome: str | None
    http_status: int | None
    vendor_request_id: str | None
    error: str | None


class TestSendReasonOutput(Output):
    """Why it was not taken."""

    code: str | None
    message: str | None


class TestSendOutput(Output):
    """What was sent, what the partner answered, and what a sync would have done."""

    sync_id: str
    profile_id: str
    change: str
    status: str = Field(
        description="delivered, rejected, skipped, failed, cancelled; pending: still under way, see the sync."
    )
    reasons: list[TestSendReasonOutput]
    member: bool = Field(description="Whether it is in the audience now.")
    left_out: list[str] = Field(description="Why a sync would not send it.")
    notes: list[str] = Field(description="In words: what a sync would do, and what the next will.")
    keys: list[TestSendKeyOutput]
    requests: list[dict[str, Any]] = Field(
        description="Each request that was made, without secrets, with its `answer`."
    )
    attempts: list[TestSendAttemptOutput]


class TestSendData(Output):
    """One test send."""

    test_send: TestSendOutput
