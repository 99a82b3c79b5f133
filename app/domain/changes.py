"""Changes, the rows of a plan: their kinds, their outcomes, and the states of holdings."""

from __future__ import annotations

from enum import StrEnum


class ChangeKind(StrEnum):
    """What a change does at the destination."""

    EXITED = "exited"
    ENTERED = "entered"
    UPDATED = "updated"


class Held(StrEnum):
    """Whether the destination holds a key because of the service. A key without a row counts as NO."""

    YES = "yes"
    MAYBE = "maybe"  # an attempt had no definite result
    NO = "no"  # the row remembers refused inputs
    REMOVED = "removed"  # mode remove: removed, and not to be removed again
    LEFT = "left"  # not wanted any more; its exit waits, because another activation holds the key there


class Mode(StrEnum):
    """What an activation does with members: keep the destination equal, only add, or remove all."""

    MAINTAIN = "maintain"
    APPEND = "append"
    REMOVE = "remove"


class Disposition(StrEnum):
    """The outcome of a change, when its sync is folded into the holdings."""

    DELIVERED = "delivered"
    REJECTED = "rejected"  # by the destination
    SKIPPED = "skipped"  # by the service, before sending
    UNKNOWN = "unknown"  # attempted, without a definite result
    PENDING = "pending"  # never attempted
    SILENT = "silent"  # of a kind that the activation does not send: recorded in the holdings only
