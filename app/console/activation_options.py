"""Options of an activation: what the form of its page shows, and how it is saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.connectors.base import Notifies
from app.console.draft_content import read_lists
from app.console.draft_settings import can_split, chosen_action, columns_of, has_lists
from app.console.form_values import FormValues
from app.console.option_forms import changes_of, texts_of
from app.console.visits import Visit
from app.core.errors import NotFound
from app.core.pagination import PageRequest
from app.services import accounts, activations, audiences, reports

_CHOICES = 50  # audiences, and accounts, that can be chosen


@dataclass(frozen=True, slots=True)
class OptionsContent:
    """The form of the options, and what can be chosen in it. Without the permission to write, only the warnings."""

    name: str
    warnings: Sequence[Any]
    form: FormValues | None = None
    columns: Sequence[str] = ()
    can_split: bool = False
    has_lists: bool = False
    lists: Any = None
    audiences: Mapping[str, str] | None = None
    notified: Sequence[Any] = ()


async def options_content(visit: Visit, overview: reports.Overview) -> OptionsContent:
    """Return the options as they were sent, or as they are stored."""
    activation = overview.activation
    session, space_id = visit.session, visit.space_id
    name = visit.sent("name") or activation.name
    warnings = await activations.activation_warnings(
        session, visit.platform, visit.caller.workspace_id, activation
    )
    if not visit.may_write:
        return OptionsContent(name, warnings)
    definition = accounts.connector_class(overview.slug).definition
    newest, _, _ = await activations.list_revisions(
        session, space_id, activation.audience_id, activation.id, before=None, limit=1
    )
    action = configured_action(definition, newest[0].revision.config)
    options = await activations.get_delivery_options(
        session, space_id, activation.audience_id, activation.id
    )
    sources = await read_sources(visit, (activation.audience_id, *options.audiences))
    columns, _ = await columns_of(visit, sources)
    choices = await _audience_choices(visit, sources)
    notified = await _webhooks(visit)
    lists = None
    if has_lists(definition, action):
        await visit.end_transaction()  # the partner is asked with no transaction open
        lists, _ = await read_lists(visit, activation.destination_id)
    return OptionsContent(
        name,
        warnings,
        FormValues(visit.form if "frequency" in visit.form else texts_of(options)),
        columns,
        can_split(definition, action),
        has_lists(definition, action),
        lists,
        choices,
        notified,
    )


def configured_action(definition: Any, config: Mapping[str, Any]) -> Any:
    """Return the action of a configuration: the mapped one, else the usual one of its type; None if there is none."""
    mapped = (config.get("destinationMapping") or {}).get("actionId", "")
    return chosen_action(
        definition, FormValues({"action": [mapped], "type": [config["activationType"]]})
    )


async def read_sources(visit: Visit, ids: Sequence[str]) -> list[audiences.AudienceView]:
    """Return the audiences with these ids that exist."""
    found = []
    for audience_id in ids:
        try:
            found.append(await audiences.get_audience(visit.session, visit.space_id, audience_id))
        except NotFound:
            continue
    return found


async def _audience_choices(
    visit: Visit, sources: Sequence[audiences.AudienceView]
) -> Mapping[str, str]:
    """Return ``{id: name}`` of the audiences that can be sent too: first those that are, then others of the same type."""
    own, *chosen = (view.audience for view in sources)
    page = await audiences.page_audiences(
        visit.session, visit.space_id, None, PageRequest(_CHOICES)
    )
    others = (view.audience for view in page.entries)
    return {
        one.id: one.name
        for one in (*chosen, *others)
        if one.id != own.id and one.audience_type == own.audience_type
    }


async def _webhooks(visit: Visit) -> Sequence[Any]:
    """Return the accounts that take notices."""
    page = await activations.page_destinations(visit.session, visit.space_id, PageRequest(_CHOICES))
    return [one for one in page.entries if issubclass(accounts.connector_class(one.slug), Notifies)]


async def change_activation(
    visit: Visit, audience_id: str, activation_id: str, changes: activations.ActivationChanges
) -> activations.ActivationView:
    """Change the configuration of an activation, as the API does. Returns the activation after it."""
    return await activations.update_activation(
        visit.session,
        space_id=visit.space_id,
        audience_id=audience_id,
        activation_id=activation_id,
        changes=changes,
        actor=visit.caller.actor,
        now=visit.now,
    )


async def save_options(visit: Visit, audience_id: str, activation_id: str) -> str:
    """Save those options of the form that differ from the stored ones. Returns what was done, in a sentence.

    Raises Invalid with each fault, and for a list that the partner does not have.
    """
    session, space_id = visit.session, visit.space_id
    before = await activations.get_delivery_options(session, space_id, audience_id, activation_id)
    changes = changes_of(FormValues(visit.form), before)
    if not changes:
        return "Nothing was changed."
    await refuse_unknown_lists(visit, audience_id, activation_id, changes)
    after = await activations.update_delivery_options(
        session,
        space_id,
        audience_id,
        activation_id,
        changes,
        actor=visit.caller.actor,
        now=visit.now,
    )
    if after.revision == before.revision:
        return "The options are saved, and apply at once."
    return f"The options are saved as version {after.revision} of the settings."


async def refuse_unknown_lists(
    visit: Visit, audience_id: str, activation_id: str, changes: Mapping[str, Any]
) -> None:
    """Raise Invalid, at the fields of the form, for lists that the partner does not have."""
    named = activations.lists_in_options(changes)
    if not named:
        return
    activation = await activations.require_activation(
        visit.session, visit.space_id, audience_id, activation_id
    )
    await visit.end_transaction()  # the partner is asked with no transaction open
    await activations.refuse_unknown_lists(
        visit.platform,
        workspace_id=visit.caller.workspace_id,
        space_id=visit.space_id,
        destination_id=activation.destination_id,
        named={field.removesuffix(".id"): list_id for field, list_id in named.items()},
    )
