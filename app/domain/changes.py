"""Changes: what a plan is made of, and what can become of them."""

from __future__ import annotations

from enum import StrEnum


class ChangeKind(StrEnum):
    """What a change does at the destination."""

    EXITED = "exited"
    ENTERED = "entered"
    UPDATED = "updated"


class Held(StrEnum):
    """What the destination holds of a key because of us, as far as we know; no row at all means the same as NO."""

    YES = "yes"
    MAYBE = "maybe"
    NO = "no"
    REMOVED = "removed"


class Mode(StrEnum):
    """What an activation does with members: keep equal, only add, or take all out."""

    MAINTAIN = "maintain"
    APPEND = "append"
    REMOVE = "remove"


class Disposition(StrEnum):
    """How a change ended when its sync was folded into the holdings."""

    DELIVERED = "delivered"
    REJECTED = "rejected"  # the destination's reason
    SKIPPED = "skipped"  # ours
    UNKNOWN = "unknown"  # attempted, no definite answer
    PENDING = "pending"  # never attempted
    SILENT = "silent"  # not of the type's kind: known to the holdings, never sent
