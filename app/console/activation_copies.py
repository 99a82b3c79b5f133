"""A copy of an activation: the draft of a new one that has all its settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from app.connectors.base import Action, Definition
from app.console.activation_options import configured_action
from app.console.draft import Draft
from app.console.draft_settings import COPIED
from app.console.field_choices import mapped_text
from app.console.option_forms import texts_of
from app.console.visits import Visit
from app.console.words import as_json
from app.domain.frequency import past_fault
from app.services import accounts, activations, reports

_LONGEST = 255  # characters of a name


async def draft_of_copy(visit: Visit, overview: reports.Overview) -> Draft:
    """Return the draft of an activation like this one. It uses the connection, so identifiers and its settings are equal."""
    activation = overview.activation
    of_one = visit.session, visit.space_id, activation.audience_id, activation.id
    options = await activations.get_delivery_options(*of_one)
    newest, _, _ = await activations.list_revisions(*of_one, before=None, limit=1)
    config: Mapping[str, Any] = newest[0].revision.config
    definition = accounts.connector_class(overview.slug).definition
    action = configured_action(definition, config)
    texts = {
        **{name: found for name, found in texts_of(options).items() if any(found)},
        "goal": [_goal(definition, action)],
        "audience": [activation.audience_id, *options.audiences],
        "destination": [activation.destination_id],
        "name": [f"{activation.name[: _LONGEST - 5]} copy"],
        "type": [config["activationType"]],
        "action": [action.id if action else ""],
        "trait": list((config["personalization"].get("profile") or {}).get("properties") or ()),
        **dict(_mapped(config)),
    }
    if others := _other_personalization(config["personalization"]):
        texts[COPIED] = [as_json(others)]
    texts.pop("audiences", None)
    if past_fault(options.frequency, visit.now):
        texts.pop("frequency.moment", None)
    return Draft(texts)


def _goal(definition: Definition, action: Action | None) -> str:
    if definition.whole_plan:
        return "export"
    keeps = action is not None and action.keeps_values and not action.uses_list
    return "attributes" if keeps else "segment"


def _mapped(config: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    settings = (config.get("destinationMapping") or {}).get("settings") or {}
    for name, value in settings.items():
        yield f"map.{name}", [mapped_text(value)]


def _other_personalization(personalization: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the form of a new activation does not show: names of properties, and entities."""
    profile = {
        key: one for key, one in personalization["profile"].items() if key != "properties" and one
    }
    others = {key: one for key, one in personalization.items() if key != "profile" and one}
    return {**({"profile": profile} if profile else {}), **others}
