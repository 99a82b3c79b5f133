"""What a revision has a destination do: the action that it chose, and the values that are the same for every change."""

from __future__ import annotations

from typing import Any

from app.connectors.base import Action, Definition
from app.services.revision.config import Revision


def action_of(definition: Definition, revision: Revision) -> Action | None:
    """The action that a revision carries out: the one mapped, else the preset of its type, else the first."""
    mapped = revision.action
    wanted = mapped or next(
        (
            preset.action_id
            for preset in definition.presets
            if preset.activation_type == revision.activation_type
        ),
        None,
    )
    actions = {action.id: action for action in definition.actions}
    return actions.get(wanted or "") or next(iter(definition.actions), None)


def constants(definition: Definition, revision: Revision) -> dict[str, Any]:
    """Values that a revision gives to the fields that are constant for an activation; null only where it means something."""
    action = action_of(definition, revision)
    given = revision.mapping
    return {
        field.key: given[field.key]
        for field in (action.fields if action else ())
        if field.constant
        and field.key in given
        and (field.allow_null or given[field.key] is not None)
    }
