"""Which columns of the members the fields of an action are filled from: by their defaults, and by usual names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.connectors.base import Action, ActionField, Definition
from app.domain.column_names import meaning
from app.domain.known_columns import columns_meaning
from app.mapping import plain_path
from app.services.revision.mapped_columns import TRAIT_PATHS


@dataclass(frozen=True, slots=True)
class FieldColumn:
    """A field of an action, and columns that fill it; empty texts if there is none.

    ``default`` is read by the field's default mapping as soon as the property is sent. ``proposed`` has another name that
    usually means the field: it is read if the mapping names it.
    """

    field: ActionField
    default: str
    proposed: str


def field_columns(
    definition: Definition, action: Action | None, columns: Mapping[str, str]
) -> Sequence[FieldColumn]:
    """Return the fields of an action that a column can fill, each with its column. A column is proposed for one field only.

    ``columns`` are engine types by name. Objects and lists are not proposed.
    """
    fields = _fillable(definition, action)
    defaults = {field.key: _default_column(field, list(columns)) for field in fields}
    taken = {
        *defaults.values(),
        *(one.external_id for one in definition.identity_fields),
        *(one.external_id for one in definition.default_id_sync),
    }
    found = []
    for field in fields:
        default = defaults[field.key]
        free = [
            name for name, kind in columns.items() if name not in taken and not _holds_parts(kind)
        ]
        fits = columns_meaning(_names(field), free) if not default else []
        proposed = fits[0] if len(fits) == 1 else ""
        taken.add(proposed)
        found.append(FieldColumn(field, default, proposed))
    return found


def _fillable(definition: Definition, action: Action | None) -> Sequence[ActionField]:
    identity = {one.name for one in definition.identity_fields}
    return [
        field
        for field in (action.fields if action else ())
        if not field.hidden and not field.constant and field.type != "OBJECT"
        if field.key not in identity
    ]


def _default_path(field: ActionField) -> str:
    """Return the path of the trait that a field reads by default, such as ``company.name``; empty if it reads none."""
    pieces = plain_path(field.default) or ()
    for prefix in TRAIT_PATHS:
        if len(pieces) > len(prefix) and pieces[: len(prefix)] == prefix:
            return ".".join(pieces[len(prefix) :])
    return ""


def _default_column(field: ActionField, columns: Sequence[str]) -> str:
    path = _default_path(field)
    begin, found = meaning(path, columns) if path else ("", [])
    return found[0] if len(found) == 1 and begin == path else ""


def _holds_parts(kind: str) -> bool:
    """Report whether values of an engine type are objects or lists."""
    return kind.endswith("]") or kind.upper().startswith(("STRUCT", "MAP", "JSON", "UNION"))


def _names(field: ActionField) -> Sequence[str]:
    """Return the names that a field has: its key, its label, and the trait that it reads by default."""
    return (field.key, field.label, _default_path(field).rpartition(".")[2])
