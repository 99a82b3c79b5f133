"""Revisions of an activation: what each of them changed, and the return to one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.console.activation_options import change_activation, refuse_unknown_lists
from app.console.revision_texts import Config, Difference, differences
from app.console.visits import Visit
from app.core.errors import Invalid
from app.services import activations, reports

_ROWS = 25
_LONGEST = 9  # digits of a revision's number


@dataclass(frozen=True, slots=True)
class RevisionRow:
    """A revision: what it changed, and what a return to it would change."""

    revision: Any
    changed: Sequence[Difference]
    returned: Sequence[Difference]

    @property
    def kept(self) -> Sequence[str]:
        """The parts that a return leaves as they are."""
        return [one.label for one in self.returned if not one.is_returnable]


@dataclass(frozen=True, slots=True)
class RevisionsContent:
    """A page of revisions, newest first. ``older`` is the number before which the next page begins."""

    rows: Sequence[RevisionRow]
    total: int
    delivered: int | None
    older: int | None


async def revisions_content(visit: Visit, overview: reports.Overview) -> RevisionsContent:
    """Return a page of revisions. Raises Invalid if ``before`` is no number."""
    activation = overview.activation
    before = visit.asked("before")
    found, total, delivered = await activations.list_revisions(
        visit.session,
        visit.space_id,
        activation.audience_id,
        activation.id,
        before=_number(before, "before") if before else None,
        limit=_ROWS + 1,
    )
    current = await _config(visit, activation.audience_id, activation.id, None)
    configs = [one.revision.config for one in found]
    rows = [
        RevisionRow(
            one.revision,
            differences(older, one.revision.config) if older is not None else (),
            differences(current, one.revision.config),
        )
        for one, older in zip(found, [*configs[1:], None], strict=True)
    ]
    shown = rows[:_ROWS]
    older = shown[-1].revision.number if len(rows) > _ROWS else None
    return RevisionsContent(shown, total, delivered, older)


def _number(text: str, field: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST):
        raise Invalid(f'"{field}": must be the number of a version', field=field)
    return int(text)


async def _config(visit: Visit, audience_id: str, activation_id: str, number: int | None) -> Config:
    """Return the configuration of a revision, or of the newest one. Raises Invalid if there is no such revision."""
    found, _, _ = await activations.list_revisions(
        visit.session,
        visit.space_id,
        audience_id,
        activation_id,
        before=number + 1 if number is not None else None,
        limit=1,
    )
    if not found or number not in (None, found[0].revision.number):
        raise Invalid(f"There is no version {number}.", field="revision")
    config: Config = found[0].revision.config
    return config


async def return_to_revision(visit: Visit, audience_id: str, activation_id: str) -> str:
    """Change the activation to the configuration of a revision, by the updates of the API. Returns what was done, in a sentence.

    An update cannot change the action, remove a field of the mapping, or change identifiers and settings of the connection,
    which other activations share. These stay, and the sentence names them. Raises Invalid if nothing else differs.
    """
    number = _number(visit.sent("revision"), "revision")
    wanted = await _config(visit, audience_id, activation_id, number)
    current = await _config(visit, audience_id, activation_id, None)
    found = differences(current, wanted)
    if not any(one.is_returnable for one in found):
        kept = ", ".join(one.label for one in found)
        raise Invalid(
            f"Version {number} differs only in what cannot be returned: {kept}."
            if found
            else f"The settings are those of version {number} already."
        )
    if changes := _option_changes(current, wanted):
        await refuse_unknown_lists(visit, audience_id, activation_id, changes)
        await activations.update_delivery_options(
            visit.session,
            visit.space_id,
            audience_id,
            activation_id,
            changes,
            actor=visit.caller.actor,
            now=visit.now,
        )
    await change_activation(visit, audience_id, activation_id, _activation_changes(current, wanted))
    reached = await _config(visit, audience_id, activation_id, None)
    kept = ", ".join(one.label for one in differences(reached, wanted))
    return f"The settings are those of version {number} again." + (
        f" Not returned: {kept}." if kept else ""
    )


def _option_changes(current: Config, wanted: Config) -> dict[str, Any]:
    """Return the delivery options that differ, by the names of the service."""
    old, new = _options(current), _options(wanted)
    return {name: value for name, value in new.items() if value != old[name]}


def _options(config: Config) -> dict[str, Any]:
    arms, chosen = config.get("split"), config.get("list")
    return {
        "mode": config.get("mode") or "maintain",
        "updates": bool(config.get("updates")),
        "consent": config.get("consent"),
        "audiences": list(config.get("audiences") or ()),
        "included_attribute": (config.get("includedAttribute") or {}).get("name"),
        "list": {"id": chosen["id"]} if chosen else None,
        "split": {"arms": arms, "property": config.get("splitProperty")} if arms else None,
    }


def _activation_changes(current: Config, wanted: Config) -> activations.ActivationChanges:
    """Return what differs outside of the delivery options. Parts that are not sent stay, so those to be emptied are sent empty."""
    personalization = mapping = None
    if current["personalization"] != wanted["personalization"]:
        emptied: Mapping[str, Any] = {"entities": [], "syncEntityPropertyChanges": False}
        missing = {key: one for key, one in emptied.items() if key in current["personalization"]}
        personalization = {**missing, **wanted["personalization"]}
    old, new = current.get("destinationMapping"), wanted.get("destinationMapping")
    if new is not None and (old is None or old["actionId"] == new["actionId"]):
        mapping = new if old != new else None
    return activations.ActivationChanges(personalization=personalization, mapping=mapping)
