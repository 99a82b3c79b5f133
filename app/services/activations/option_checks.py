"""Warnings about options of an activation that fit, and have no effect together with its other options."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from app.connectors.base import Definition
from app.core.suggestions import did_you_mean, listed, shown_name
from app.domain.activation_types import kinds_sent
from app.domain.changes import ChangeKind, Mode
from app.domain.names import is_blank
from app.domain.save_warnings import SaveWarning, WarningCode
from app.services.revision import (
    Revision,
    action_of,
    named_settings,
    named_traits,
    read_traits,
    uses_list,
)

_NAMES = "personalization.profile.mapping"
_OF_MODE: Mapping[Mode, Collection[ChangeKind]] = {
    Mode.MAINTAIN: tuple(ChangeKind),
    Mode.APPEND: (ChangeKind.ENTERED, ChangeKind.UPDATED),
    Mode.REMOVE: (ChangeKind.EXITED,),
}
_IN_WORDS = {
    ChangeKind.ENTERED: "additions",
    ChangeKind.EXITED: "removals",
    ChangeKind.UPDATED: "updates",
}


def option_warnings(definition: Definition, revision: Revision) -> Iterator[SaveWarning]:
    """Yield a warning for each option of a revision that has no effect."""
    yield from _kind_warnings(definition, revision)
    yield from _sent_name_warnings(revision)
    yield from _list_warnings(definition, revision)
    yield from _identifier_warnings(definition, revision)


def _kind_warnings(definition: Definition, revision: Revision) -> Iterator[SaveWarning]:
    """Yield a warning if the mode and the type have no kind of change in common, or if no update is ever sent."""
    of_mode = _OF_MODE[revision.mode]
    if revision.sends.isdisjoint(of_mode):
        of_type = kinds_sent(revision.activation_type, updates=revision.updates)
        yield SaveWarning(
            WarningCode.SENDS_NOTHING,
            "mode",
            f"Nothing is ever sent: the mode {revision.mode} has {_words(of_mode)} only, and the type {revision.activation_type} "
            f"sends {_words(of_type)} only. Choose another mode, or create an activation of another type.",
        )
    elif revision.updates and ChangeKind.UPDATED not in of_mode:
        yield _no_effect("updates", f"No update is sent in the mode {revision.mode}.")
    elif revision.updates and not _sends_traits(definition, revision):
        yield _no_effect(
            "updates",
            "No trait is sent, so no change of a trait is an update. Name traits in personalization.profile.properties, or map "
            "them.",
        )


def _sends_traits(definition: Definition, revision: Revision) -> bool:
    named = named_traits(definition, revision) or revision.entities
    return bool(named) or read_traits(revision) is None


def _words(kinds: Collection[ChangeKind]) -> str:
    return " and ".join(words for kind, words in _IN_WORDS.items() if kind in kinds)


def _sent_name_warnings(revision: Revision) -> Iterator[SaveWarning]:
    """Yield a warning for each name under which a trait is sent, if that is not used or cannot arrive."""
    senders: dict[str, str] = {}
    for trait in revision.properties:
        name = revision.property_names.get(trait, trait)
        if name in senders and senders[name] != trait:
            yield _no_effect(
                f"{_NAMES}.{trait}",
                f"{shown_name(senders[name])} and {shown_name(trait)} are both sent as {shown_name(name)}, so only one of them "
                "arrives. Give one of them another name.",
            )
        senders.setdefault(name, trait)
    for trait, name in revision.property_names.items():
        field = f"{_NAMES}.{trait}"
        if trait not in revision.properties:
            yield _no_effect(
                field,
                f"The trait {shown_name(trait)} is not sent, so its name {shown_name(name)} is not used."
                f"{did_you_mean(trait, revision.properties)} Add it to personalization.profile.properties, which has "
                f"{listed(revision.properties) or 'none'}.",
            )
        elif is_blank(name):
            yield _no_effect(
                field,
                f"The trait {shown_name(trait)} is sent under a name without a visible character.",
            )


def _list_warnings(definition: Definition, revision: Revision) -> Iterator[SaveWarning]:
    """Yield a warning if the chosen list is not the one that is written to."""
    action = action_of(definition, revision)
    if revision.list_id is None or not definition.place_keys:
        return
    if not uses_list(definition, revision):
        named = f" {action.slug}" if action else ""
        yield _no_effect("list", f"The action{named} writes to no list, so the list is not used.")
        return
    used = named_settings(definition, revision).get(definition.place_keys[0][0])
    if used is not None and used != revision.list_id:
        yield _no_effect(
            "list",
            f"The list {shown_name(revision.list_id)} is not used, because the mapping names {shown_name(used)}. Leave one out.",
        )


def _identifier_warnings(definition: Definition, revision: Revision) -> Iterator[SaveWarning]:
    """Yield a warning for each chosen identifier that the partner has no field for, or whose field another one takes."""
    names = {field.external_id: field.name for field in definition.identity_fields}
    closed = definition.key == "identifiers"
    taken: dict[str, str] = {}
    for entry in revision.identifiers if revision.identifiers_chosen else ():
        shown = shown_name(entry.external_id)
        name = entry.map_to or names.get(entry.external_id, entry.external_id)
        if closed and entry.external_id not in names:
            words = (
                f"{definition.name} knows members by {listed(names)} only, so {shown} is not used. Map it to one of the fields "
                f"{listed(names.values())} of the action instead."
            )
        elif closed and name not in names.values():
            words = (
                f"{definition.name} has no field {shown_name(name)} for identifiers. Leave mapTo of {shown} out, or name one of "
                f"{listed(names.values())}."
            )
        elif name in taken:
            words = f"{taken[name]} and {shown} are both sent as {shown_name(name)}; only the first that has a value arrives."
        else:
            taken[name] = shown
            continue
        yield _no_effect("idSyncConfiguration", words)


def _no_effect(field: str, words: str) -> SaveWarning:
    return SaveWarning(WarningCode.OPTION_WITHOUT_EFFECT, field, words)
