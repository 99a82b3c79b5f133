"""The draft of an activation: what was chosen so far. It is in the query of the page's address, so it survives a reload."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlencode

from app.console.form_values import FormValues
from app.console.visits import Visit

#: The fields of each step, in the order of the steps. ``map.`` stands for all fields that begin with it.
STEPS: Mapping[str, Sequence[str]] = {
    "goal": ("goal",),
    "audiences": ("audience",),
    "schedule": (
        *("frequency", "frequency.at", "frequency.moment", "frequency.zone", "frequency.minutes"),
        *("frequency.expression", "compute", "compute.hour"),
    ),
    "destination": ("destination",),
    "settings": (
        *("name", "type", "action", "list", "mode", "updates", "split", "arm.name", "arm.weight"),
        *(
            "arm.sent",
            "arm.list",
            "split.property",
            "id.name",
            "id.strategy",
            "id.as",
            "trait",
            "map.",
        ),
        *("connection.", "consent", "includedAttribute", "brake", "brake.maxRemovalPercent"),
        *("brake.minRemovals", "brake.holdEmptyFrom", "notifications.emails"),
        *("notifications.destinationId", "notifications.on", "copied"),
    ),
}
LABELS = {
    "goal": "Goal",
    "audiences": "Audiences",
    "schedule": "Schedule",
    "destination": "Destination",
    "settings": "Settings",
}
_FIELDS = tuple(name for names in STEPS.values() for name in names)


class Draft(FormValues):
    """The values of all steps."""

    __slots__ = ()

    def address(self, visit: Visit, step: str, **changes: str | None) -> str:
        """Return the address of a step with this draft. ``changes`` replace values; None removes one."""
        texts: dict[str, Any] = {**self.texts, **changes}
        kept = [(name, value) for name, value in texts.items() if value is not None]
        query = urlencode(kept, doseq=True)
        path = visit.link("activations", "new", step)
        return f"{path}?{query}" if query else path

    def hidden(self, step: str) -> Iterator[tuple[str, str]]:
        """Yield the fields of all other steps, for the form of a step."""
        own = STEPS.get(step, ())
        for name, texts in self.texts.items():
            if not _is_among(name, own):
                yield from ((name, text) for text in texts)


def draft_of(visit: Visit) -> Draft:
    """Return the draft of a visit: of the form that was sent, else of the address."""
    sent: Mapping[str, Sequence[str]] = visit.form or parse_qs(
        visit.request.url.query, keep_blank_values=True, max_num_fields=1000
    )
    found = {
        name: [text for text in texts if "\x00" not in text]
        for name, texts in sent.items()
        if _is_among(name, _FIELDS)
    }
    return Draft(found)


def _is_among(name: str, fields: Sequence[str]) -> bool:
    return any(name == field or (field[-1] == "." and name.startswith(field)) for field in fields)
