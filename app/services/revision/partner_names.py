"""The places of a revision by the names that the partner knows: other activations may write there too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.connectors.base import Connector, Definition, SharesPlaces, Site
from app.domain.places import place_of
from app.services.revision.action import action_of
from app.services.revision.config import Revision
from app.services.revision.placement import (
    list_key,
    places_of,
    settings_at,
    target_of,
    uses_list,
)


def partner_places(
    connector: type[Connector],
    revision: Revision,
    *,
    activation_id: str,
    connection_id: str | None,
    audience_key: str,
    made_lists: Mapping[str, str],
) -> dict[str | None, Sequence[str]]:
    """Return ``{place: names}`` of the places that a revision writes to, by their names in plans and holdings.

    Names are those of the connector, such as ``list:AbC123``. A list that is not created yet is named after the
    connection and the arm that it will be created for. Empty if the partner has no places that activations can share.
    """
    able: Any = connector
    if not isinstance(able, SharesPlaces):
        return {}
    definition = connector.definition
    found: dict[str | None, Sequence[str]] = {}
    for text in places_of(definition, revision, made_lists, activation_id):
        site = _site(definition, revision, text, activation_id, audience_key, made_lists)
        found[text] = able.places_of(site) or _to_be_made(
            definition, revision, text, f"{connection_id}:{list_key(activation_id, place_of(text))}"
        )
    return found


def _site(
    definition: Definition,
    revision: Revision,
    text: str | None,
    activation_id: str,
    audience_key: str,
    made_lists: Mapping[str, str],
) -> Site:
    place, action = place_of(text), action_of(definition, revision)
    fixed, settings = settings_at(definition, revision, place)
    target = target_of(made_lists, activation_id, place)
    return Site(
        action.id if action else None, audience_key, settings, fixed, target=target, arm=place.arm
    )


def _to_be_made(
    definition: Definition, revision: Revision, text: str | None, name: str
) -> Sequence[str]:
    makes_lists = definition.arm_places == "lists" and uses_list(definition, revision)
    return (f"made:{name}",) if makes_lists and not place_of(text).settings else ()
