"""The route that lists the syncs of all activations of a space."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request, Response

from app.api.edge import (
    PAGINATION,
    ApiRoute,
    CurrentSpace,
    PageDep,
    SessionDep,
    SpaceId,
    answer,
    described,
    pagination,
    query_flag,
    query_text,
    read_choice,
    read_flag,
    read_text,
)
from app.api.extensions.syncs import sync_wire
from app.contract.extensions import sync_log as contract
from app.core.clock import from_wire
from app.core.errors import Invalid
from app.domain.sync_states import SyncState
from app.services import reports, syncs

router = APIRouter(route_class=ApiRoute)

_ID = {"maxLength": 255}


@router.get(
    "/spaces/{spaceId}/syncs",
    **described(
        "listSyncs",
        output=contract.SyncLogData,
        summary="List syncs of all activations",
        errors=(404, 422),
        parameters=(
            PAGINATION,
            query_text(
                "status",
                "Only syncs in this state.",
                "complete",
                enum=[state.value for state in SyncState],
            ),
            query_text(
                "activationId",
                "Only syncs of this activation.",
                "act_0vK3mR2HsD8pL4jT6uXaGb",
                **_ID,
            ),
            query_text(
                "audienceId",
                "Only syncs of activations of this audience.",
                "aud_0vK3mR2HsD8pL4jT6uXaGb",
                **_ID,
            ),
            query_text(
                "destinationId", "Only syncs to this account.", "66be7aeca665bd11f8908630", **_ID
            ),
            query_text(
                "since",
                "Only syncs that were opened at this time or later (RFC 3339).",
                "2026-01-31T12:00:00Z",
                **_ID,
            ),
            query_flag("rejected", "`true`: only syncs with rejected changes."),
        ),
        tag="Syncs",
    ),
)
async def list_syncs(
    request: Request,
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    page: PageDep,
) -> Response:
    """List the syncs of all activations of a space, newest first, including dry runs and test sends."""
    found, counts = await reports.page_sync_log(session, scene.space_id, _sought(request), page)
    views = await syncs.view_syncs(
        session, scene.space_id, [row.sync for row in found.entries], counts
    )
    return answer(
        contract.SyncLogData(
            syncs=[
                contract.LoggedSyncOutput(
                    activation_name=row.activation_name,
                    audience_id=row.audience_id,
                    audience_name=row.audience_name,
                    destination_name=row.destination_name,
                    sync=sync_wire(view),
                )
                for row, view in zip(found.entries, views, strict=True)
            ],
            pagination=pagination(found),
        )
    )


def _sought(request: Request) -> reports.SoughtSyncs:
    return reports.SoughtSyncs(
        state=read_choice(request, "status", SyncState),
        activation_id=read_text(request, "activationId"),
        audience_id=read_text(request, "audienceId"),
        destination_id=read_text(request, "destinationId"),
        since=_moment(read_text(request, "since")),
        rejected=read_flag(request, "rejected"),
    )


def _moment(text: str | None) -> datetime | None:
    try:
        return from_wire(text) if text else None
    except ValueError as error:
        raise Invalid(f'"since": {error}', field="since") from None
