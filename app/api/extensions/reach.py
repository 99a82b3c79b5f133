"""The route of the reach of an audience."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.api.edge import (
    PAGINATION,
    ApiRoute,
    AudienceId,
    CurrentSpace,
    PageDep,
    PlatformDep,
    SpaceId,
    answer,
    described,
    pagination,
    query_text,
    read_text,
)
from app.api.extensions.parts import AUDIENCE
from app.contract.extensions import reach as contract
from app.core.errors import Invalid
from app.services import reports

router = APIRouter(route_class=ApiRoute)

_LONGEST = 2_000  # characters of a list of ids


@router.get(
    AUDIENCE + "/reach",
    **described(
        "getAudienceReach",
        lasting=True,
        output=contract.ReachData,
        summary="Count the members that each destination can receive",
        errors=(404, 409, 422),
        parameters=(
            PAGINATION,
            query_text(
                "runId",
                "The reach after this run; by default the reach now.",
                "run_0vK3mWh5PzB8vD4kY2jTrA",
                maxLength=255,
            ),
            query_text(
                "destinationId",
                "An estimate for this account only.",
                "66be7aeca665bd11f8908630",
                maxLength=255,
            ),
            query_text(
                "audienceIds",
                "With destinationId: ids of more audiences, separated by commas; the union is counted.",
                "aud_0vK3mR2HsD8pL4jT6uXaGb,aud_0vK3mZ1SoE9wP7yJ2bLrUc",
                maxLength=_LONGEST,
            ),
        ),
        tag="Runs",
    ),
)
async def get_reach(
    request: Request,
    platform: PlatformDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    page: PageDep,
) -> Response:
    """Count the members that can be sent, by activation, and by connection if it has no activation.

    An account in `destinationId` need not be connected. Raises Invalid for `audienceIds` without `destinationId`.
    """
    run_id = read_text(request, "runId")
    destination_id = read_text(request, "destinationId")
    more = read_text(request, "audienceIds", longest=_LONGEST)
    if destination_id is not None:
        found = await reports.destination_reach(
            platform,
            space_id=scene.space_id,
            audience_id=audience_id,
            more=[one.strip() for one in (more or "").split(",") if one.strip()],
            run_id=run_id,
            destination_id=destination_id,
        )
    elif more is not None:
        raise Invalid(
            '"audienceIds": requires destinationId; activations have their own audiences',
            field="audienceIds",
        )
    else:
        found = await reports.audience_reach(
            platform,
            space_id=scene.space_id,
            audience_id=audience_id,
            run_id=run_id,
            request=page,
        )
    snapshot = found.snapshot
    return answer(
        contract.ReachData(
            reach=contract.ReachOutput(
                audience_id=audience_id,
                run_id=snapshot.run_id if snapshot else None,
                snapshot_id=snapshot.id if snapshot else None,
                as_of=snapshot.as_of if snapshot else None,
                size=snapshot.row_count if snapshot else None,
                destinations=[_wire(row) for row in found.page.entries],
            ),
            pagination=pagination(found.page),
        )
    )


def _wire(row: reports.ReachRow) -> contract.ReachRowOutput:
    return contract.ReachRowOutput(
        destination_id=row.destination.id,
        destination_name=row.destination.name,
        slug=row.destination.slug,
        connection_id=row.connection_id,
        activation_id=row.activation.id if row.activation else None,
        activation_name=row.activation.name if row.activation else None,
        audience_ids=list(row.audience_ids),
        size=row.reach.size if row.reach else None,
        reachable=row.reach.reachable if row.reach else None,
        left_out=dict(row.reach.left_out) if row.reach else {},
    )
