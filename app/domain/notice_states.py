"""States of a notice, and the allowed transitions."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class NoticeState(StrEnum):
    """State of a notice, a message to one recipient: the column ``notice.state``.

    | state | can become |
    |---|---|
    | new | sent, failed |
    | sent | |
    | failed | |

    A notice stays ``new`` between its attempts.
    """

    NEW = "new"
    SENT = "sent"
    FAILED = "failed"  # refused for good, or attempted too often

    @property
    def is_open(self) -> bool:
        """Whether the notice will be attempted again."""
        return self is NoticeState.NEW

    def can_become(self, state: NoticeState) -> bool:
        """Return whether the transition to another state is allowed. No state can become itself."""
        return state in TRANSITIONS[self]


TRANSITIONS: Mapping[NoticeState, frozenset[NoticeState]] = {
    NoticeState.NEW: frozenset({NoticeState.SENT, NoticeState.FAILED}),
    NoticeState.SENT: frozenset(),
    NoticeState.FAILED: frozenset(),
}
