"""Bodies of the log of all syncs of a space."""

from __future__ import annotations

from pydantic import Field

from app.contract.extensions.base import Output, PaginationOutput
from app.contract.extensions.syncs import SyncOutput


class LoggedSyncOutput(Output):
    """A sync, with the names of its activation, audience and account."""

    activation_name: str = Field(description="Name of the activation.", examples=["VIP to Klaviyo"])
    audience_id: str = Field(
        description="Id of the activation's audience.", examples=["aud_0ujsszwN8NRY24YaXiTIE2"]
    )
    audience_name: str = Field(description="Name of the audience.", examples=["VIP"])
    destination_name: str = Field(description="Name of the account.", examples=["Klaviyo EU"])
    sync: SyncOutput = Field(description="The sync, as in the list of its activation.")


class SyncLogData(Output):
    """A page of the log, newest first."""

    syncs: list[LoggedSyncOutput] = Field(description="Syncs of all activations, newest first.")
    pagination: PaginationOutput = Field(description="The cursors of this page and its neighbours.")
