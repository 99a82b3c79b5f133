"""Notices to users: which changes of state cause one, and the text of the mail."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from app.domain.sync_states import SyncState

#: Attempts to send a notice before it fails.
ATTEMPTS = 8


class NoticeEvent(StrEnum):
    """What a notice reports: the column ``notice.event``, and the values of the delivery option ``notifications.on``."""

    FINISHED = "finished"  # a sync is complete
    FAILED = "failed"  # a sync failed, and the one before it had not
    HELD = "held"  # a sync is on hold until it is approved
    ERROR = "error"  # the activation is paused by an error


#: The event in the content of a test notice, which is about no activation.
TEST_EVENT = "test"
TEST_SUBJECT = "Test notice of the audience activation service"
TEST_BODY = """\
This is a test notice. A user of the audience activation service has asked for it.

Notices of activations reach this address if their delivery option `notifications` names it.
"""

_SUBJECTS: Mapping[str, str] = {
    NoticeEvent.FINISHED: "was delivered",
    NoticeEvent.FAILED: "failed",
    NoticeEvent.HELD: "waits for your approval",
    NoticeEvent.ERROR: "is paused by an error",
}


def event_of(state: str, previous: str | None) -> NoticeEvent | None:
    """Return the event that the end of a sync causes, or None.

    ``previous`` is the final state of the sync before. A failure that follows a failure causes no notice.
    """
    if state == SyncState.COMPLETE:
        return NoticeEvent.FINISHED
    if state == SyncState.FAILED and previous != SyncState.FAILED:
        return NoticeEvent.FAILED
    return None


def subject(event: str, name: str) -> str:
    """Return the subject line of the mail for an activation with this name, without its line breaks."""
    return f"Activation “{' '.join(name.split())}” {_SUBJECTS[event]}"


def body(event: str, content: Mapping[str, Any]) -> str:
    """Return the text of the mail.

    ``content`` is ``{activationId, activationName, syncId, counts?, reason?}``, as stored in ``notice.content``.
    """
    lines = [subject(event, content["activationName"]) + ".", ""]
    if content.get("counts"):
        lines += [f"{key}: {value}" for key, value in content["counts"].items()]
    if content.get("reason"):
        lines += ["", str(content["reason"])]
    lines += ["", f"activation {content['activationId']}"]
    if content.get("syncId"):
        lines.append(f"sync {content['syncId']}")
    return "\n".join(lines) + "\n"
