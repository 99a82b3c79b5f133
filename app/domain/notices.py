"""What people are told: which changes of state are worth a notice, and its words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ATTEMPTS = 8


def event_of(state: str, previous: str | None) -> str | None:
    """The event that a sync's end is; a failure that follows a failure is no news."""
    if state == "complete":
        return "finished"
    if state == "failed" and previous != "failed":
        return "failed"
    return None


def subject(event: str, name: str) -> str:
    """The subject line."""
    words = {
        "finished": "was delivered",
        "failed": "failed",
        "held": "waits for your approval",
        "error": "is paused by an error",
    }
    return f"Activation “{name}” {words[event]}"


def body(event: str, content: Mapping[str, Any]) -> str:
    """The text of a mail."""
    lines = [subject(event, content["activationName"]) + ".", ""]
    if content.get("counts"):
        lines += [f"{key}: {value}" for key, value in content["counts"].items()]
    if content.get("reason"):
        lines += ["", str(content["reason"])]
    lines += ["", f"activation {content['activationId']}"]
    if content.get("syncId"):
        lines.append(f"sync {content['syncId']}")
    return "\n".join(lines) + "\n"
