"""Holdings of an activation."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.api.answers import answer, pagination
from app.api.deps import (
    PAGINATION,
    AudienceId,
    CurrentSpace,
    Id,
    PageDep,
    PlatformDep,
    SessionDep,
    SpaceId,
)
from app.api.extensions.parts import ACTIVATION, UPLOAD_BODY, announced_length
from app.api.operation import described
from app.api.route import ApiRoute
from app.contract.extensions import holdings as contract
from app.contract.extensions.base import REMOVED, RemovalOutput
from app.core import clock
from app.services import holdings

router = APIRouter(route_class=ApiRoute)

TAG = "Holdings"
_PATH = ACTIVATION + "/holdings"


@router.get(
    _PATH,
    **described(
        "listActivationHoldings",
        output=contract.HoldingsData,
        summary="What we think the destination holds",
        errors=(404, 422),
        parameters=(PAGINATION,),
        tag=TAG,
    ),
)
async def list_holdings(
    platform: PlatformDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    id: Id,
    page: PageDep,
) -> Response:
    """In the order of the keys; rows that only remember a refusal are among them."""
    found, activation = await holdings.page(
        platform,
        space_id=scene.space_id,
        audience_id=audience_id,
        activation_id=id,
        request=page,
    )
    return answer(
        contract.HoldingsData(
            holdings=[
                contract.HoldingOutput(
                    key_type=row["key_type"],
                    key=row["key"],
                    arm=row["arm"],
                    member_id=row["member_id"],
                    profile_id=row["profile_id"],
                    identity=row["identity"],
                    held=row["held"].value,
                    assumed=row["assumed"],
                    refused=row["refused"],
                    partner_id=row["partner_id"],
                    sync_number=row["sync"],
                )
                for row in found.entries
            ],
            held=activation.held,
            assumed=activation.assumed,
            pagination=pagination(found),
        )
    )


@router.put(
    _PATH,
    **described(
        "putActivationHoldings",
        output=contract.HoldingsCountData,
        summary="Say what is at the destination already",
        errors=(400, 404, 409, 413, 415, 422, 507),
        upload=True,
        request_body=UPLOAD_BODY,
        tag=TAG,
    ),
)
async def put_holdings(
    request: Request,
    platform: PlatformDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    id: Id,
) -> Response:
    """Rows as a membership has them, in place of what we thought. Nothing is sent; the next sync plans from it."""
    activation = await holdings.seed(
        platform,
        request.stream(),
        space_id=scene.space_id,
        audience_id=audience_id,
        activation_id=id,
        content_type=request.headers.get("content-type"),
        content_encoding=request.headers.get("content-encoding"),
        announced=announced_length(request),
        actor=scene.actor,
        now=clock.now(),
    )
    count = contract.HoldingsCount(held=activation.held, assumed=activation.assumed)
    return answer(contract.HoldingsCountData(holdings=count))


@router.delete(
    _PATH,
    **described(
        "forgetActivationHoldings",
        output=RemovalOutput,
        summary="Forget what the destination holds",
        errors=(404, 409, 422),
        tag=TAG,
    ),
)
async def forget_holdings(
    session: SessionDep, scene: CurrentSpace, space_id: SpaceId, audience_id: AudienceId, id: Id
) -> Response:
    """The next sync takes the destination as empty. Nothing is removed there."""
    await holdings.forget(
        session, scene.space_id, audience_id, id, actor=scene.actor, now=clock.now()
    )
    return answer(REMOVED)
