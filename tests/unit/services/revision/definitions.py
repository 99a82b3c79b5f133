"""Definitions of destinations and configurations, for tests of the revision package."""

from __future__ import annotations

from typing import Any

from app.connectors.base import Action, ActionField, Definition, IdentityField, IdSync, Preset
from app.services.revision.config import Revision

ENTER = Action(
    "act-enter",
    "enter",
    "Enter",
    "Adds a member.",
    (
        ActionField("title", "Title", "STRING"),
        ActionField("size", "Size", "INTEGER", constant=True),
        ActionField("note", "Note", "STRING", constant=True, allow_null=True),
        ActionField("custom", "Custom", "OBJECT", names_traits=True),
    ),
    properties_field="custom",
)
EVENT = Action("act-event", "event", "Event", "Sends an event.", uses_list=False)


def create_definition(**changes: Any) -> Definition:
    """Create the definition of a destination with lists and two actions."""
    given: dict[str, Any] = {
        "slug": "postcards",
        "name": "Postcards",
        "description": "Prints cards.",
        "metadata_id": "66a1f0c2d4b8e90011aaffff",
        "audience_types": ("USERS",),
        "actions": (ENTER, EVENT),
        "presets": (Preset("act-event", "Events", "Audience Exited"),),
        "identity_fields": (
            IdentityField("email", "email", "email"),
            IdentityField("external_id", "user_id", "text"),
        ),
        "default_id_sync": (IdSync("email", "last"), IdSync("user_id", map_to="external_id")),
        "place_keys": (("listId", "list_id"),),
        "arm_places": "lists",
    }
    return Definition(**{**given, **changes})


def create_revision(**config: Any) -> Revision:
    """Create a revision from the keys of a stored configuration."""
    return Revision.parse({"activationType": "Audience Membership Changed", **config})
