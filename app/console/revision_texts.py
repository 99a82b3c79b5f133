"""Configurations in words: what differs between two revisions of an activation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.console.code_words import code_words
from app.console.words import as_json
from app.domain.differences import differing
from app.domain.setting_labels import setting_label

Config = Mapping[str, Any]
_LABELS = {
    "activationType": "Type",
    "mode": "Mode",
    "updates": "Changed properties",
    "list": "List",
    "consent": "Consent",
    "audiences": "Further audiences",
    "includedAttribute": "Included-in attribute",
    "split": "Split",
    "splitProperty": "Property with the part",
    "idSync": "Identifiers",
    "displayName": "Display name",
}
_HIDDEN = ("idSyncGiven",)
_MAPPED = "Field "  # of the mapping
_SETTING = "Setting "


@dataclass(frozen=True, slots=True)
class Difference:
    """A part of the configuration with its text before and after; an empty text is nothing.

    ``is_returnable`` says whether an update of the activation can bring ``after`` about.
    """

    label: str
    before: str
    after: str
    is_returnable: bool = True


def differences(before: Config, after: Config) -> Sequence[Difference]:
    """Return what differs between two configurations, in the order of the labels."""
    old, new = dict(_texts(before)), dict(_texts(after))
    return [
        Difference(label, old.get(label, ""), new.get(label, ""), _can_return(label, new))
        for label in differing(old, new, lambda one, other: (one or "") == (other or ""))
    ]


def _can_return(label: str, new: Mapping[str, str]) -> bool:
    """Return whether an update can change a part: fields stay in a mapping; identifiers and settings are the connection's."""
    if label.startswith(_MAPPED):
        return label in new
    return not label.startswith(_SETTING) and label not in (
        "Action",
        "Identifiers",
        "Type",
        "Display name",
    )


def _texts(config: Config) -> Iterator[tuple[str, str]]:
    """Yield the label and the text of each part that is not empty."""
    for key, value in config.items():
        if key in _HIDDEN or value in (None, False, "", [], {}):
            continue
        match key:
            case "personalization":
                yield from _personalized(value)
            case "destinationMapping":
                yield "Action", str(value["actionId"])
                for name, mapped in (value.get("settings") or {}).items():
                    yield f"{_MAPPED}{name}", "not sent" if mapped is None else _text(mapped)
            case "connectionSettings":
                for name, one in value.items():
                    yield f"{_SETTING}{setting_label(name)} of the connection ({name})", _text(one)
            case _:
                yield _LABELS.get(key, key), _part(key, value)


def _part(key: str, value: Any) -> str:
    match key:
        case "split":
            return ", ".join(_arm(arm) for arm in value)
        case "idSync":
            return ", ".join(_identifier(one) for one in value)
        case "list":
            return str(value.get("name") or value.get("id"))
        case "includedAttribute":
            return str(value["name"])
        case "updates":
            return "sent again"
        case "mode":
            return code_words(value, "mode")
        case _:
            return _text(value)


def _arm(arm: Mapping[str, Any]) -> str:
    own = f", list {arm['list']['id']}" if arm.get("list") else ""
    return f"{arm['name']} {arm['weight']:g}{'' if arm.get('sent', True) else ' (not sent)'}{own}"


def _identifier(one: Mapping[str, Any]) -> str:
    sent_as = f" as {one['mapTo']}" if one.get("mapTo") else ""
    return f"{one['externalId']} ({code_words(one['strategy'], 'strategy')}){sent_as}"


def _personalized(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    profile = value.get("profile") or {}
    if properties := profile.get("properties"):
        yield "Properties", _text(properties)
    for name, sent_as in (profile.get("mapping") or {}).items():
        yield f"Name of {name}", _text(sent_as)
    for one in value.get("entities") or ():
        yield f"Properties of {one['relationshipSlug']}", _text(one["properties"])
    if value.get("syncEntityPropertyChanges"):
        yield "Changed properties of entities", "sent"


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return as_json(value)
