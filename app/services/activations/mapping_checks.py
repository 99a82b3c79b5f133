"""Warnings about the names in a revision: traits, paths of the event and fields of the action that do not exist."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.connectors.base import Definition
from app.core.suggestions import did_you_mean, listed, shown_name
from app.domain.column_names import meaning
from app.domain.save_warnings import SaveWarning, WarningCode
from app.mapping import doubts_of, paths_read
from app.services.revision import TRAIT_PATHS, Revision, action_of, arm_property, read_traits
from app.snapshots.membership import IDENTIFIERS

_MAPPING = "/destinationMapping/settings"
_EVENT = ("type", "event", "messageId", "timestamp", "properties", "traits", "context", "userId")
_EVENT_KEYS = (*_EVENT, "anonymousId")
_CONTEXT = ("traits", "personas")


@dataclass(frozen=True, slots=True)
class Members:
    """What events say about members: the columns of each audience, and names that the service adds (keys of audiences)."""

    columns: Sequence[Collection[str]]
    added: Collection[str] = ()

    def lacks(self, name: str) -> bool:
        """Return whether no audience has a trait of this name; False as long as none was computed."""
        if not self.columns or name.partition(".")[0] in self.added:
            return False
        return all(not meaning(name, known)[1] for known in self.columns)

    @property
    def names(self) -> list[str]:
        """The names of all columns, once each."""
        return list(dict.fromkeys(name for known in self.columns for name in known))


def trait_names(revision: Revision) -> Iterator[tuple[str, str]]:
    """Yield each name of a trait in a revision, after the field that names it."""
    for index, name in enumerate(revision.properties):
        yield f"personalization.profile.properties.{index}", name
    for key, value in revision.mapping.items():
        for path in read_traits(replace(revision, mapping={key: value})) or ():
            yield f"{_MAPPING}/{key}", path
    if revision.consent:
        yield "consent", revision.consent


def added_names(definition: Definition, revision: Revision, keys: Collection[str]) -> list[str]:
    """Return the names that the service adds to the traits of events. ``keys`` are those of the audiences."""
    arm = arm_property(definition, revision)
    included = revision.included.name if revision.included else None
    return [*keys, *revision.entities, *(name for name in (arm, included) if name)]


def name_warnings(
    definition: Definition, revision: Revision, members: Members
) -> Iterator[SaveWarning]:
    """Yield a warning for each name in a revision that nothing has."""
    for field, name in dict.fromkeys(trait_names(revision)):
        if members.lacks(name):
            yield _unknown_trait(field, name, members)
    yield from _identifier_warnings(revision, members)
    for key, value in revision.mapping.items():
        yield from _path_warnings(key, value)
        yield from _template_warnings(key, value)
    yield from _part_warnings(revision)
    yield from _field_warnings(definition, revision)


def _unknown_trait(field: str, name: str, members: Members) -> SaveWarning:
    mapped = field.startswith(_MAPPING)
    code = WarningCode.UNKNOWN_PATH if mapped else WarningCode.UNKNOWN_TRAIT
    shown = shown_name(f"traits.{name}" if mapped else name)
    effect = "no member is sent" if field == "consent" else "it has no value"
    return SaveWarning(
        code,
        field,
        f"No audience of this activation has the trait {shown}, so {effect}.{did_you_mean(name, members.names)} "
        f"There are {listed(members.names)}.",
    )


def _identifier_warnings(revision: Revision, members: Members) -> Iterator[SaveWarning]:
    """Yield a warning for each chosen identifier that no audience has."""
    for entry in revision.identifiers if revision.identifiers_chosen else ():
        name = entry.external_id
        if name not in IDENTIFIERS and members.lacks(name):
            known = list(dict.fromkeys((*IDENTIFIERS, *members.names)))
            yield SaveWarning(
                WarningCode.UNKNOWN_IDENTIFIER,
                "idSyncConfiguration",
                f"No audience of this activation has the identifier {shown_name(name)}, so no member has it."
                f"{did_you_mean(name, known)} Identifiers are {listed(IDENTIFIERS)}, and traits.",
            )


def _template_warnings(key: str, value: Any) -> Iterator[SaveWarning]:
    """Yield a warning for each template of one field that begins a name and does not end it."""
    for text in _templates(value):
        if text.count("{{") > text.count("}}"):
            yield SaveWarning(
                WarningCode.UNCLOSED_TEMPLATE,
                f"{_MAPPING}/{key}",
                f"The template {shown_name(text)} begins a name with {{{{ and does not end it, so it is sent as it is written. "
                "End the name with }}.",
            )


def _part_warnings(revision: Revision) -> Iterator[SaveWarning]:
    """Yield a warning for each part of the mapping that fails whenever it is run, or has no effect."""
    for doubt in doubts_of(revision.mapping):
        code = WarningCode.MAPPING_FAILS if doubt.fails else WarningCode.MAPPING_WITHOUT_EFFECT
        pointer = _MAPPING + doubt.location.rstrip("/")
        yield SaveWarning(code, pointer, f"{pointer} {doubt.words}")


def _templates(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        template = value.get("@template")
        if isinstance(template, str):
            yield template
        for item in value.values():
            yield from _templates(item)
    elif isinstance(value, list):
        for item in value:
            yield from _templates(item)


def _path_warnings(key: str, value: Any) -> Iterator[SaveWarning]:
    """Yield a warning for each path of one field that leads beside the event. Liquid templates have names of their own."""
    if "@liquid" in str(value):
        return
    for path in sorted(paths_read({key: value})):
        known = _siblings(path)
        if known:
            shown = shown_name(".".join(path))
            hint = did_you_mean(path[0] if path[0] not in _EVENT_KEYS else path[1], known)
            yield SaveWarning(
                WarningCode.UNKNOWN_PATH,
                f"{_MAPPING}/{key}",
                f"Events have no {shown}, so it has no value.{hint} There are {', '.join(known)}.",
            )


def _siblings(path: Sequence[str]) -> Sequence[str]:
    """Return the names that an event has where a path leaves it; empty for a path within the event."""
    if not path or any(tuple(path[: len(prefix)]) == prefix for prefix in TRAIT_PATHS):
        return ()
    if path[0] not in _EVENT_KEYS:
        return _EVENT_KEYS
    if path[0] == "context" and len(path) > 1 and path[1] not in _CONTEXT:
        return _CONTEXT
    return ()


def _field_warnings(definition: Definition, revision: Revision) -> Iterator[SaveWarning]:
    action = action_of(definition, revision)
    if action is None or revision.action is None:
        return
    known = [field.key for field in action.fields]
    for key in revision.mapping:
        if key not in known:
            yield SaveWarning(
                WarningCode.UNKNOWN_FIELD,
                f"{_MAPPING}/{key}",
                f"The action {action.slug} of {definition.name} has no field {shown_name(key)}, so it is not sent."
                f"{did_you_mean(key, known)} Its fields are {listed(known)}.",
            )
