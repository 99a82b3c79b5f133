"""Bodies of operations on delivery options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field

from app.contract.extensions.base import Output, StrictInput


class DeliveryOptionsPatch(StrictInput):
    """Changes to delivery options. The brake is merged; other options are replaced."""

    nullable: ClassVar[frozenset[str]] = frozenset(
        {"split", "list", "consent", "includedAttribute"}
    )

    frequency: Annotated[Any, Field(description="on_run, once, daily, interval or cron")] = None
    brake: Annotated[
        Any, Field(description="{enabled, maxRemovalPercent, minRemovals, holdEmptyFrom}")
    ] = None
    notifications: Annotated[Any, Field(description="{emails, destinationId, on}")] = None
    mode: Annotated[Any, Field(description="maintain, append or remove")] = None
    split: Annotated[
        Any, Field(description='{"arms": [{name, weight, sent, list: {id}}], "property"} or null')
    ] = None
    updates: bool | None = None
    list: Annotated[
        Any, Field(description='{"id": …}, or null to have the service create a list')
    ] = None
    consent: Annotated[Any, Field(description="A trait that must be true, or null")] = None
    audiences: Annotated[
        Any,
        Field(
            description="Ids of audiences that are sent in addition to the activation's audience"
        ),
    ] = None
    included_attribute: Annotated[
        Any,
        Field(
            description="Attribute that contains the activation's name; true: Included in Audience"
        ),
    ] = None


class DeliveryOptionsOutput(Output):
    """All delivery options of an activation, including defaults."""

    frequency: dict[str, Any]
    brake: dict[str, Any]
    notifications: dict[str, Any]
    mode: str
    split: dict[str, Any] | None
    updates: bool
    list: dict[str, Any] | None
    consent: str | None
    audiences: Sequence[str]
    included_attribute: str | None
    revision: int


class DeliveryOptionsData(Output):
    """The delivery options of an activation."""

    delivery_options: DeliveryOptionsOutput
