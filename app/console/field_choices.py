"""The fields of an action in a form: the column that each of them is filled from, and what the choice maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.connectors.base import Action
from app.console.form_values import FormValues
from app.console.visits import Visit
from app.console.words import as_json
from app.core.errors import AppError, Invalid
from app.core.sent_json import parse_json
from app.core.sentences import sentence
from app.services import activations

NOT_SENT = "none"  # in a choice of a column: nothing is sent
COLUMN = "column:"
_JSON = "json:"
_TRAITS = "$.traits."


@dataclass(frozen=True, slots=True)
class FieldChoice:
    """A field of the action: the column that it reads by default, the choice of the draft, and a column that is proposed."""

    key: str
    label: str
    description: str
    default: str
    chosen: str
    proposed: str

    @property
    def guess(self) -> str:
        """Why the chosen column is proposed, as a sentence; empty if another one is chosen."""
        if not self.proposed or self.chosen != f"{COLUMN}{self.proposed}":
            return ""
        return f"“{self.proposed}” looks like {self.label[:1].lower()}{self.label[1:]}."


async def field_choices(
    visit: Visit,
    audience_ids: Sequence[str],
    destination_id: str,
    action: Action | None,
    form: FormValues,
) -> Sequence[FieldChoice]:
    """Return the fields of an action with their columns: the default one, the one of the form, and a proposed one."""
    if action is None:
        return ()
    found = await activations.propose_fields(
        visit.session,
        space_id=visit.space_id,
        audience_ids=audience_ids,
        destination_id=destination_id,
        action_id=action.id,
    )
    return [
        FieldChoice(
            one.field.key,
            one.field.label,
            one.field.description,
            one.default,
            form.one(f"map.{one.field.key}"),
            one.proposed,
        )
        for one in found.fields
    ]


def mapped_value(name: str, text: str) -> Any:
    """Return what a choice maps. Raises Invalid for a text that is no choice."""
    if text == NOT_SENT:
        return None
    if text.startswith(COLUMN):
        return {"@path": f"{_TRAITS}{text.removeprefix(COLUMN)}"}
    if text.startswith(_JSON):
        return copied_json(name, text.removeprefix(_JSON))
    raise Invalid("Choose a column.", field=name)


def mapped_text(value: Any) -> str:
    """Return the choice of a form for what a field maps: a column, nothing, or any other value as JSON."""
    if value is None:
        return NOT_SENT
    path = value.get("@path") if isinstance(value, Mapping) and len(value) == 1 else None
    if isinstance(path, str) and path.startswith(_TRAITS):
        return f"{COLUMN}{path.removeprefix(_TRAITS)}"
    return f"{_JSON}{as_json(value)}"


def copied_json(field: str, text: str) -> Any:
    """Return a copied value. Raises Invalid if the text is not JSON."""
    try:
        return parse_json(text.encode(), f'"{field}"')
    except AppError as error:
        raise Invalid(sentence(error.message), field=field) from None
