"""Data of an activation: properties, identifiers and mapped fields; what their forms show, and how they are saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.connectors.base import Action, Definition
from app.console.activation_options import change_activation, configured_action, read_sources
from app.console.checked import checked
from app.console.connection_settings import (
    SettingRow,
    save_connection_settings,
    setting_rows,
)
from app.console.draft_settings import IdentifierRow, columns_of
from app.console.field_choices import FieldChoice, field_choices, mapped_text, mapped_value
from app.console.form_values import FormValues
from app.console.visits import Visit
from app.console.words import as_json, plural
from app.contract.activations import UpdateActivationForAudienceAlphaInput
from app.contract.destination_connections import UpdateDestinationForAudienceAlphaInput
from app.core.errors import AppError, Invalid
from app.core.pagination import PageRequest
from app.core.sent_json import parse_json
from app.core.sentences import sentence
from app.services import accounts, activations, reports

Config = Mapping[str, Any]
MOST_IDENTIFIERS = 5
_OTHERS = 20  # activations of the connection that are named
_USUAL = ("email", "phone", "user_id", "anonymous_id")
_ID = ("id.name", "id.strategy", "id.as")


@dataclass(frozen=True, slots=True)
class PropertyRow:
    """A property of the members: whether it is sent, and its name in what is sent; empty if it keeps its name."""

    name: str
    is_sent: bool
    sent_as: str


@dataclass(frozen=True, slots=True)
class DataContent:
    """The forms of the tab. ``others`` are the names of further activations with the same connection, and identifiers."""

    definition: Definition
    action: Action | None
    columns: Sequence[str]
    properties: Sequence[PropertyRow]
    identifiers: Sequence[IdentifierRow]
    fields: Sequence[FieldChoice]
    stored_fields: frozenset[str]
    mapping: str
    others: Sequence[str]
    settings: Sequence[SettingRow]  # of the connection

    @property
    def carries_properties(self) -> bool:
        """Whether the action sends properties."""
        return self.action is None or self.action.carries_properties

    @property
    def names(self) -> Sequence[str]:
        """The identifiers that can be chosen: those that are sent, the usual ones, and the columns of the audience."""
        sent = [row.name for row in self.identifiers if row.name]
        usual = [one.external_id for one in self.definition.default_id_sync]
        return list(dict.fromkeys([*sent, *usual, *_USUAL, *self.columns]))

    @property
    def identifier_rows(self) -> Sequence[IdentifierRow]:
        """The rows of the form: those that are sent, then empty ones."""
        empty = [IdentifierRow("", "last", "")] * (MOST_IDENTIFIERS - len(self.identifiers))
        return [*self.identifiers, *empty]

    @property
    def column_choices(self) -> Sequence[str]:
        """The choices of a field that are columns."""
        return [f"column:{name}" for name in self.columns]


async def data_content(visit: Visit, overview: reports.Overview) -> DataContent:
    """Return what is sent of each member, as it was entered or as it is stored."""
    activation = overview.activation
    config = await _config(visit, activation.audience_id, activation.id)
    definition = accounts.connector_class(overview.slug).definition
    action = configured_action(definition, config)
    sources = await read_sources(visit, (activation.audience_id, *(config.get("audiences") or ())))
    columns, traits = await columns_of(visit, sources)
    form = FormValues(visit.form)
    stored = (config.get("destinationMapping") or {}).get("settings") or {}
    texts = {f"map.{name}": [mapped_text(value)] for name, value in stored.items()}
    mapping = as_json(config.get("destinationMapping"), 2)
    return DataContent(
        definition=definition,
        action=action,
        columns=columns,
        properties=_properties(form, config, traits),
        identifiers=_identifiers(form, config),
        fields=await field_choices(
            visit,
            [one.audience.id for one in sources],
            activation.destination_id,
            action,
            FormValues({**texts, **form.texts}),
        ),
        stored_fields=frozenset(stored),
        mapping=visit.sent("mapping") or ("" if mapping == "null" else mapping),
        others=await _others(visit, overview),
        settings=setting_rows(form, definition, config.get("connectionSettings") or {}),
    )


async def _config(visit: Visit, audience_id: str, activation_id: str) -> Config:
    newest, _, _ = await activations.list_revisions(
        visit.session, visit.space_id, audience_id, activation_id, before=None, limit=1
    )
    config: Config = newest[0].revision.config
    return config


def _properties(form: FormValues, config: Config, traits: Sequence[str]) -> Sequence[PropertyRow]:
    """Return the properties that can be sent: those of the audience, and others that are sent but not in it now."""
    if form.has("trait.name"):
        sent = form.all("trait")
        return [
            PropertyRow(name, name in sent, sent_as)
            for name, sent_as in form.rows("trait.name", "trait.as")
        ]
    profile = config["personalization"].get("profile") or {}
    names, chosen = profile.get("mapping") or {}, profile.get("properties") or []
    return [
        PropertyRow(name, name in chosen, names.get(name, ""))
        for name in dict.fromkeys([*traits, *chosen])
    ]


def _identifiers(form: FormValues, config: Config) -> Sequence[IdentifierRow]:
    if form.has("id.name"):
        return [IdentifierRow(*row) for row in form.rows(*_ID) if any(row)][:MOST_IDENTIFIERS]
    return [
        IdentifierRow(one["externalId"], one["strategy"], one.get("mapTo") or "")
        for one in config.get("idSync") or ()
    ]


async def _others(visit: Visit, overview: reports.Overview) -> Sequence[str]:
    """Return the names of the other activations between the same audience and account."""
    own = overview.activation
    sought = reports.Sought(audience_id=own.audience_id, destination_id=own.destination_id)
    page = await reports.page_overview(
        visit.session, visit.space_id, sought, PageRequest(_OTHERS + 1)
    )
    return [row.activation.name for row in page.entries if row.activation.id != own.id]


# Actions


async def save_properties(visit: Visit, audience_id: str, activation_id: str) -> str:
    """Save the properties that are sent, and their names. Returns what was done, in a sentence. Raises Invalid."""
    form = FormValues(visit.form)
    chosen = form.all("trait")
    config = await _config(visit, audience_id, activation_id)
    before = config["personalization"].get("profile") or {}
    rows = form.rows("trait.name", "trait.as")
    names = {name: sent_as for name, sent_as in rows if sent_as and name in chosen}
    profile = {"properties": chosen, **({"mapping": names} if names else {})}
    if profile == {key: one for key, one in before.items() if key == "properties" or one}:
        return "Nothing was changed."
    personalization = {"profile": profile}
    checked(UpdateActivationForAudienceAlphaInput, {"personalization": personalization}, "trait")
    resync = visit.sent("resync") == "yes"
    changes = activations.ActivationChanges(personalization=personalization, perform_resync=resync)
    await change_activation(visit, audience_id, activation_id, changes)
    return "The properties are saved." + (" All members are sent again." if resync else "")


async def save_identifiers(visit: Visit, audience_id: str, activation_id: str) -> str:
    """Save the identifiers of the connection, which all of its activations use. Returns what was done. Raises Invalid."""
    found = [
        {"externalId": name, "strategy": strategy, **({"mapTo": sent_as} if sent_as else {})}
        for name, strategy, sent_as in FormValues(visit.form).rows(*_ID)
        if name
    ]
    if not found:
        raise Invalid("Choose at least one identifier.", field="id.name")
    sent = {"idSyncConfiguration": found}
    checked(UpdateDestinationForAudienceAlphaInput, sent, "id.name")
    config = await _config(visit, audience_id, activation_id)
    if found == [_without_empty(one) for one in config.get("idSync") or ()]:
        return "Nothing was changed."
    activation = await activations.require_activation(
        visit.session, visit.space_id, audience_id, activation_id
    )
    await activations.update_connection(
        visit.session,
        space_id=visit.space_id,
        audience_id=audience_id,
        path_id=activation.connection_id or "",
        id_sync=found,
        connection_settings=None,
        actor=visit.caller.actor,
        now=visit.now,
    )
    return f"{plural(len(found), 'identifier')} saved."


async def save_settings(visit: Visit, audience_id: str, activation_id: str) -> str:
    """Save the settings of the connection. Returns what was done. Raises Invalid with the field."""
    config = await _config(visit, audience_id, activation_id)
    stored = config.get("connectionSettings") or {}
    return await save_connection_settings(visit, audience_id, activation_id, stored)


def _without_empty(identifier: Mapping[str, Any]) -> dict[str, Any]:
    return {key: one for key, one in identifier.items() if one is not None}


async def save_fields(visit: Visit, audience_id: str, activation_id: str) -> str:
    """Save the columns of the fields of the action that the form has. Returns what was done. Raises Invalid for no choice of the form."""
    config = await _config(visit, audience_id, activation_id)
    overview = await reports.require_overview(
        visit.session, visit.space_id, audience_id, activation_id
    )
    action = configured_action(accounts.connector_class(overview.slug).definition, config)
    stored = (config.get("destinationMapping") or {}).get("settings") or {}
    form = FormValues(visit.form)
    settings = {}
    for field in action.fields if action else ():
        name = f"map.{field.key}"
        if form.one(name) and form.one(name) != _stored_text(stored, field.key):
            settings[field.key] = mapped_value(name, form.one(name))
    if not settings:
        return "Nothing was changed."
    mapping = {"actionId": action.id if action else "", "settings": settings}
    changes = activations.ActivationChanges(
        mapping=mapping, perform_resync=visit.sent("resync") == "yes"
    )
    await change_activation(visit, audience_id, activation_id, changes)
    return f"{plural(len(settings), 'field')} saved."


def _stored_text(stored: Config, key: str) -> str:
    return mapped_text(stored[key]) if key in stored else ""


async def save_mapping(visit: Visit, audience_id: str, activation_id: str) -> str:
    """Save the mapping as it is written, as JSON. Returns what was done.

    Raises Invalid with each fault, and if it would not be stored as it is written.
    """
    try:
        mapping = parse_json(visit.sent("mapping").encode(), "the mapping")
    except AppError as error:
        raise Invalid(sentence(error.message), field="mapping") from None
    if not isinstance(mapping, dict):
        raise Invalid("The mapping must be a JSON object.", field="mapping")
    checked(UpdateActivationForAudienceAlphaInput, {"destinationMapping": mapping}, "mapping")
    changes = activations.ActivationChanges(mapping=mapping)
    view = await change_activation(visit, audience_id, activation_id, changes)
    if fault := _not_stored(view.config["destinationMapping"], mapping):
        raise Invalid(fault, field="mapping")
    return "The mapping is saved."


def _not_stored(stored: Mapping[str, Any], written: Mapping[str, Any]) -> str:
    """Return in which way a mapping is stored otherwise than it is written; empty if it is not. Updates merge by field."""
    if stored["actionId"] != written["actionId"]:
        return f"The action of a mapping cannot be changed: it is {stored['actionId']}."
    kept = [
        name for name in stored.get("settings") or {} if name not in (written.get("settings") or {})
    ]
    if kept:
        return (
            f"A field cannot be removed from a mapping, only changed. Missing: {', '.join(kept)}."
        )
    unknown = [name for name in written if name not in ("actionId", "settings")]
    return (
        f"A mapping has the keys actionId and settings, not {', '.join(unknown)}."
        if unknown
        else ""
    )
