"""How a draft becomes an activation: connection, activation, options and schedules, in one transaction. Nothing is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from app.console.checked import checked
from app.console.draft import Draft
from app.console.draft_content import (
    check_audiences,
    check_schedule,
    chosen_audiences,
    compute_schedule,
)
from app.console.draft_settings import (
    COPIED,
    chosen_action,
    connection_json,
    identifiers_json,
    mapping_json,
)
from app.console.field_choices import copied_json
from app.console.option_forms import frequency_json, options_json
from app.console.visits import Visit
from app.contract.activations import AddActivationToAudienceAlphaInput
from app.contract.destination_connections import AddDestinationToAudienceAlphaInput
from app.core.errors import Invalid
from app.services import accounts, activations, audiences, syncs

#: The fields of the form by those of the API's bodies.
_FIELDS = {
    "activationName": "name",
    "activationType": "type",
    "personalization": "trait",
    "idSyncConfiguration": "id.name",
}


async def save_draft(visit: Visit, draft: Draft) -> Any:
    """Create the activation, disabled, and open a dry run of it. Returns its row. Raises Invalid for each fault."""
    check_schedule(draft, visit.now)
    await _refuse_unknown_list(visit, draft)
    chosen = await chosen_audiences(visit, draft)
    check_audiences(chosen)
    if not draft.one("name"):
        raise Invalid("Enter a name.", field="name")
    account = await activations.get_destination(
        visit.session, visit.space_id, draft.one("destination")
    )
    definition = accounts.connector_class(account.slug).definition
    audience_id = chosen[0].audience.id
    wanted = _wanted(draft, definition)
    connection = await _connection(visit, draft, audience_id, definition)
    view = await activations.create_activation(
        visit.session,
        space_id=visit.space_id,
        audience_id=audience_id,
        connection_id=connection.id,
        wanted=wanted,
        actor=visit.caller.actor,
        now=visit.now,
    )
    changes = {
        "frequency": frequency_json(draft),
        **options_json(draft),
        "audiences": [one.audience.id for one in chosen[1:]],
    }
    await activations.update_delivery_options(
        visit.session,
        visit.space_id,
        audience_id,
        view.activation.id,
        changes,
        actor=visit.caller.actor,
        now=visit.now,
    )
    await _add_schedules(visit, draft, chosen)
    if all(one.audience.snapshot_id is not None for one in chosen):
        await start_dry_run(visit, view.activation)
    return view.activation


def _check(model: type[BaseModel], sent: dict[str, Any]) -> None:
    """Check a body as the API does. Raises Invalid with each fault, at the fields of the form."""
    try:
        checked(model, sent)
    except Invalid as error:
        problems = [
            replace(one, field=_FIELDS.get((one.field or "").partition(".")[0], one.field))
            for one in error.problems
        ]
        raise Invalid(error.message, problems=problems) from None


async def start_dry_run(visit: Visit, activation: Any) -> None:
    """Open a dry run that shows what would be sent if all members are sent."""
    await syncs.start_sync(
        visit.session,
        activation,
        kind="resync",
        dry_run=True,
        actor=visit.caller.actor,
    )


async def _refuse_unknown_list(visit: Visit, draft: Draft) -> None:
    if not draft.one("list"):
        return
    await visit.session.rollback()  # the partner is asked with no transaction open
    await activations.refuse_unknown_lists(
        visit.platform,
        workspace_id=visit.caller.workspace_id,
        space_id=visit.space_id,
        destination_id=draft.one("destination"),
        named={"list": draft.one("list")},
    )


def _wanted(draft: Draft, definition: Any) -> activations.NewActivation:
    """Return the new activation. Raises Invalid for what the API would refuse."""
    action = chosen_action(definition, draft)
    carries = action is None or action.carries_properties
    personalization = _personalization(draft, draft.all("trait") if carries else [])
    mapping = mapping_json(draft, definition)
    sent = {
        "performResync": False,
        "activationType": draft.one("type"),
        "activationName": draft.one("name"),
        "personalization": personalization,
        **({"destinationMapping": mapping} if mapping else {}),
    }
    _check(AddActivationToAudienceAlphaInput, sent)
    return activations.NewActivation(
        activation_type=draft.one("type"),
        name=draft.one("name"),
        perform_resync=False,
        personalization=personalization,
        mapping=mapping,
    )


def _personalization(draft: Draft, properties: list[str]) -> dict[str, Any]:
    """Return the personalization with these properties, and with what a copied activation has besides."""
    copied = copied_json(COPIED, draft.one(COPIED) or "{}")
    if not isinstance(copied, dict) or not isinstance(copied.get("profile", {}), dict):
        raise Invalid("This is no personalization.", field=COPIED)
    return {**copied, "profile": {**copied.get("profile", {}), "properties": properties}}


async def _connection(visit: Visit, draft: Draft, audience_id: str, definition: Any) -> Any:
    """Return the connection of audience and account, a new one if they are not connected yet."""
    destination_id = draft.one("destination")
    known = await activations.find_connection(
        visit.session, visit.space_id, audience_id, destination_id
    )
    if known is not None:
        return known
    id_sync = identifiers_json(draft, definition)
    settings = connection_json(draft, definition.connection_settings)
    sent = {
        "destination": {"id": destination_id, "type": "destination"},
        **({"idSyncConfiguration": id_sync} if id_sync is not None else {}),
        **({"connectionSettings": settings} if settings else {}),
    }
    _check(AddDestinationToAudienceAlphaInput, sent)
    if id_sync is not None and not id_sync:
        raise Invalid("Choose at least one identifier.", field="id.name")
    return await activations.add_connection(
        visit.session,
        space_id=visit.space_id,
        audience_id=audience_id,
        destination_id=destination_id,
        destination_type="destination",
        id_sync=id_sync,
        connection_settings=settings,
        actor=visit.caller.actor,
        now=visit.now,
    )


async def _add_schedules(
    visit: Visit, draft: Draft, chosen: Sequence[audiences.AudienceView]
) -> None:
    """Give the audiences that have a definition, but no schedule, the schedule of the draft."""
    schedule = compute_schedule(draft)
    if schedule is None:
        return
    ids = [one.audience.id for one in chosen if one.audience.query]
    known = await audiences.schedules_by_audience(visit.session, visit.space_id, ids)
    for audience_id in ids:
        if not known[audience_id]:
            await audiences.add_schedule(
                visit.session,
                space_id=visit.space_id,
                audience_id=audience_id,
                strategy=schedule[0],
                config=schedule[1],
                actor=visit.caller.actor,
                now=visit.now,
            )
