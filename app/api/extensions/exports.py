"""Routes of the files that a sync has written, and the download of a file by its link."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse
from starlette.routing import Route

from app.api.edge import (
    ApiRoute,
    AudienceId,
    CurrentSpace,
    Id,
    PlatformDep,
    SpaceId,
    answer,
    described,
)
from app.api.extensions.parts import ACTIVATION, SyncId
from app.contract.extensions import exports as contract
from app.core import clock
from app.services import delivery
from app.services.platform import Platform

router = APIRouter(route_class=ApiRoute)

_TYPES = {
    ".csv": "text/csv; charset=utf-8",
    ".csv.gz": "application/gzip",
    ".parquet": "application/vnd.apache.parquet",
    ".json": "application/json",
}


@router.get(
    ACTIVATION + "/syncs/{syncId}/exports",
    **described(
        "listActivationSyncExports",
        lasting=True,
        output=contract.ExportsData,
        summary="List the files of a sync",
        errors=(404, 422),
        tag="Syncs",
    ),
)
async def list_exports(
    request: Request,
    platform: PlatformDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    id: Id,
    sync_id: SyncId,
) -> Response:
    """List the files that a sync has written, each with its checksum and a link to download it until it is deleted."""
    found = await delivery.exports_of_sync(
        platform,
        space_id=scene.space_id,
        audience_id=audience_id,
        activation_id=id,
        sync_id=sync_id,
        base_url=str(request.base_url),
        now=clock.now(),
    )
    return answer(
        contract.ExportsData(
            exports=[
                contract.ExportOutput(
                    name=file.name,
                    bytes=file.bytes,
                    sha256=file.sha256,
                    rows=file.rows,
                    url=file.url,
                    expires_at=file.expires_at,
                )
                for file in found
            ]
        )
    )


async def download(request: Request) -> Response:
    """Return the bytes of a file. The link grants access, so no token is required."""
    platform: Platform = request.app.state.platform
    name, pieces = await delivery.open_export(platform, request.path_params["token"], clock.now())
    kind = next((kind for end, kind in _TYPES.items() if name.endswith(end)), None)
    return StreamingResponse(
        pieces,
        media_type=kind or "application/octet-stream",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "private, no-store",
            "Referrer-Policy": "no-referrer",
        },
    )


router.routes.append(Route("/exports/{token}", download))
