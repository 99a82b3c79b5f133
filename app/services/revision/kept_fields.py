"""The fields that a revision sends and a partner keeps, with the traits that each is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from app.connectors.base import Action, Definition
from app.domain.changes import Mode
from app.domain.sent_fields import TRAITS, SentField
from app.mapping import is_plain_data, paths_read, plain_path
from app.services.revision.action import action_of
from app.services.revision.config import Revision
from app.services.revision.mapped_columns import TRAIT_PATHS, sent_traits

_ALL = ""  # the path of all traits
_TEXTS = frozenset({"@template", "@liquid", "@replace", "@case"})


def mapped_fields(definition: Definition, revision: Revision) -> dict[str, Any]:
    """Return the directives by field: the action's defaults and the user's mapping, without constants and identity fields."""
    action = action_of(definition, revision)
    if action is None:
        return {}
    elsewhere = {field.key for field in action.fields if field.constant}
    elsewhere.update(field.name for field in definition.identity_fields)
    mapping = {field.key: field.default for field in action.fields if field.default is not None}
    mapping.update(revision.mapping)
    return {key: value for key, value in mapping.items() if key not in elsewhere}


def fields_by_name(definition: Definition, action: Action | None) -> frozenset[str]:
    """Return the action's fields that take the trait of the same name: neither objects nor constants nor identifiers."""
    identity = {field.name for field in definition.identity_fields}
    return frozenset(
        field.key
        for field in (action.fields if action else ())
        if not field.constant and field.type != "OBJECT" and field.key not in identity
    )


def sent_fields(definition: Definition, revision: Revision) -> tuple[SentField, ...]:
    """Return the fields whose values a partner keeps; none if it keeps no values, as with files and events."""
    action = action_of(definition, revision)
    keeps = action is None or (action.keeps_values and action.carries_properties)
    if definition.whole_plan or revision.mode is Mode.REMOVE or not keeps:
        return ()
    objects = {field.key for field in (action.fields if action else ()) if field.type == "OBJECT"}
    names = sent_traits(definition, revision)
    found = [
        _with_renamed(field, names)
        for key, node in mapped_fields(definition, revision).items()
        for field in _of_node((key,), node, is_object=key in objects)
    ]
    found += _unmapped(definition, revision, action, names)
    return tuple(sorted(found, key=lambda field: field.path))


def text_fields(mapping: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the paths of the fields that a template, or a directive that changes a text, makes."""
    if is_plain_data(mapping):
        return [
            found
            for name, member in mapping.items()
            for found in text_fields(member, (*path, str(name)))
        ]
    return [path] if isinstance(mapping, Mapping) and not _TEXTS.isdisjoint(mapping) else []


def _of_node(path: tuple[str, ...], node: Any, *, is_object: bool = False) -> Iterator[SentField]:
    """Yield the fields of a part of the mapping. Members of written objects are fields of their own."""
    if is_plain_data(node):
        for name, member in node.items():
            yield from _of_node((*path, str(name)), member)
        return
    reads = list(_traits_read(node))
    if reads:
        yield SentField(path, reads, each=is_object, computed=plain_path(node) is None)


def _traits_read(node: Any) -> Iterator[str]:
    for keys in sorted(paths_read({"value": node})):
        for prefix in TRAIT_PATHS:
            if keys == prefix[: len(keys)]:
                yield _ALL
            elif keys[: len(prefix)] == prefix:
                yield ".".join(keys[len(prefix) :])


def _with_renamed(field: SentField, names: Mapping[str, str]) -> SentField:
    """Return the field, which also reads the traits that the event shows under a name that it reads."""
    more = [
        trait + path[len(name) :]
        for trait, name in names.items()
        for path in field.reads
        if trait != name and (path == name or path.startswith(f"{name}."))
    ]
    reads = tuple(dict.fromkeys([*field.reads, *more]))
    return SentField(field.path, reads, field.each, field.computed)


def _unmapped(
    definition: Definition, revision: Revision, action: Action | None, names: Mapping[str, str]
) -> Iterator[SentField]:
    """Yield the fields of traits that are sent under their own names, where ``Renderer`` puts them."""
    carrier = action.properties_field if action else None
    if carrier is not None and carrier in revision.mapping:
        return
    by_name = fields_by_name(definition, action)
    for trait, name in names.items():
        if carrier is None:
            yield SentField((*TRAITS, name), (trait,))
        else:
            yield SentField((name,) if name in by_name else (carrier, name), (trait,))
