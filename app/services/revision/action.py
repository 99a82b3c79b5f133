"""The action of a revision, and the values that are the same for every change."""

from __future__ import annotations

from typing import Any

from app.connectors.base import Action, Definition
from app.services.revision.config import Revision


def action_of(definition: Definition, revision: Revision) -> Action | None:
    """Return the action of a revision: the mapped one, or the preset of its type, or the destination's first."""
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
    """Return the value of each constant field that the mapping sets. Null is included only if the field allows it."""
    action = action_of(definition, revision)
    mapping = revision.mapping
    return {
        field.key: mapping[field.key]
        for field in (action.fields if action else ())
        if field.constant
        and field.key in mapping
        and (field.allow_null or mapping[field.key] is not None)
    }
