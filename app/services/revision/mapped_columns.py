"""Columns of members that a revision uses: identifiers as keys, and traits that are sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from app.connectors.base import Definition, IdentityField
from app.domain.normalise import default_normaliser
from app.mapping import paths_read, plain_path
from app.services.revision.action import action_of
from app.services.revision.config import Identifier, Revision
from app.snapshots.engine import KeyField

# Paths of traits in the event that mappings see (docs/architecture.md, “The event that mappings see”).
TRAIT_PATHS = (("traits",), ("properties",), ("context", "traits"))
_ID_PATHS = {("userId",): "user_id", ("anonymousId",): "anonymous_id"}


def key_fields(definition: Definition, revision: Revision) -> Sequence[KeyField]:
    """Return the key fields of the identifier list; empty if the member is the key and the user chose no identifiers.

    If the mapping gives an identity field a plain path, its values come from the column of that path.
    """
    if definition.key == "member" and not revision.identifiers_chosen:
        return ()
    known = {field.external_id: field for field in definition.identity_fields}
    mapped = mapped_identities(definition, revision)
    fields = []
    for entry in revision.identifiers:
        identity = known.get(entry.external_id)
        if identity is None and definition.key == "identifiers":
            continue
        column = mapped.pop(identity.name, None) if identity else None
        fields.append(_key_field(entry, identity, column))
    by_name = {field.name: field for field in definition.identity_fields}
    fields.extend(
        KeyField(external_id=column, normaliser=by_name[name].normaliser, map_to=name)
        for name, column in mapped.items()
    )
    return fields


def _key_field(entry: Identifier, identity: IdentityField | None, column: str | None) -> KeyField:
    """Return the key field of an identifier, whose values come from ``column`` if the mapping names one."""
    return KeyField(
        external_id=column or entry.external_id,
        strategy=entry.strategy,
        normaliser=identity.normaliser if identity else default_normaliser(entry.external_id),
        map_to=entry.map_to or (identity.name if identity else None),
        rule=identity.rule if identity and column is None else None,
    )


def mapped_identities(definition: Definition, revision: Revision) -> dict[str, str]:
    """Return the column by the name of each identity field that the mapping sets by a plain path."""
    columns = {}
    for field in definition.identity_fields:
        pieces = plain_path(revision.mapping.get(field.name))
        column = column_of(tuple(pieces)) if pieces is not None else None
        if column is not None:
            columns[field.name] = column
    return columns


def column_of(pieces: tuple[str, ...]) -> str | None:
    """Return the identifier or trait that a path of the event names, or None if it names neither."""
    if pieces in _ID_PATHS:
        return _ID_PATHS[pieces]
    for prefix in TRAIT_PATHS:
        if pieces[: len(prefix)] == prefix and len(pieces) == len(prefix) + 1:
            return pieces[-1]
    return None


def read_traits(revision: Revision) -> Sequence[str] | None:
    """Return the paths of traits that the mapping reads, such as ``address.city``; None if it may read any trait."""
    found: dict[str, None] = {}
    for keys in paths_read(revision.mapping):
        for prefix in TRAIT_PATHS:
            if keys == prefix[: len(keys)]:
                return None
            if keys[: len(prefix)] == prefix:
                found.setdefault(".".join(keys[len(prefix) :]))
    return sorted(found)


def sent_traits(definition: Definition, revision: Revision) -> dict[str, str]:
    """Return the sent name of each trait that is sent whole: personalised, or named by a field of the action."""
    names = {name: revision.property_names.get(name, name) for name in revision.properties}
    action = action_of(definition, revision)
    for field in action.fields if action else ():
        value = revision.mapping.get(field.key)
        if field.names_traits and isinstance(value, Mapping):
            for key in value:
                names.setdefault(trait := str(key).removeprefix("traits."), trait)
    return names


def named_traits(definition: Definition, revision: Revision) -> Sequence[str]:
    """Return the traits, and paths of traits, that personalization and fields other than those of the identity name."""
    identity = {field.name for field in definition.identity_fields}
    paths = (
        path
        for key, value in revision.mapping.items()
        if key not in identity
        for path in read_traits(replace(revision, mapping={key: value})) or ()
    )
    return tuple(dict.fromkeys([*sent_traits(definition, revision), *paths]))
