"""The webhook receiver: verifies signatures, drops repeats, keeps a list for each activation."""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import orjson

from app.sandbox.server import Answer, Request, json_answer

TOLERANCE = 300  # seconds that a timestamp may be off
KEPT_IDS = 200_000
COUNTERS = (
    "messages",
    "tests",
    "repeats",
    "changed_repeats",  # the same id with other bytes: a broken promise
    "unverified",
    "bad_signatures",
    "entered",
    "exited",
    "updated",
    "redundant",  # entered though there, exited though gone
    "inversions",  # older news after newer about the same member
    "dropped_by_seq",
)


@dataclass(slots=True)
class ReceivedList:
    """What one activation has told us."""

    id: str
    audience_key: str = ""
    name: str = ""
    members: dict[str, dict[str, Any]] = field(default_factory=dict)
    last_seq: dict[str, int] = field(default_factory=dict)  # those that left too
    seq: int = 0


class WebhookReceiver:
    """One receiver for any number of activations and paths.

    ``secrets`` by path (``*`` for every other path); a path without one is taken unverified and counted.
    """

    name = "webhook"

    def __init__(self, *, secrets: dict[str, list[str]] | None = None) -> None:
        self.secrets: dict[str, list[bytes]] = {}
        for path, values in (secrets or {}).items():
            self.set_secrets(path, values)
        self.honour_seq = False
        self.refused: dict[str, str] = {}
        self.reset()

    def reset(self) -> None:
        """Forget lists, ids and counters."""
        self._lists: dict[str, ReceivedList] = {}
        self._seen: OrderedDict[str, tuple[bytes, list[dict[str, str]]]] = OrderedDict()
        self._counts = dict.fromkeys(COUNTERS, 0)

    def set_secrets(self, path: str, secrets: list[str]) -> None:
        """The secrets that may sign what comes to a path."""
        self.secrets[path] = [_key(secret) for secret in secrets]

    def handle(self, request: Request) -> Answer:
        """Take one message."""
        if request.method not in ("POST", "PUT", "PATCH"):
            return json_answer(405, {"error": "post here"})
        problem = self._signature_problem(request)
        if problem:
            self._counts["bad_signatures"] += 1
            return json_answer(401, {"error": problem})
        try:
            message = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            return json_answer(400, {"error": "not JSON"})
        if isinstance(message, dict) and message.get("type") == "webhook.test":
            self._counts["tests"] += 1
            return json_answer(200, {"ok": True})
        if request.ignore:
            return json_answer(200, {"ok": True})
        self._counts["messages"] += 1
        message_id = request.headers.get("webhook-id", "")
        digest = hmac.digest(b"body", request.body, "sha256")
        if message_id in self._seen:
            return self._repeated(digest, *self._seen[message_id])
        rejected = self._apply(message)
        if message_id:
            self._seen[message_id] = (digest, rejected)
            if len(self._seen) > KEPT_IDS:
                self._seen.popitem(last=False)
        return _taken(rejected)

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
        return "no signature fits"

    def _repeated(self, digest: bytes, seen: bytes, rejected: list[dict[str, str]]) -> Answer:
        """The answer of the first time: whoever did not hear it must learn who was refused."""
        self._counts["repeats"] += 1
        if seen != digest:
            self._counts["changed_repeats"] += 1
        return _taken(rejected, repeat=True)

    def _apply(self, message: Any) -> list[dict[str, str]]:
        data = message.get("data") if isinstance(message, dict) else None
        if isinstance(data, dict) and "activationId" in data:
            return self._apply_batch(data)
        if isinstance(message, dict):
            self._apply_event(message)
        return []

    def _apply_batch(self, data: dict[str, Any]) -> list[dict[str, str]]:
        audience = data.get("audience") or {}
        held = self._list(
            str(data["activationId"]), audience.get("key", ""), audience.get("name", "")
        )
        seq = int(data.get("seq") or 0)
        held.seq = max(held.seq, seq)
        rejected = []
        for kind in ("exited", "entered", "updated"):
            for item in data.get(kind) or ():
                reason = self.refused.get(item["id"])
                if reason is not None:
                    rejected.append({"id": item["id"], "reason": reason})
                else:
                    self._change(held, kind, item, seq)
        return rejected

    def _change(self, held: ReceivedList, kind: str, item: dict[str, Any], seq: int) -> None:
        member_id = item["id"]
        self._counts[kind] += 1
        if seq < held.last_seq.get(member_id, 0):
            self._counts["inversions"] += 1
            if self.honour_seq:
                self._counts["dropped_by_seq"] += 1
                return
        held.last_seq[member_id] = seq
        if kind == "exited":
            if held.members.pop(member_id, None) is None:
                self._counts["redundant"] += 1
            return
        if kind == "entered" and member_id in held.members:
            self._counts["redundant"] += 1
        item["seq"] = seq
        held.members[member_id] = item

    def _apply_event(self, event: dict[str, Any]) -> None:
        """The single-event form: the audience's key among the properties says in or out."""
        personas = (event.get("context") or {}).get("personas") or {}
        key = personas.get("computation_key")
        if not key:
            return
        held = self._list(str(personas.get("computation_id") or key), key, key)
        inside = (event.get("properties") or event.get("traits") or {}).get(key, True)
        member = {
            "id": str(event.get("userId") or event.get("anonymousId")),
            "identifiers": (event.get("context") or {}).get("externalIds") or [],
            "traits": event.get("traits") or {},
        }
        self._change(held, "entered" if inside else "exited", member, int(event.get("seq") or 0))

    def _list(self, list_id: str, key: str, name: str) -> ReceivedList:
        found = self._lists.get(list_id)
        if found is None:
            found = self._lists[list_id] = ReceivedList(list_id, key, name)
        return found

    def lists(self) -> list[dict[str, Any]]:
        """One for each activation."""
        return [
            {
                "id": held.id,
                "audienceKey": held.audience_key,
                "name": held.name,
                "seq": held.seq,
                "members": len(held.members),
            }
            for held in self._lists.values()
        ]

    def members(self, list_id: str) -> list[dict[str, Any]] | None:
        """Members of the list of an activation, or of an audience's key (the activation that came last)."""
        found = self._lists.get(list_id)
        if found is None:
            named = [held for held in self._lists.values() if held.audience_key == list_id]
            if not named:
                return None
            found = named[-1]
        return list(found.members.values())

    def stats(self) -> dict[str, Any]:
        """Counters; ``inversions`` counts older news that arrived after newer about the same member."""
        return dict(self._counts)

    def control(self, method: str, path: list[str], request: Request) -> Answer | None:
        """``secrets`` {path, secrets}, ``rejections`` {ids, reason}, ``settings`` {honourSeq}."""
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
        return json_answer(200, {"ok": True})


def _taken(rejected: list[dict[str, str]], **more: bool) -> Answer:
    return json_answer(200, {"ok": True, **more, **({"rejected": rejected} if rejected else {})})


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise ValueError("a secret is whsec_ and base64") from error
