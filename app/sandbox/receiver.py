"""The webhook receiver: verifies signatures, drops repeated messages, and keeps one list per activation."""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import orjson

from app.sandbox.server import Request, Response, json_response
from app.sandbox.tally import KEPT_VIOLATIONS

TOLERANCE = 300  # allowed difference between a timestamp and the current time, in seconds
KEPT_IDS = 200_000
COUNTERS = (
    "messages",
    "tests",
    "repeats",
    "changed_repeats",  # a repeated id with other bytes, which breaks the service's promise
    "unverified",
    "bad_signatures",
    "entered",
    "exited",
    "updated",
    "redundant",  # a member entered twice, or exited without having entered
    "inversions",  # an older message arrived after a newer one about the member
    "dropped_by_seq",
)


@dataclass(slots=True)
class ReceivedList:
    """The list of one activation."""

    id: str
    audience_key: str = ""
    name: str = ""
    members: dict[str, dict[str, Any]] = field(default_factory=dict)
    last_seq: dict[str, int] = field(default_factory=dict)  # also of members that have left
    seq: int = 0


class WebhookReceiver:
    """One receiver for any number of activations and paths.

    ``secrets`` holds secrets by path; ``*`` means all other paths. Messages to a path without secrets are accepted
    without verification, and counted.
    """

    name = "webhook"
    title = "Webhook receiver"
    lists_title = "Lists"
    settings_hint = "this URL with any path as url"

    def __init__(self, *, secrets: dict[str, list[str]] | None = None) -> None:
        self.secrets: dict[str, list[bytes]] = {}
        for path, values in (secrets or {}).items():
            self.set_secrets(path, values)
        self.honour_seq = False
        self.refused: dict[str, str] = {}
        self.reset()

    def reset(self) -> None:
        """Delete all lists and message ids, and reset the counters."""
        self._lists: dict[str, ReceivedList] = {}
        self._seen: OrderedDict[str, tuple[bytes, list[dict[str, str]]]] = OrderedDict()
        self._counts = dict.fromkeys(COUNTERS, 0)
        self.violations: list[dict[str, str]] = []

    def set_secrets(self, path: str, secrets: list[str]) -> None:
        """Set the secrets that may sign messages to a path."""
        self.secrets[path] = [_key(secret) for secret in secrets]

    def handle(self, request: Request) -> Response:
        """Verify one message and apply it to its list."""
        if request.method not in ("POST", "PUT", "PATCH"):
            return self._broken(request, 405, "use POST, PUT or PATCH")
        problem = self._signature_problem(request)
        if problem:
            self._counts["bad_signatures"] += 1
            return self._broken(request, 401, problem)
        try:
            message = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            return self._broken(request, 400, "not JSON")
        if isinstance(message, dict) and message.get("type") == "webhook.test":
            self._counts["tests"] += 1
            return json_response(200, {"ok": True})
        if request.ignore:
            return json_response(200, {"ok": True})
        self._counts["messages"] += 1
        message_id = request.headers.get("webhook-id", "")
        digest = hmac.digest(b"body", request.body, "sha256")
        if message_id in self._seen:
            return self._repeated(request, digest, *self._seen[message_id])
        rejected = self._apply(message)
        if message_id:
            self._seen[message_id] = (digest, rejected)
            if len(self._seen) > KEPT_IDS:
                self._seen.popitem(last=False)
        return _accepted(rejected)

    def _signature_problem(self, request: Request) -> str | None:
        keys = self.secrets.get(request.path, self.secrets.get("*"))
        if keys is None:
            self._counts["unverified"] += 1
            return None
        message_id = request.headers.get("webhook-id", "")
        timestamp = request.headers.get("webhook-timestamp", "")
        given = request.headers.get("webhook-signature", "").split()
        if not message_id or not timestamp.isdecimal() or not given:
            return "the webhook-* headers are missing"
        if abs(time.time() - int(timestamp)) > TOLERANCE:
            return "the timestamp is too far from now"
        signed = f"{message_id}.{timestamp}.".encode() + request.body
        for key in keys:
            digest = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
            if any(hmac.compare_digest(f"v1,{digest}", signature) for signature in given):
                return None
        return "no signature matches"

    def _broken(self, request: Request, status: int, problem: str) -> Response:
        self._add_violation(request, problem)
        return json_response(status, {"error": problem})

    def _add_violation(self, request: Request, fault: str) -> None:
        if len(self.violations) < KEPT_VIOLATIONS:
            self.violations.append({"request": f"{request.method} {request.url}", "fault": fault})

    def _repeated(
        self, request: Request, digest: bytes, seen: bytes, rejected: list[dict[str, str]]
    ) -> Response:
        """Repeat the first response, because a sender that did not receive it must learn who was rejected."""
        self._counts["repeats"] += 1
        if seen != digest:
            self._counts["changed_repeats"] += 1
            self._add_violation(request, "a repeated webhook-id with another body")
        return _accepted(rejected, repeat=True)

    def _apply(self, message: Any) -> list[dict[str, str]]:
        data = message.get("data") if isinstance(message, dict) else None
        if isinstance(data, dict) and "activationId" in data:
            return self._apply_batch(data)
        if isinstance(message, dict):
            self._apply_event(message)
        return []

    def _apply_batch(self, data: dict[str, Any]) -> list[dict[str, str]]:
        audience = data.get("audience") or {}
        found = self._list(
            str(data["activationId"]), audience.get("key", ""), audience.get("name", "")
        )
        seq = int(data.get("seq") or 0)
        found.seq = max(found.seq, seq)
        rejected = []
        for kind in ("exited", "entered", "updated"):
            for item in data.get(kind) or ():
                reason = self.refused.get(item["id"])
                if reason is not None:
                    rejected.append({"id": item["id"], "reason": reason})
                else:
                    self._change(found, kind, item, seq)
        return rejected

    def _change(self, changed: ReceivedList, kind: str, item: dict[str, Any], seq: int) -> None:
        member_id = item["id"]
        self._counts[kind] += 1
        if seq < changed.last_seq.get(member_id, 0):
            self._counts["inversions"] += 1
            if self.honour_seq:
                self._counts["dropped_by_seq"] += 1
                return
        changed.last_seq[member_id] = seq
        if kind == "exited":
            if changed.members.pop(member_id, None) is None:
                self._counts["redundant"] += 1
            return
        if kind == "entered" and member_id in changed.members:
            self._counts["redundant"] += 1
        item["seq"] = seq
        changed.members[member_id] = item

    def _apply_event(self, event: dict[str, Any]) -> None:
        """Apply a single event. The property with the audience's key says whether the member is in the audience."""
        personas = (event.get("context") or {}).get("personas") or {}
        key = personas.get("computation_key")
        if not key:
            return
        found = self._list(str(personas.get("computation_id") or key), key, key)
        inside = (event.get("properties") or event.get("traits") or {}).get(key, True)
        member = {
            "id": str(event.get("userId") or event.get("anonymousId")),
            "identifiers": (event.get("context") or {}).get("externalIds") or [],
            "traits": event.get("traits") or {},
        }
        self._change(found, "entered" if inside else "exited", member, int(event.get("seq") or 0))

    def _list(self, list_id: str, key: str, name: str) -> ReceivedList:
        found = self._lists.get(list_id)
        if found is None:
            found = self._lists[list_id] = ReceivedList(list_id, key, name)
        return found

    def lists(self) -> list[dict[str, Any]]:
        """Return ``[{"id", "audienceKey", "name", "seq", "members"}]``, one list for each activation."""
        return [
            {
                "id": one.id,
                "audienceKey": one.audience_key,
                "name": one.name,
                "seq": one.seq,
                "members": len(one.members),
            }
            for one in self._lists.values()
        ]

    def members(self, list_id: str) -> list[dict[str, Any]] | None:
        """Return the members of a list: ``[{"id", "identifiers", "traits", "seq"}]``, or None if there is no such list.

        ``list_id`` is an activation's id, or an audience's key; a key means the newest activation of the audience.
        """
        found = self._lists.get(list_id)
        if found is None:
            named = [one for one in self._lists.values() if one.audience_key == list_id]
            if not named:
                return None
            found = named[-1]
        return list(found.members.values())

    def stats(self) -> dict[str, Any]:
        """Return ``{counter: number}`` for all names in COUNTERS."""
        return dict(self._counts)

    def control(self, method: str, path: list[str], request: Request) -> Response | None:
        """Change the receiver.

        ``secrets`` {path, secrets}, ``rejections`` {ids, reason}, ``settings`` {honourSeq}. Returns None for another
        operation.
        """
        if method not in ("POST", "PUT"):
            return None
        given = request.json()
        match path:
            case ["secrets"]:
                self.set_secrets(given.get("path", "*"), given["secrets"])
            case ["rejections"]:
                reason = given.get("reason", "not wanted here")
                self.refused = dict.fromkeys(given["ids"], reason)
            case ["settings"]:
                self.honour_seq = bool(given.get("honourSeq"))
            case _:
                return None
        return json_response(200, {"ok": True})


def _accepted(rejected: list[dict[str, str]], **more: bool) -> Response:
    return json_response(200, {"ok": True, **more, **({"rejected": rejected} if rejected else {})})


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise ValueError("a secret must be whsec_ followed by base64") from error
