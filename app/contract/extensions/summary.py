"""Bodies of the summary of a space."""

from __future__ import annotations

from pydantic import Field

from app.contract.extensions.base import Output, Time

_ID = "act_0ujsszwN8NRY24YaXiTIE2"
_AUDIENCE = "aud_0ujsszwN8NRY24YaXiTIE2"


class HeldSyncOutput(Output):
    """A sync that waits for an approval."""

    sync_id: str = Field(description="Id of the sync.", examples=["syn_0ujsszwN8NRY24YaXiTIE2"])
    number: int = Field(description="Number of the sync in its activation.", examples=[12])
    activation_id: str = Field(description="Id of the activation.", examples=[_ID])
    activation_name: str = Field(description="Name of the activation.", examples=["VIP to Klaviyo"])
    audience_id: str = Field(description="Id of the audience.", examples=[_AUDIENCE])
    hold_reason: str | None = Field(
        description="Why the plan is on hold.",
        examples=["The plan removes 120 of 300 members (40 %)."],
    )
    exited: int = Field(description="Exits in the plan.", examples=[120])


class ErrorOutput(Output):
    """An activation that an error stopped."""

    activation_id: str = Field(description="Id of the activation.", examples=[_ID])
    audience_id: str = Field(description="Id of the audience.", examples=[_AUDIENCE])
    name: str = Field(description="Name of the activation.", examples=["VIP to Klaviyo"])
    message: str = Field(
        description="What the destination or the service reported.",
        examples=["Klaviyo refuses the API key (401)."],
    )


class FailedRunOutput(Output):
    """An audience whose newest run failed."""

    audience_id: str = Field(description="Id of the audience.", examples=[_AUDIENCE])
    name: str = Field(description="Name of the audience.", examples=["VIP"])
    run_id: str = Field(description="Id of the run.", examples=["run_0ujsszwN8NRY24YaXiTIE2"])
    message: str = Field(
        description="Why it failed.", examples=["The dataset orders has no column total."]
    )
    finished_at: Time | None = Field(description="When it failed, in RFC 3339.")


class PausedAccountOutput(Output):
    """An account whose circuit breaker is open."""

    destination_id: str = Field(
        description="Id of the account.", examples=["65f1c2d3a4b5c6d7e8f90123"]
    )
    name: str = Field(description="Name of the account.", examples=["Klaviyo EU"])
    open_until: Time = Field(description="When the account is tried again, in RFC 3339.")


class LateAudienceOutput(Output):
    """An audience whose recompute is due for more than 15 minutes."""

    audience_id: str = Field(description="Id of the audience.", examples=[_AUDIENCE])
    name: str = Field(description="Name of the audience.", examples=["VIP"])
    since: Time = Field(description="Since when the recompute is due, in RFC 3339.")


class NextDueOutput(Output):
    """An activation and the time of its next sync."""

    activation_id: str = Field(description="Id of the activation.", examples=[_ID])
    audience_id: str = Field(description="Id of the audience.", examples=[_AUDIENCE])
    name: str = Field(description="Name of the activation.", examples=["VIP to Klaviyo"])
    due_at: Time = Field(description="Time of the next sync, in RFC 3339.")


class FinishedOutput(Output):
    """A one-time send that was sent, with the figures of its last sync."""

    activation_id: str = Field(description="Id of the activation.", examples=[_ID])
    audience_id: str = Field(description="Id of the audience.", examples=[_AUDIENCE])
    name: str = Field(description="Name of the activation.", examples=["Spring to Klaviyo"])
    finished_at: Time = Field(description="When its last sync was completed, in RFC 3339.")
    delivered: int = Field(description="Changes that the sync delivered.", examples=[1204])
    rejected: int = Field(description="Changes that the destination rejected.", examples=[2])
    left_out: int = Field(
        description="Members of the audience that the sync left out. Its list of them gives the reasons.",
        examples=[3],
    )


class ActivityOutput(Output):
    """Numbers of activations."""

    active: int = Field(description="Activations that send, or will send again.", examples=[12])
    finished: int = Field(description="One-time sends that were sent.", examples=[2])
    inactive: int = Field(description="All others, such as disabled ones.", examples=[3])
    error: int = Field(description="Activations that an error stopped.", examples=[1])


class SummaryOutput(Output):
    """The state of a space. Each list has at most 20 entries."""

    on_hold: list[HeldSyncOutput] = Field(description="Syncs that wait for an approval.")
    in_error: list[ErrorOutput] = Field(description="Activations that an error stopped.")
    failed_runs: list[FailedRunOutput] = Field(description="Audiences whose newest run failed.")
    paused_accounts: list[PausedAccountOutput] = Field(
        description="Accounts whose circuit breaker is open."
    )
    late: list[LateAudienceOutput] = Field(
        description="Audiences whose scheduled or open recompute is due for more than 15 minutes."
    )
    next_due: list[NextDueOutput] = Field(
        description="The next five activations that are due by the clock."
    )
    finished: list[FinishedOutput] = Field(
        description="The five one-time sends that were sent last, the newest first."
    )
    activations: ActivityOutput = Field(description="Numbers of activations.")
    workers: int = Field(description="Workers that are live.", examples=[2])
    delivered: int = Field(
        description="Changes that the syncs of the last 24 hours delivered.", examples=[1204]
    )
    rejected: int = Field(
        description="Changes that destinations rejected in the last 24 hours.", examples=[3]
    )
    version: str = Field(description="Version of the service.", examples=["0.1.0"])


class SummaryData(Output):
    """The summary of a space."""

    summary: SummaryOutput = Field(description="The state of the space.")
