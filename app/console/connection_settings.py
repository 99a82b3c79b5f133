"""Settings of a connection: what the tab of an activation shows of them, and how they are saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.connectors.base import Definition, SettingField
from app.console.draft_settings import connection_json
from app.console.form_values import FormValues
from app.console.visits import Visit
from app.core.errors import Invalid, Problem
from app.services import accounts, activations, reports

PREFIX = "connection."


@dataclass(frozen=True, slots=True)
class SettingRow:
    """A setting of the connection with its value, empty if it is not set."""

    field: SettingField
    value: str


def setting_rows(
    form: FormValues, definition: Definition, stored: Mapping[str, Any]
) -> Sequence[SettingRow]:
    """Return the settings as they were entered or as they are stored, without those that name a list."""
    return [
        SettingRow(one, form.one(name) if form.has(name) else _text(stored.get(one.name)))
        for one in own_settings(definition)
        for name in [f"{PREFIX}{one.name}"]
    ]


def own_settings(definition: Definition) -> Sequence[SettingField]:
    """Return the settings of a connection that name no list."""
    places = {name for group in definition.place_keys for name in group}
    return [one for one in definition.connection_settings if one.name not in places]


def _text(value: Any) -> str:
    return "" if value is None else str(value)


async def save_connection_settings(
    visit: Visit, audience_id: str, activation_id: str, stored: Mapping[str, Any]
) -> str:
    """Save the settings of the connection, which all of its activations use. Returns what was done. Raises Invalid."""
    session, space_id = visit.session, visit.space_id
    overview = await reports.require_overview(session, space_id, audience_id, activation_id)
    fields = own_settings(accounts.connector_class(overview.slug).definition)
    sent = connection_json(FormValues(visit.form), fields) or {}
    emptied = {one.name: None for one in fields if one.name in stored and one.name not in sent}
    settings = {**stored, **emptied, **sent}
    if settings == stored or not settings:
        return "Nothing was changed."
    try:
        await activations.update_connection(
            session,
            space_id=space_id,
            audience_id=audience_id,
            path_id=overview.activation.connection_id or "",
            id_sync=None,
            connection_settings=settings,
            actor=visit.caller.actor,
            now=visit.now,
        )
    except Invalid as error:
        problems = [Problem(one.message, _field(one.field, fields)) for one in error.problems]
        raise Invalid(error.message, problems=problems) from None
    return "The settings are saved. The next sync uses them."


def _field(field: str | None, fields: Sequence[SettingField]) -> str:
    """Return the field of the form for the field that a service names."""
    name = (field or "").rpartition(".")[2]
    return f"{PREFIX}{name}" if name in {one.name for one in fields} else PREFIX
