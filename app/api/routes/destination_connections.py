"""Routes of the destinations of an audience."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response

from app.api.edge import (
    PAGINATION,
    ApiRoute,
    AudienceId,
    CurrentSpace,
    PageDep,
    PlatformDep,
    SessionDep,
    SpaceId,
    TransactionDep,
    answer,
    described,
    pagination,
    path_id,
)
from app.api.routes import examples
from app.contract import destination_connections as contract
from app.core import clock
from app.core.clock import to_wire
from app.services import activations

router = APIRouter(route_class=ApiRoute)
#: Segment names the connection ``destinationId`` here.
UpdatedId = Annotated[
    str,
    path_id(
        "destinationId",
        "the connection, from `addDestinationToAudience`",
        "ii_0vK3mRaWqF1yN7kC3eZoIh",
    ),
]

ALL = "/spaces/{spaceId}/audiences/{audienceId}/destination-connections"
ONE = ALL + "/{destinationId}"


@router.post(
    ALL,
    **described(
        "addDestinationToAudience",
        output=contract.AddDestinationToAudienceAlphaOutput,
        summary="Add a destination to an audience",
        errors=(404, 409, 422),
        has_body=True,
        view="segment",
        request_examples=examples.ADD_DESTINATION,
        warns=True,
        tag="Activations",
    ),
)
async def add_destination(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    body: contract.AddDestinationToAudienceAlphaInput,
    platform: PlatformDep,
) -> Response:
    """Connect an account of the space to the audience. The response contains the identifiers that are sent."""
    # The session has used no connection of the database yet, except with an idempotency key, whose row it holds.
    unsure = await activations.refuse_unknown_lists(
        platform,
        workspace_id=scene.workspace_id,
        space_id=space_id,
        destination_id=body.destination.id,
        named=activations.lists_in_settings(body.connection_settings),
    )
    connection = await activations.add_connection(
        session,
        space_id=space_id,
        audience_id=audience_id,
        destination_id=body.destination.id,
        destination_type=body.destination.type,
        id_sync=_id_sync(body.id_sync_configuration),
        connection_settings=body.connection_settings,
        actor=scene.actor,
        now=clock.now(),
    )
    fields = {"connection": {"id": connection.id}, **activations.connection_fields(connection)}
    return answer(fields, warnings=len(unsure))


@router.get(
    ALL,
    **described(
        "listDestinationsFromAudience",
        output=contract.ListDestinationsFromAudienceAlphaOutput,
        summary="List the destinations of an audience",
        errors=(404, 422),
        parameters=(PAGINATION,),
        view="segment",
        tag="Activations",
    ),
)
async def list_destinations(
    session: TransactionDep,  # the list is an event of the audit trail
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    page: PageDep,
) -> Response:
    """List the connections of the audience, oldest first."""
    found = await activations.page_connections(
        session, space_id, audience_id, page, actor=scene.actor
    )
    return answer(
        {
            "connections": [_connection(view) for view in found.entries],
            "pagination": pagination(found).to_wire(),
        }
    )


@router.patch(
    ONE,
    **described(
        "updateDestinationForAudience",
        output=contract.UpdateDestinationForAudienceAlphaOutput,
        summary="Update a destination of an audience",
        errors=(404, 422),
        has_body=True,
        view="segment",
        request_examples=examples.UPDATE_DESTINATION,
        warns=True,
        tag="Activations",
    ),
)
async def update_destination(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    destination_id: UpdatedId,
    body: contract.UpdateDestinationForAudienceAlphaInput,
    platform: PlatformDep,
) -> Response:
    """Update a connection, named by its id or the id of its account. Each given field replaces the stored value."""
    named = activations.lists_in_settings(body.connection_settings)
    account = destination_id
    if named:
        account = await activations.destination_of(platform, space_id, audience_id, destination_id)
    unsure = await activations.refuse_unknown_lists(
        platform,
        workspace_id=scene.workspace_id,
        space_id=space_id,
        destination_id=account,
        named=named,
    )
    connection = await activations.update_connection(
        session,
        space_id=space_id,
        audience_id=audience_id,
        path_id=destination_id,
        id_sync=_id_sync(body.id_sync_configuration),
        connection_settings=body.connection_settings,
        actor=scene.actor,
        now=clock.now(),
    )
    fields = {"destination": {"id": destination_id}, **activations.connection_fields(connection)}
    return answer(fields, warnings=len(unsure))


@router.delete(
    ONE,
    **described(
        "removeDestinationFromAudience",
        output=contract.RemoveDestinationFromAudienceAlphaOutput,
        summary="Remove a destination from an audience",
        errors=(404, 409, 422),
        view="segment",
        tag="Activations",
    ),
)
async def remove_destination(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    destination_id: UpdatedId,
) -> Response:
    """Remove a connection. Returns 409 while it has an activation."""
    await activations.remove_connection(
        session, space_id, audience_id, destination_id, actor=scene.actor
    )
    return answer({"status": "SUCCESS"})


def _id_sync(
    entries: list[contract.IDSyncConfigurationInput] | None,
) -> list[dict[str, Any]] | None:
    if entries is None:
        return None
    return [entry.model_dump(by_alias=True, exclude_unset=True) for entry in entries]


def _connection(view: activations.ConnectionView) -> dict[str, Any]:
    """Return the properties of ``SimpleDestination``."""
    connection, definition = view.connection, view.definition
    return {
        "id": connection.id,
        "name": view.destination.name,
        # Segment returns the source of a destination; the source of an audience is its space.
        "sourceId": f"src_{connection.space_id.removeprefix('spa_')}",
        "enabled": True,
        "createdAt": to_wire(connection.created_at),
        "updatedAt": to_wire(connection.updated_at),
        "settings": {},
        "destinationId": connection.destination_id,
        "metadata": {
            "id": definition.metadata_id,
            "name": definition.name,
            "slug": definition.slug,
        },
        **activations.connection_fields(connection),
    }
