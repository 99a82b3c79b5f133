"""Where a revision puts its keys: on which list, in which attribute, each arm of a split to itself where that can be."""

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
OWN_LIST = "list"  # under which a connection keeps the list that was made for it


def uses_list(definition: Definition, revision: Revision) -> bool:
    """Whether the activation's list is what a revision's action writes to; others only go by a list that is named."""
    action = action_of(definition, revision)
    return action is None or action.uses_list


def named_settings(definition: Definition, revision: Revision) -> dict[str, str]:
    """Settings that name the activation's place at the partner: the mapping's, else the chosen list, else the connection's."""
    given: list[Mapping[str, Any]] = [constants(definition, revision)]
    on_list = uses_list(definition, revision)
    if on_list and (chosen := revision.list_id) and definition.place_keys:
        given.append({definition.place_keys[0][0]: chosen})
    if on_list:
        given.append(revision.connection_settings)
    named = {}
    for names in definition.place_keys:
        found = [values[name] for values in given for name in names if values.get(name)]
        if found:
            named[names[0]] = str(found[0])
    return named


def place_without_split(
    definition: Definition, revision: Revision, made: Mapping[str, str]
) -> str | None:
    """The place of all keys, by its name in plans and holdings; ``made``: the connection's lists."""
    ours = made if uses_list(definition, revision) else {}
    return _as_made(
        Place(settings=named_settings(definition, revision)), {OWN_LIST: None}, ours
    ).text


def arms(
    definition: Definition,
    revision: Revision,
    activation_id: str,
    made: Mapping[str, str],
) -> tuple[Arm, ...]:
    """The sides of a revision's split, each with its place; ``made``: the connection's lists."""
    several = len(revision.sent_arms) > 1
    ours = made if uses_list(definition, revision) else {}
    found = []
    for arm in revision.split:
        own = {list_key(activation_id, Place(arm.name)): arm.name, OWN_LIST: None}
        place = _as_made(_place(definition, revision, arm, several=several), own, ours)
        found.append(Arm(arm.name, arm.weight, arm.sent, place.text))
    return tuple(found)


def _as_made(place: Place, own: Mapping[str, str | None], made: Mapping[str, str]) -> Place:
    """A list that we made is the same place when it is named: nobody moves. ``own``: arm by key of a list."""
    named = list(place.settings.values())
    if place.arm is None and len(named) == 1:
        for key, arm in own.items():
            if made.get(key) == named[0]:
                return Place(arm)
    return place


def _place(definition: Definition, revision: Revision, arm: SplitArm, *, several: bool) -> Place:
    named = named_settings(definition, revision)
    if arm.list_id:
        return Place(settings={**named, definition.place_keys[0][0]: arm.list_id})
    own = several and arms_apart(definition, revision) and not revision.split_property
    return Place(arm.name if own else None, named)


def arms_apart(definition: Definition, revision: Revision) -> bool:
    """Whether each arm has a place to itself without being told one."""
    action = action_of(definition, revision)
    match definition.arm_places:
        case "lists":
            return uses_list(definition, revision) and not named_settings(definition, revision)
        case "names":
            return action is None or (action.carries_properties and action.uses_list)
        case _:
            return False


def arm_property(definition: Definition, revision: Revision) -> str | None:
    """The name under which an arm travels with its members; None where only its place tells it."""
    if not revision.split:
        return None
    if revision.split_property:
        return revision.split_property
    places = [arm.place for arm in arms(definition, revision, "", {}) if arm.sent]
    return DEFAULT_PROPERTY if len(set(places)) < len(places) else None


def arm_of(
    revision: Revision, activation_id: str, place: str | None, profile_id: str
) -> str | None:
    """The arm that a key belongs to: its place says so, else the split does."""
    weights = [(arm.name, float(arm.weight)) for arm in revision.split]
    return place_of(place).arm or assign(activation_id, weights, profile_id)


def list_key(activation_id: str, place: Place) -> str:
    """Under which a connection keeps the list that was made for a place."""
    return f"{activation_id}:{place.arm}" if place.arm is not None else OWN_LIST


def target_of(made: Mapping[str, str], activation_id: str, place: Place) -> str | None:
    """The list at the partner that was made for a place; None where settings name it, or none was made."""
    named = bool(place.settings) and place.arm is None
    return None if named else made.get(list_key(activation_id, place))


def list_of(made: Mapping[str, str], activation_id: str, text: str | None) -> str | None:
    """The list (attribute, …) at the partner where the keys of a place are, named or made; None where there is none."""
    place = place_of(text)
    return target_of(made, activation_id, place) or next(iter(place.settings.values()), None)


def lists_of(
    definition: Definition, revision: Revision, made: Mapping[str, str], activation_id: str
) -> list[str]:
    """All lists at the partner that a revision writes to, as far as they are there."""
    sides = [arm.place for arm in arms(definition, revision, activation_id, made) if arm.sent]
    places = sides or [place_without_split(definition, revision, made)]
    found = [list_of(made, activation_id, place) for place in dict.fromkeys(places)]
    return [list_id for list_id in found if list_id is not None]
