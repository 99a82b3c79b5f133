"""Routes of the erasure of persons."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response

from app.api.edge import (
    PAGINATION,
    ApiRoute,
    CurrentSpace,
    PageDep,
    PlatformDep,
    SessionDep,
    SpaceId,
    answer,
    described,
    pagination,
    path_id,
    query_flag,
    read_flag,
)
from app.contract.extensions import erasures as contract
from app.contract.extensions.base import REMOVED, RemovalOutput
from app.services import erasure as service

router = APIRouter(route_class=ApiRoute)

TAG = "Erasures"
ErasureId = Annotated[str, path_id("erasureId", "the erasure", "ers_0vK3mZe8SgY6vJ9qB5gNuC")]
PersonName = Annotated[str, path_id("id", "the profile, or `email:` and an address", "u-1001")]


@router.delete(
    "/spaces/{spaceId}/profiles/{id}",
    **described(
        "eraseProfile",
        output=contract.ErasureData,
        summary="Erase a person",
        errors=(404, 409, 422),
        parameters=(
            query_flag(
                "refuse",
                "`true`: the ids and identifiers of the person are left out of uploads and runs from now on.",
            ),
        ),
        tag=TAG,
    ),
)
async def erase_profile(
    request: Request,
    session: SessionDep,
    platform: PlatformDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    id: PersonName,
) -> Response:
    """Begin the erasure of a person from everything that the space holds. Destinations that hold the person get its exit.

    The person is named by its profile id, or by an identifier with its type: `email:ada@example.com`. Returns the erasure of
    this name that is open, if there is one.
    """
    erasure = await service.request_erasure(
        session,
        platform.keyring,
        space_id=scene.space_id,
        name=id,
        refuse=read_flag(request, "refuse"),
        actor=scene.actor,
    )
    return answer(contract.ErasureData(erasure=_wire(erasure)))


@router.get(
    "/spaces/{spaceId}/erasures",
    **described(
        "listErasures",
        output=contract.ErasuresData,
        summary="List erasures",
        errors=(404, 422),
        parameters=(PAGINATION,),
        tag=TAG,
    ),
)
async def list_erasures(
    session: SessionDep, scene: CurrentSpace, space_id: SpaceId, page: PageDep
) -> Response:
    """List the erasures of a space, oldest first."""
    found = await service.page_erasures(session, scene.space_id, page)
    return answer(
        contract.ErasuresData(
            erasures=[_wire(erasure) for erasure in found.entries], pagination=pagination(found)
        )
    )


@router.get(
    "/spaces/{spaceId}/erasures/{erasureId}",
    **described(
        "getErasure",
        output=contract.ErasureData,
        summary="Get an erasure",
        errors=(404, 422),
        tag=TAG,
    ),
)
async def get_erasure(
    session: SessionDep, scene: CurrentSpace, space_id: SpaceId, erasure_id: ErasureId
) -> Response:
    """Get an erasure: its state, what was found, and what it waits for."""
    erasure = await service.get_erasure(session, scene.space_id, erasure_id)
    return answer(contract.ErasureData(erasure=_wire(erasure)))


@router.delete(
    "/spaces/{spaceId}/refusedKeys/{id}",
    **described(
        "acceptRefusedKey",
        output=RemovalOutput,
        summary="Accept a refused key again",
        errors=(404, 422),
        tag=TAG,
    ),
)
async def accept_refused_key(
    session: SessionDep,
    platform: PlatformDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    id: PersonName,
) -> Response:
    """Accept an id or identifier again that an erasure refused. Returns 404 if it is not refused."""
    await service.accept_again(
        session,
        platform.keyring,
        space_id=scene.space_id,
        name=id,
        actor=scene.actor,
    )
    return answer(REMOVED)


def _wire(erasure: Any) -> contract.ErasureOutput:
    found = erasure.found
    return contract.ErasureOutput(
        id=erasure.id,
        status=erasure.state.value,
        refuse=erasure.refuse,
        profiles=found.get("profiles", 0),
        identifiers=found.get("identifiers", 0),
        shared=found.get("shared", 0),
        found=[_place(place, counts) for place, counts in (found.get("places") or {}).items()],
        kept=[
            contract.KeptAtDestinationOutput(
                activation_id=one["activationId"], reason=one["reason"], keys=one["keys"]
            )
            for one in found.get("kept") or ()
        ],
        waits_for=[_wait(one) for one in erasure.waits],
        configured=[
            contract.ConfiguredMentionOutput(**one) for one in found.get("configured") or ()
        ],
        returns=found.get("returns") or [],
        passes=erasure.passes,
        requested_by=erasure.requested_by,
        created_at=erasure.created_at,
        finished_at=erasure.finished_at,
    )


def _place(place: str, counts: dict[str, int]) -> contract.ErasedPlaceOutput:
    return contract.ErasedPlaceOutput(
        place=place,
        files=counts.get("files", 0),
        deleted=counts.get("deleted", 0),
        rows=counts.get("rows", 0),
        values=counts.get("values", 0),
    )


def _wait(wait: dict[str, Any]) -> contract.ErasureWaitOutput:
    return contract.ErasureWaitOutput(
        reason=wait["reason"],
        message=service.describe_wait(wait["reason"]),
        audience_id=wait.get("audienceId"),
        activation_id=wait.get("activationId"),
        sync_id=wait.get("syncId"),
        run_id=wait.get("runId"),
    )
