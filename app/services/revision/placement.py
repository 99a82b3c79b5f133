"""The places of a revision's keys: list, attribute, and if possible a separate place for each arm of a split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.connectors.base import Definition
from app.domain.options import SplitArm
from app.domain.places import Place, place_of
from app.domain.splits import assign
from app.services.revision.action import action_of, constants
from app.services.revision.config import Revision
from app.snapshots.engine import Arm

DEFAULT_PROPERTY = "split_arm"
OWN_LIST = "list"  # key of ``DestinationConnection.lists``


def uses_list(definition: Definition, revision: Revision) -> bool:
    """Return whether the action writes to the activation's list. Other actions use a list only if it is named."""
    action = action_of(definition, revision)
    return action is None or action.uses_list


def named_settings(definition: Definition, revision: Revision) -> dict[str, str]:
    """Return ``{setting: value}``, the settings that name the place at the partner.

    The mapping takes precedence over the chosen list, and that over the connection's settings.
    """
    sources: list[Mapping[str, Any]] = [constants(definition, revision)]
    on_list = uses_list(definition, revision)
    if on_list and (chosen := revision.list_id) and definition.place_keys:
        sources.append({definition.place_keys[0][0]: chosen})
    if on_list:
        sources.append(revision.connection_settings)
    named = {}
    for names in definition.place_keys:
        values = [source[name] for source in sources for name in names if source.get(name)]
        if values:
            named[names[0]] = str(values[0])
    return named


def place_without_split(
    definition: Definition, revision: Revision, made_lists: Mapping[str, str]
) -> str | None:
    """Return the place of all keys, by its name in plans and holdings. ``made_lists``: those of the connection."""
    usable = made_lists if uses_list(definition, revision) else {}
    place = Place(settings=named_settings(definition, revision))
    return _as_made(place, {OWN_LIST: None}, usable).text


def arms(
    definition: Definition,
    revision: Revision,
    activation_id: str,
    made_lists: Mapping[str, str],
) -> tuple[Arm, ...]:
    """Return the arms of a revision's split, each with its place. ``made_lists``: those of the connection."""
    several = len(revision.sent_arms) > 1
    usable = made_lists if uses_list(definition, revision) else {}
    placed = []
    for arm in revision.split:
        keys = {list_key(activation_id, Place(arm.name)): arm.name, OWN_LIST: None}
        place = _as_made(_place(definition, revision, arm, several=several), keys, usable)
        placed.append(Arm(arm.name, arm.weight, arm.sent, place.text))
    return tuple(placed)


def _as_made(place: Place, arms: Mapping[str, str | None], made_lists: Mapping[str, str]) -> Place:
    """Return the place of a made list if settings name that list, so that members do not move. ``arms``: by list key."""
    named = list(place.settings.values())
    if place.arm is None and len(named) == 1:
        for key, arm in arms.items():
            if made_lists.get(key) == named[0]:
                return Place(arm)
    return place


def _place(definition: Definition, revision: Revision, arm: SplitArm, *, several: bool) -> Place:
    named = named_settings(definition, revision)
    if arm.list_id:
        return Place(settings={**named, definition.place_keys[0][0]: arm.list_id})
    own = several and arms_apart(definition, revision) and not revision.split_property
    return Place(arm.name if own else None, named)


def arms_apart(definition: Definition, revision: Revision) -> bool:
    """Return whether each arm gets a separate place without a setting that names one."""
    action = action_of(definition, revision)
    match definition.arm_places:
        case "lists":
            return uses_list(definition, revision) and not named_settings(definition, revision)
        case "names":
            return action is None or (action.carries_properties and action.uses_list)
        case _:
            return False


def arm_property(definition: Definition, revision: Revision) -> str | None:
    """Return the property in which the arm of a member is sent, or None if the place shows the arm."""
    if not revision.split:
        return None
    if revision.split_property:
        return revision.split_property
    places = [arm.place for arm in arms(definition, revision, "", {}) if arm.sent]
    return DEFAULT_PROPERTY if len(set(places)) < len(places) else None


def arm_of(
    revision: Revision, activation_id: str, place: str | None, profile_id: str
) -> str | None:
    """Return the arm of a key: that of its place, or the one that the split assigns."""
    weights = [(arm.name, float(arm.weight)) for arm in revision.split]
    return place_of(place).arm or assign(activation_id, weights, profile_id)


def settings_at(
    definition: Definition, revision: Revision, place: Place
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return constants and connection settings, each ``{name: value}``, for a place that the revision may no longer name."""
    names = {name for group in definition.place_keys for name in group}
    fixed, settings = (
        {name: value for name, value in given.items() if name not in names}
        for given in (constants(definition, revision), revision.connection_settings)
    )
    return {**fixed, **place.settings}, {**settings, **place.settings}


def list_key(activation_id: str, place: Place) -> str:
    """Return the key of ``DestinationConnection.lists`` for a place: ``list``, or ``<activation>:<arm>``."""
    return f"{activation_id}:{place.arm}" if place.arm is not None else OWN_LIST


def lacks_list(
    definition: Definition,
    revision: Revision,
    made_lists: Mapping[str, str],
    activation_id: str,
    text: str | None,
) -> bool:
    """Return whether a place is a list that the service has still to create at the partner. ``text`` names the place."""
    if definition.arm_places != "lists" or not uses_list(definition, revision):
        return False
    place = place_of(text)
    return not place.settings and list_key(activation_id, place) not in made_lists


def target_of(made_lists: Mapping[str, str], activation_id: str, place: Place) -> str | None:
    """Return the list that was created at the partner for a place, or None if settings name it or none was created."""
    named = bool(place.settings) and place.arm is None
    return None if named else made_lists.get(list_key(activation_id, place))


def list_of(made_lists: Mapping[str, str], activation_id: str, text: str | None) -> str | None:
    """Return the list (or attribute, …) at the partner of a place, named or created, or None if there is none."""
    place = place_of(text)
    return target_of(made_lists, activation_id, place) or next(iter(place.settings.values()), None)


def places_of(
    definition: Definition, revision: Revision, made_lists: Mapping[str, str], activation_id: str
) -> list[str | None]:
    """Return the places that a revision writes to, each once."""
    sent = [arm.place for arm in arms(definition, revision, activation_id, made_lists) if arm.sent]
    return list(dict.fromkeys(sent or [place_without_split(definition, revision, made_lists)]))


def lists_of(
    definition: Definition,
    revision: Revision,
    made_lists: Mapping[str, str],
    activation_id: str,
) -> list[str]:
    """Return the existing lists at the partner that a revision writes to."""
    places = places_of(definition, revision, made_lists, activation_id)
    lists = [list_of(made_lists, activation_id, place) for place in places]
    return [list_id for list_id in lists if list_id is not None]
