"""Routes of the holdings of an activation."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.api.edge import (
    PAGINATION,
    ApiRoute,
    AudienceId,
    CurrentSpace,
    Id,
    PageDep,
    PlatformDep,
    SessionDep,
    SpaceId,
    answer,
    described,
    pagination,
    read_body,
    validated,
)
from app.api.extensions.parts import ACTIVATION, UPLOAD_BODY, announced_length
from app.contract.extensions import holdings as contract
from app.contract.extensions.base import REMOVED, RemovalOutput
from app.core import clock
from app.core.sent_json import parse_json
from app.core.streamed_body import StreamedBody
from app.services import holdings

router = APIRouter(route_class=ApiRoute)

TAG = "Holdings"
_PATH = ACTIVATION + "/holdings"
_SEED_BODY = {
    **UPLOAD_BODY,
    "description": "A list in the form of an upload of members, streamed (Content-Encoding gzip or zstd is accepted), or "
    '{"from": "partner"} to read the list at the partner.',
    "content": {
        **UPLOAD_BODY["content"],
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["from"],
                "properties": {"from": {"type": "string", "enum": ["partner"]}},
                "additionalProperties": False,
            },
            "examples": {"as the partner has it": {"value": {"from": "partner"}}},
        },
    },
}


@router.get(
    _PATH,
    **described(
        "listActivationHoldings",
        lasting=True,
        output=contract.HoldingsData,
        summary="List holdings",
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
    """List the recorded holdings, sorted by key, including rows that record a refusal only."""
    found, activation = await holdings.page_held(
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
                    list=row["list"],
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
        summary="Seed holdings",
        errors=(400, 404, 409, 413, 415, 422, 507),
        upload=True,
        request_body=_SEED_BODY,
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
    """Replace the recorded holdings. Nothing is sent; the next sync plans from them.

    With `{"from": "partner"}`, members of the partner's list that are wanted or were held become held. Other members of
    the list are not changed.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == "application/json":
        given = parse_json(await read_body(request, platform.settings.max_body_bytes))
        validated(contract.SeedInput, given, "")
        seeded = await holdings.seed_from_partner(
            platform,
            space_id=scene.space_id,
            audience_id=audience_id,
            activation_id=id,
            actor=scene.actor,
            now=clock.now(),
        )
        return _count(seeded.held, seeded.assumed)
    body = StreamedBody(request)
    activation = await body.run(
        holdings.seed_holdings(
            platform,
            body.pieces(),
            space_id=scene.space_id,
            audience_id=audience_id,
            activation_id=id,
            content_type=request.headers.get("content-type"),
            content_encoding=request.headers.get("content-encoding"),
            announced=announced_length(request),
            actor=scene.actor,
            now=clock.now(),
        )
    )
    return _count(activation.held, activation.assumed)


def _count(held: int, assumed: int) -> Response:
    count = contract.HoldingsCount(held=held, assumed=assumed)
    return answer(contract.HoldingsCountData(holdings=count))


@router.delete(
    _PATH,
    **described(
        "forgetActivationHoldings",
        output=RemovalOutput,
        summary="Forget holdings",
        errors=(404, 409, 422),
        tag=TAG,
    ),
)
async def forget_holdings(
    session: SessionDep, scene: CurrentSpace, space_id: SpaceId, audience_id: AudienceId, id: Id
) -> Response:
    """Forget the recorded holdings. Nothing is removed at the destination; the next sync treats it as empty."""
    await holdings.forget_holdings(
        session, scene.space_id, audience_id, id, actor=scene.actor, now=clock.now()
    )
    return answer(REMOVED)
