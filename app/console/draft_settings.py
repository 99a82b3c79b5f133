"""The last step of a new activation: its settings with their defaults, a sample of the members, and how they are saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.connectors.base import Action, Definition
from app.console.draft import Draft
from app.console.draft_content import GOALS, chosen_audiences, read_lists
from app.console.field_choices import (
    COLUMN,
    NOT_SENT,
    FieldChoice,
    field_choices,
    mapped_value,
)
from app.console.form_values import FormValues
from app.console.option_forms import new_lists, number
from app.console.visits import Visit
from app.core.pagination import PageRequest
from app.services import accounts, activations, audiences

SAMPLE = 3  # members
OWN_ARMS = 4
TYPES: Mapping[str, str] = {
    "Audience Membership Changed": "Members who enter and who leave",
    "Audience Entered": "Only members who enter",
    "Audience Exited": "Only members who leave",
}
STRATEGIES = {"last": "newest", "first": "oldest", "all": "all values"}
COPIED = "copied"  # the field with the personalization of a copied activation that the form does not show, as JSON


@dataclass(frozen=True, slots=True)
class IdentifierRow:
    """An identifier that is sent: its name, which value, and its name at the destination."""

    name: str
    strategy: str
    sent_as: str


@dataclass(frozen=True, slots=True)
class SettingsContent:
    """The content of the step."""

    account: Any
    definition: Definition
    action: Action | None
    columns: Sequence[str]
    traits: Sequence[str]
    members: Sequence[Mapping[str, Any]]
    connection: Any
    identifiers: Sequence[IdentifierRow]
    fields: Sequence[FieldChoice]
    lists: Any
    form: FormValues

    @property
    def types(self) -> Mapping[str, str]:
        """The changes that can be sent: ``{activation type: words}``; with that of a copied activation."""
        chosen = self.form.one("type")
        return TYPES if chosen in TYPES else {**TYPES, chosen: chosen}

    @property
    def copied(self) -> Sequence[tuple[str, str]]:
        """The names and texts of what a copied activation has, and this form does not show."""
        shown = {f"map.{one.key}" for one in self.fields}
        names = [one for one in self.form.texts if one.startswith("map.") and one not in shown]
        hidden = [*names, COPIED]
        return [(name, self.form.one(name)) for name in hidden if self.form.one(name)]

    @property
    def all_traits(self) -> Sequence[str]:
        """The properties that can be sent: those of the audience, and others that a copied activation sends."""
        return list(dict.fromkeys([*self.traits, *self.form.all("trait")]))

    @property
    def column_choices(self) -> Sequence[str]:
        """The choices of a field that are columns."""
        return [f"{COLUMN}{name}" for name in self.columns]

    @property
    def has_lists(self) -> bool:
        """Whether the destination keeps the members in lists that can be chosen."""
        return has_lists(self.definition, self.action)

    @property
    def can_split(self) -> bool:
        """Whether the destination can tell the arms of a split apart."""
        return can_split(self.definition, self.action)

    @property
    def new_lists(self) -> Sequence[str]:
        """The names of the lists that are created for the parts of the split."""
        return new_lists(self.form, self.definition, self.connection) if self.has_lists else ()

    @property
    def own_settings(self) -> Sequence[Any]:
        """The settings of a new connection, without those that name a list."""
        places = {name for group in self.definition.place_keys for name in group}
        if not self.has_lists:
            places = set()
        return [one for one in self.definition.connection_settings if one.name not in places]

    def value(self, member: Mapping[str, Any], column: str) -> str:
        """Return the text of a member's column, for the sample."""
        identifiers: Mapping[str, Any] = member["identifiers"] or {}
        found = (member["traits"] or {}).get(column)
        if found is None:
            found = identifiers.get(column)
        if isinstance(found, list):
            return ", ".join(str(one) for one in found)
        return "" if found is None else str(found)

    @property
    def sampled(self) -> Sequence[tuple[str, str]]:
        """The columns of the sample: their titles at the destination, and the columns of the audience."""
        found = [(one.sent_as or one.name, one.name) for one in self.identifiers if one.strategy]
        if not found and self.definition.key == "member":  # all identifiers are sent
            found = [(name, name) for name in self.columns if name not in self.traits]
        found += [(one.label, column) for one in self.fields if (column := self.column_of(one))]
        mapped = {column for _, column in found}
        found += [(name, name) for name in self.form.all("trait") if name not in mapped]
        return [(title, column) for title, column in found if column in self.columns]

    def column_of(self, field: FieldChoice) -> str:
        """Return the column that a field reads; empty if it reads none."""
        if field.chosen == NOT_SENT:
            return ""
        chosen = field.chosen.removeprefix(COLUMN) if field.chosen else field.default
        return chosen if field.chosen or chosen in self.form.all("trait") else ""


def has_lists(definition: Definition, action: Action | None) -> bool:
    """Return whether the destination keeps the members of an action in lists that can be chosen."""
    return definition.arm_places == "lists" and (action is None or action.uses_list)


def can_split(definition: Definition, action: Action | None) -> bool:
    """Return whether the destination can tell the arms of a split apart."""
    return definition.arm_places is not None or action is None or action.carries_properties


async def settings_content(visit: Visit, draft: Draft) -> SettingsContent:
    """Return the settings of a draft with their defaults. Raises NotFound if the account does not exist."""
    destination_id = draft.one("destination")
    await visit.session.rollback()  # partner and engine are asked with no transaction open
    members = await _members(visit, draft)
    lists, _ = await read_lists(visit, destination_id)
    account = await activations.get_destination(visit.session, visit.space_id, destination_id)
    definition = accounts.connector_class(account.slug).definition
    action = chosen_action(definition, draft)
    chosen = await chosen_audiences(visit, draft)
    columns, traits = await columns_of(visit, chosen)
    connection = None
    if chosen:
        connection = await activations.find_connection(
            visit.session, visit.space_id, chosen[0].audience.id, destination_id
        )
    ids = [one.audience.id for one in chosen]
    fields = await field_choices(visit, ids, destination_id, action, draft)
    defaults = _defaults(draft, action, fields if _is_first(draft, fields) else ())
    defaults["name"] = [_proposed_name(visit, chosen, account.name)]
    form = FormValues({**defaults, **draft.texts})
    fields = [replace(one, chosen=form.one(f"map.{one.key}")) for one in fields]
    return SettingsContent(
        account,
        definition,
        action,
        columns,
        traits,
        members,
        connection,
        _identifiers(form, definition, connection),
        fields,
        lists,
        form,
    )


async def _members(visit: Visit, draft: Draft) -> Sequence[Mapping[str, Any]]:
    ids = draft.all("audience")
    if not ids:
        return ()
    page, _ = await audiences.page_members(
        visit.platform, space_id=visit.space_id, audience_id=ids[0], request=PageRequest(SAMPLE)
    )
    return page.entries


async def columns_of(
    visit: Visit, chosen: Sequence[audiences.AudienceView]
) -> tuple[Sequence[str], Sequence[str]]:
    """Return the names of all columns of the audiences, and of those that are no identifiers, once each."""
    identifiers: dict[str, None] = {}
    traits: dict[str, None] = {}
    for view in chosen:
        if view.audience.snapshot_id is not None:
            snapshot = await audiences.get_snapshot(
                visit.session, visit.space_id, view.audience.id, view.audience.snapshot_id
            )
            identifiers |= dict.fromkeys(snapshot.identifiers)
            traits |= dict.fromkeys(snapshot.traits)
    return list(identifiers | traits), [name for name in traits if name not in identifiers]


def chosen_action(definition: Definition, draft: FormValues) -> Action | None:
    """Return the action of a draft: the chosen one, else the usual one for the goal."""
    by_id = {action.id: action for action in definition.actions}
    if draft.one("action") in by_id:
        return by_id[draft.one("action")]
    if draft.one("goal") == "attributes":
        keeping = [one for one in definition.actions if one.keeps_values and one.carries_properties]
        found = next((one for one in keeping if not one.uses_list), None)
        if found is not None:
            return found
    wanted = draft.one("type", next(iter(TYPES)))
    preset = next((one for one in definition.presets if one.activation_type == wanted), None)
    found = by_id.get(preset.action_id) if preset else None
    return found or next(iter(definition.actions), None)


def _proposed_name(visit: Visit, chosen: Sequence[audiences.AudienceView], destination: str) -> str:
    """Return the name that is proposed: the audience, the destination and the date, at most 255 characters."""
    name = " and ".join(view.audience.name for view in chosen[:2])
    end = f" to {destination[:80]}, {visit.now:%Y-%m-%d}"
    return f"{name[: 255 - len(end)]}{end}".strip()


def _is_first(draft: Draft, fields: Sequence[FieldChoice]) -> bool:
    """Return whether the step is opened for the first time, or for the first time with these fields."""
    shown = {name for name in draft.texts if name.startswith("map.")}
    return not draft.has("name") or bool(shown and not shown & {f"map.{one.key}" for one in fields})


def _defaults(
    draft: Draft, action: Action | None, proposed: Sequence[FieldChoice]
) -> dict[str, list[str]]:
    """Return the texts of fields that were not filled in yet. Columns are ``proposed`` for these fields of the action."""
    goal = GOALS.get(draft.one("goal"), GOALS["segment"])
    return {
        **{f"map.{one.key}": [f"{COLUMN}{one.proposed}"] for one in proposed if one.proposed},
        "type": [next(iter(TYPES))],
        "action": [action.id if action else ""],
        "mode": ["maintain"],
        "updates": ["yes" if goal.updates else "no"],
        "split": ["none"],
        "brake": ["on"],
        "trait": [one.default for one in proposed if one.default],
    }


def _identifiers(
    form: FormValues, definition: Definition, connection: Any
) -> Sequence[IdentifierRow]:
    if connection is not None:
        return [
            IdentifierRow(one["externalId"], one["strategy"], one.get("mapTo") or "")
            for one in connection.id_sync
        ]
    if form.has("id.name"):
        return [IdentifierRow(*row) for row in form.rows("id.name", "id.strategy", "id.as")]
    return [
        IdentifierRow(one.external_id, one.strategy, one.map_to or "")
        for one in definition.default_id_sync
    ]


def identifiers_json(form: FormValues, definition: Definition) -> list[dict[str, Any]] | None:
    """Return ``[{externalId, strategy, mapTo?}]`` of a form; None if they are the destination's own."""
    if not form.has("id.name"):
        return None
    found = [
        {"externalId": name, "strategy": strategy, **({"mapTo": sent_as} if sent_as else {})}
        for name, strategy, sent_as in form.rows("id.name", "id.strategy", "id.as")
        if name and strategy
    ]
    usual = [
        {
            "externalId": one.external_id,
            "strategy": one.strategy,
            **({"mapTo": one.map_to} if one.map_to else {}),
        }
        for one in definition.default_id_sync
    ]
    return None if found == usual else found


def connection_json(form: FormValues, fields: Sequence[Any]) -> dict[str, Any] | None:
    """Return ``{setting: value}`` of a new connection; None if none was filled in."""
    found = {
        one.name: number(text) if one.type == "number" else text
        for one in fields
        if (text := form.one(f"connection.{one.name}"))
    }
    return found or None


def mapping_json(form: FormValues, definition: Definition) -> dict[str, Any] | None:
    """Return ``{actionId, settings?}`` of a form; None if all is as the preset of the type has it."""
    action = chosen_action(definition, form)
    if action is None:
        return None
    settings = _mapped_settings(form, definition, action)
    usual = chosen_action(definition, FormValues({"type": [form.one("type")]}))
    if not settings and action is usual:
        return None
    return {"actionId": action.id, **({"settings": settings} if settings else {})}


def _mapped_settings(form: FormValues, definition: Definition, action: Action) -> dict[str, Any]:
    """Return ``{field: value}`` of a form, without the fields of other actions, which remain if the action is changed."""
    own = {field.key for field in action.fields}
    others = {field.key for one in definition.actions for field in one.fields} - own
    found = {}
    for name in form.texts:
        key = name.removeprefix("map.")
        if key != name and key not in others and form.one(name):
            found[key] = mapped_value(name, form.one(name))
    return found
