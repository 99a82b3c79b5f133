"""The machine's destinations: the webhook, and a list of identifiers; and a receiver that records each sync's changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from app.connectors import registry
from app.connectors.base import Definition, IdentityField
from app.connectors.destinations.webhook.connector import WebhookConnector
from app.sandbox.receiver import ReceivedList, WebhookReceiver
from app.sandbox.server import Request, Response

SLUG = "identifier-list"
REFUSED = "not here"  # why the receiver refuses a member


class IdentifierList(WebhookConnector):
    """A partner with addresses and user ids instead of profiles. It uses the webhook's messages."""

    definition: ClassVar[Definition] = replace(
        WebhookConnector.definition,
        slug=SLUG,
        name="List of identifiers",
        metadata_id="66a1f0c2d4b8e90011aa00ff",
        key="identifiers",
        identity_fields=(
            IdentityField("email", "email", "email"),
            IdentityField("user_id", "user_id"),
        ),
        aliases=(),
    )


@contextmanager
def identifier_list(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install the destination as if another package provided it."""
    info = folder / "identifier_list-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: identifier-list\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[{registry.ENTRY_POINTS}]\n{SLUG} = {__name__}:{IdentifierList.__name__}\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    registry.registry.cache_clear()
    yield
    registry.registry.cache_clear()


@dataclass
class Heard:
    """The changes of one sync that arrived, each with the id of its message."""

    changes: dict[tuple[str, str], str] = field(default_factory=dict)  # kind and id -> message
    twice: list[tuple[str, str]] = field(default_factory=list)  # in two messages


class Ledger(WebhookReceiver):
    """A receiver that records the changes of each sync."""

    def __init__(self, secret: str) -> None:
        super().__init__(secrets={"*": [secret]})
        self.heard: dict[int, Heard] = {}
        self._message = ""

    def handle(self, request: Request) -> Response:
        """Handle one message."""
        self._message = request.headers.get("webhook-id", "")
        return super().handle(request)

    def _apply_batch(self, data: dict[str, Any]) -> list[dict[str, str]]:
        heard = self.heard.setdefault(int(data["seq"]), Heard())
        for kind in ("exited", "entered", "updated"):
            for item in data.get(kind) or ():
                change = (kind, item["id"])
                if heard.changes.setdefault(change, self._message) != self._message:
                    heard.twice.append(change)
        return super()._apply_batch(data)

    def _change(self, held: ReceivedList, kind: str, item: dict[str, Any], seq: int) -> None:
        # As with some partners, an update does not add a member.
        if kind != "updated" or item["id"] in held.members:
            super()._change(held, kind, item, seq)

    def fill(self, activation: str, items: Mapping[str, Mapping[str, Any]]) -> None:
        """Add members to the list of an activation, as if a user had uploaded them at the partner."""
        self._list(activation, "buyers", "Buyers").members.update(
            {key: dict(item) for key, item in items.items()}
        )

    def listed(self, activation: str) -> dict[str, dict[str, Any]]:
        """Return the list of an activation as ``{id: {"id", "identifiers", "traits"}}``."""
        return {
            item["id"]: {key: item[key] for key in ("id", "identifiers", "traits")}
            for item in self.members(activation) or ()
        }
