"""What a partner has confirmed, by the table of rule A: decided from the requests and responses alone.

This reads nothing of the connectors. It says whom the partner may have confirmed at most.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from app.sandbox.server import Request, Response


@dataclass(frozen=True)
class Exchange:
    """A request, and the response that arrived whole (None: it was cut)."""

    request: Request
    response: Response | None

    @property
    def status(self) -> int:
        return self.response.status if self.response else 0

    @property
    def sent(self) -> Any:
        return parsed(self.request.body)

    @property
    def said(self) -> Any:
        return parsed(self.response.body) if self.response else None


Log = Sequence[Exchange]
Oracle = Callable[[Log, bool], set[str]]  # the log, and whether members exit -> their keys


def parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def field(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def entries(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def webhook(log: Log, exits: bool) -> set[str]:
    """2xx, with any body; rows named in ``rejected`` are rejected."""
    found: set[str] = set()
    for one in log:
        if 200 <= one.status < 300:
            data = one.sent["data"]
            ids = {item["id"] for kind in ("entered", "exited", "updated") for item in data[kind]}
            named = {str(field(entry, "id")) for entry in entries(field(one.said, "rejected"))}
            found |= ids - named
    return found


def talon_one(log: Log, exits: bool) -> set[str]:
    """200 or 204."""
    found: set[str] = set()
    for one in log:
        if one.status in (200, 204):
            if one.request.method == "PUT":
                found.add(one.request.path.rpartition("/")[2])
            else:
                found |= {row["profileIntegrationId"] for row in one.sent["data"]}
    return found


def braze(log: Log, exits: bool) -> set[str]:
    """``message`` is ``success`` (or ``queued``), every error names a row, and the count covers all others."""
    found: set[str] = set()
    for one in log:
        array = "attributes" if "attributes" in one.sent else "events"
        rows = [row["external_id"] for row in one.sent[array]]
        message = str(field(one.said, "message")).strip().lower()
        if not 200 <= one.status < 300 or message not in ("success", "queued"):
            continue
        errors = field(one.said, "errors")
        named = {
            field(entry, "index")
            for entry in entries(errors)
            if number(field(entry, "index")) and field(entry, "input_array") in (array, None)
        }
        others = [
            entry
            for entry in entries(errors)
            if not number(field(entry, "index")) or field(entry, "index") not in named
        ]
        stray = errors and not isinstance(errors, list)
        if stray or others or not named <= set(range(len(rows))):
            continue
        count = field(one.said, f"{array}_processed")
        counted = array == "attributes" and not exits and message == "success"
        whole = count is None or (number(count) and count >= len(rows) - len(named))
        if not counted or whole:
            found |= {row for index, row in enumerate(rows) if index not in named}
    return found


def braze_group(log: Log, exits: bool) -> set[str]:
    """``success``, without errors."""
    found: set[str] = set()
    for one in log:
        message = str(field(one.said, "message")).strip().lower()
        if 200 <= one.status < 300 and message == "success" and not field(one.said, "errors"):
            found |= {
                key for group in one.sent["subscription_groups"] for key in group["external_ids"]
            }
    return found


def klaviyo(log: Log, exits: bool) -> set[str]:
    """Jobs: by their profiles or by their counts. Single calls: an id, and 204 of the list."""
    return _removed(log) if exits else _imported(log) | _single(log)


def _imported(log: Log) -> set[str]:
    found: set[str] = set()
    for start in log:
        job = field(start.said, "data", "id")
        if (
            start.request.path == "/api/profile-bulk-import-jobs"
            and 200 <= start.status < 300
            and job
        ):
            rows = start.sent["data"]["attributes"]["profiles"]["data"]
            emails = {row["attributes"]["email"] for row in rows}
            of_it = [one for one in log if f"/{job}" in one.request.path and one.status == 200]
            found |= _of_job(of_it, f"/{job}", emails)
    return found


def _of_job(log: Log, job: str, emails: set[str]) -> set[str]:
    failed: set[str] = set()
    unmatched = False
    for one in log:
        if one.request.path.endswith("/import-errors"):
            for entry in entries(field(one.said, "data")):
                email = field(entry, "attributes", "original_payload", "email")
                failed |= emails & {email}
                unmatched |= email not in emails
    found: set[str] = set()
    for one in log:
        if one.request.path.endswith(f"{job}/profiles"):
            found |= {
                str(field(entry, "attributes", "email")).lower()
                for entry in entries(field(one.said, "data"))
            }
        counts = [
            field(one.said, "data", "attributes", f"{name}_count")
            for name in ("total", "completed", "failed")
        ]
        done = field(one.said, "data", "attributes", "status") == "complete"
        if one.request.path.endswith(job) and done and all(map(number, counts)):
            total, completed, bad = counts
            if (
                total == len(emails)
                and completed + bad == total
                and bad == len(failed)
                and not unmatched
            ):
                found |= emails
    return (found & emails) - failed


def _ids(log: Log, method: str) -> set[str]:
    """The ids of list calls that were confirmed."""
    return {
        entry["id"]
        for one in log
        if one.request.path.startswith("/api/lists/")
        and one.request.method == method
        and one.status == 204
        for entry in one.sent["data"]
    }


def _single(log: Log) -> set[str]:
    added = _ids(log, "POST")
    return {
        one.sent["data"]["attributes"]["email"]
        for one in log
        if one.request.path == "/api/profile-import"
        and one.status in (200, 201)
        and isinstance(field(one.said, "data", "id"), str)
        and field(one.said, "data", "id") in added
    }


def _removed(log: Log) -> set[str]:
    """Whom a search that was read to its end did not find, or whose profiles were removed with a 204."""
    removed, found = _ids(log, "DELETE"), set()
    searches = [one for one in log if one.request.path == "/api/profiles" and one.status == 200]
    for one in searches:
        for email in (one.request.parameter("filter") or "").split('"')[1::2]:
            ids = {
                entry["id"]
                for other in searches
                for entry in entries(field(other.said, "data"))
                if str(field(entry, "attributes", "email")).lower() == email and field(entry, "id")
            }
            if not ids or ids & removed:
                found.add(email)
    return found
