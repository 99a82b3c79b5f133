"""What a revision means for a plan: the specification that the engine works by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from app.connectors.base import Definition
from app.domain.changes import ChangeKind, Mode
from app.mapping import plain_path
from app.services.revision import placement
from app.services.revision.action import action_of
from app.services.revision.config import Revision
from app.snapshots.engine import Arm, KeyField, PlanSpec

# Where an event that mappings see carries traits (docs/architecture.md, “The event that mappings see”).
_TRAIT_PATHS = (("traits",), ("properties",), ("context", "traits"))
_ID_PATHS = {("userId",): "user_id", ("anonymousId",): "anonymous_id"}

# Beside the specification: bodies name the audience, and a retry must have the same bytes after it was renamed.
AUDIENCE_NAME = "audienceName"
# Likewise: somebody leaves under one key and enters under another, and to the partner both may be one member.
EXITS_FIRST = "exitsFirst"
# Likewise: where each batch writes, as first row and place, for each row at which the place changes.
PLACES = "places"


def build_plan_spec(
    definition: Definition,
    revision: Revision,
    *,
    kind: str,
    sync_number: int,
    activation_id: str,
    max_rows: int,
    made: Mapping[str, str],
    retry_refused: bool = False,
) -> PlanSpec:
    """The specification of one sync's plan under a revision; ``made``: the connection's lists."""
    told = placement.arm_property(definition, revision) is not None
    return PlanSpec(
        key=definition.key,
        mode=revision.mode,
        sends=revision.sends,
        fields=key_fields(definition, revision),
        traits=used_traits(definition, revision),
        consent=revision.consent,
        place=placement.place_without_split(definition, revision, made),
        arms=placement.arms(definition, revision, activation_id, made),
        split_seed=activation_id,
        tells_arms=told and ChangeKind.ENTERED in revision.sends,
        resync=kind == "resync",
        baseline=kind == "baseline",
        retry_refused=retry_refused,
        entities=revision.entities,
        sync_number=sync_number,
        max_rows=max_rows,
        max_bytes=definition.max_bytes,
        whole_plan=definition.whole_plan,
    )


def key_fields(definition: Definition, revision: Revision) -> Sequence[KeyField]:
    """The effective identifier list, compiled; empty where the member is the key and nobody chose.

    Where the mapping says by a plain path what an identity field takes, its values come from there.
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
        source = mapped.pop(identity.name, None) if identity else None
        fields.append(
            KeyField(
                external_id=source or entry.external_id,
                strategy=entry.strategy,
                normaliser=identity.normaliser if identity else "text",
                map_to=entry.map_to or (identity.name if identity else None),
                rule=identity.rule if identity and source is None else None,
            )
        )
    by_name = {field.name: field for field in definition.identity_fields}
    fields.extend(
        KeyField(external_id=source, normaliser=by_name[name].normaliser, map_to=name)
        for name, source in mapped.items()
    )
    return fields


def mapped_identities(definition: Definition, revision: Revision) -> dict[str, str]:
    """Identity fields that the mapping sets: the field's name to the identifier or trait that it takes."""
    given = revision.mapping
    found = {}
    for field in definition.identity_fields:
        pieces = plain_path(given.get(field.name))
        column = column_of(tuple(pieces)) if pieces is not None else None
        if column is not None:
            found[field.name] = column
    return found


def column_of(pieces: tuple[str, ...]) -> str | None:
    """The identifier or trait that a path of the event names; None where it names neither."""
    if pieces in _ID_PATHS:
        return _ID_PATHS[pieces]
    for prefix in _TRAIT_PATHS:
        if pieces[: len(prefix)] == prefix and len(pieces) == len(prefix) + 1:
            return pieces[-1]
    return None


def used_traits(definition: Definition, revision: Revision) -> Sequence[str]:
    """Trait columns that travel and are hashed: the personalised ones and those that the mapping names."""
    names = dict.fromkeys(travelling(definition, revision))
    mapping = revision.mapping
    for pieces in _plain_paths(mapping):
        for prefix in _TRAIT_PATHS:
            if pieces[: len(prefix)] == prefix and len(pieces) > len(prefix):
                names.setdefault(pieces[len(prefix)])
    return tuple(names)


def travelling(definition: Definition, revision: Revision) -> dict[str, str]:
    """Traits that travel whole, and the name of each: the personalised ones, and those that a field of the action names."""
    names = {name: revision.property_names.get(name, name) for name in revision.properties}
    action = action_of(definition, revision)
    given = revision.mapping
    for field in action.fields if action else ():
        if field.names_traits and isinstance(given.get(field.key), Mapping):
            for key in given[field.key]:
                names.setdefault(trait := str(key).removeprefix("traits."), trait)
    return names


def _plain_paths(value: Any) -> list[tuple[str, ...]]:
    """All `@path` directives anywhere in a mapping, as pieces."""
    if isinstance(value, list):
        return [path for item in value for path in _plain_paths(item)]
    if not isinstance(value, dict):
        return []
    pieces = plain_path(value)
    if pieces is not None:
        return [tuple(pieces)]
    return [path for item in value.values() for path in _plain_paths(item)]


def spec_to_json(spec: PlanSpec) -> dict[str, Any]:
    """The form in which a sync keeps what it was planned by."""
    value = asdict(spec)
    value["sends"] = sorted(kind.value for kind in spec.sends)
    value["mode"] = spec.mode.value
    return value


def spec_from_json(value: Mapping[str, Any]) -> PlanSpec:
    """The inverse of :func:`spec_to_json`."""
    known = {
        key: item for key, item in value.items() if key not in (AUDIENCE_NAME, EXITS_FIRST, PLACES)
    }
    known["sends"] = frozenset(ChangeKind(kind) for kind in known["sends"])
    known["mode"] = Mode(known["mode"])
    known["fields"] = tuple(KeyField(**field) for field in known["fields"])
    known["arms"] = tuple(Arm(**arm) for arm in known["arms"])
    return PlanSpec(**known)
