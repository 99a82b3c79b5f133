"""Routes of audiences and their forced runs."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from app.api.edge import (
    ALL_VERSIONS,
    PAGINATION,
    STABLE_AND_ALPHA,
    ApiRoute,
    AudienceId,
    CurrentSpace,
    OneAudienceId,
    PageDep,
    SessionDep,
    ShortPageDep,
    SpaceId,
    answer,
    described,
    pagination,
    pagination_parameter,
    read_object,
    validated,
)
from app.api.routes import examples
from app.api.routes.audience_parameters import INCLUDE, SEARCH, SORT
from app.api.routes.audience_schedules import schedule_to_wire
from app.api.routes.definitions import ResolvedAhead
from app.contract import audiences as contract
from app.core import clock
from app.core.clock import from_wire, to_wire
from app.core.errors import Invalid
from app.services import audiences

router = APIRouter(route_class=ApiRoute)

ALL = "/spaces/{spaceId}/audiences"
ONE = ALL + "/{id}"


@router.get(
    ALL,
    **described(
        "listAudiences",
        output=contract.ListAudiencesPaginatedOutput,
        summary="List audiences",
        errors=(404, 422),
        parameters=(SEARCH, pagination_parameter(200), INCLUDE),
        versions=ALL_VERSIONS,
        view="segment",
        tag="Audiences",
    ),
)
async def list_audiences(
    request: Request,
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    page: ShortPageDep,
) -> Response:
    """List the audiences of a space, oldest first."""
    with_schedules = _wants_schedules(request)
    found = await audiences.page_audiences(session, space_id, _search(request), page)
    schedules: dict[str, list[Any]] = {}
    if with_schedules:
        ids = [view.audience.id for view in found.entries]
        schedules = await audiences.schedules_by_audience(session, space_id, ids)
    return answer(
        {
            "audiences": [
                _long(view, schedules.get(view.audience.id) if with_schedules else None)
                for view in found.entries
            ],
            "pagination": pagination(found).to_wire(),
        }
    )


@router.post(
    ALL,
    **described(
        "createAudience",
        lasting=True,  # a definition is checked in a process of its own
        output=contract.CreateAudienceOutput,
        summary="Create an audience",
        errors=(404, 422),
        has_body=True,
        versions=ALL_VERSIONS,
        view="segment",
        request_examples=examples.CREATE_AUDIENCE,
        warns=True,
        tag="Audiences",
    ),
)
async def create_audience(
    resolved: ResolvedAhead,
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    body: contract.CreateAudienceInput,
) -> Response:
    """Create an audience. To compute it, force a run, add a schedule or supply its members."""
    view = await audiences.create_audience(
        session,
        space_id=space_id,
        name=body.name,
        query=body.definition.query,
        target_entity=body.definition.target_entity,
        audience_type=body.audience_type,
        enabled=body.enabled is not False,
        description=body.description,
        options=_options(body.options),
        actor=scene.actor,
        now=clock.now(),
    )
    return await _saved(session, view)


@router.get(
    ONE,
    **described(
        "getAudience",
        output=contract.GetAudienceOutput,
        summary="Get an audience",
        errors=(404, 422),
        parameters=(INCLUDE,),
        versions=ALL_VERSIONS,
        view="segment",
        tag="Audiences",
    ),
)
async def get_audience(
    request: Request,
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: OneAudienceId,
) -> Response:
    """Get an audience, with its size if it was computed."""
    schedules = None
    view = await audiences.get_audience(session, space_id, audience_id)
    if _wants_schedules(request):
        schedules = await audiences.list_schedules(session, space_id, audience_id)
    return answer({"audience": _long(view, schedules)})


@router.patch(
    ONE,
    **described(
        "updateAudienceForSpace",
        lasting=True,  # a definition is checked in a process of its own
        output=contract.UpdateAudienceForSpaceOutput,
        summary="Update an audience",
        errors=(404, 422),
        has_body=True,
        versions=ALL_VERSIONS,
        view="segment",
        request_examples=examples.UPDATE_AUDIENCE,
        warns=True,
        tag="Audiences",
    ),
)
async def update_audience(
    resolved: ResolvedAhead,
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: OneAudienceId,
    body: contract.UpdateAudienceForSpaceInput,
) -> Response:
    """Update the fields that are given. An update does not recompute the audience."""
    definition = body.definition
    view = await audiences.update_audience(
        session,
        space_id,
        audience_id,
        audiences.AudienceChanges(
            name=body.name,
            description=body.description,
            enabled=body.enabled,
            query=definition.query if definition else None,
            target_entity=definition.target_entity if definition else None,
            options=_options(body.options),
        ),
        actor=scene.actor,
        now=clock.now(),
    )
    return await _saved(session, view)


@router.delete(
    ONE,
    **described(
        "removeAudienceFromSpace",
        output=contract.RemoveAudienceFromSpaceOutput,
        summary="Remove an audience",
        errors=(404, 409, 422),
        versions=ALL_VERSIONS,
        view="segment",
        tag="Audiences",
    ),
)
async def remove_audience(
    session: SessionDep, scene: CurrentSpace, space_id: SpaceId, audience_id: OneAudienceId
) -> Response:
    """Remove an audience. Returns 409 while destinations or activations use it."""
    await audiences.remove_audience(session, space_id, audience_id, actor=scene.actor)
    return answer({"status": "SUCCESS"})


@router.get(
    ONE + "/audience-references",
    **described(
        "listAudienceConsumersFromSpaceAndAudience",
        output=contract.ListAudienceConsumersFromSpaceAndAudienceAlphaOutput,
        summary="List the audiences that use an audience",
        errors=(404, 422),
        parameters=(PAGINATION, SEARCH, SORT),
        view="segment",
        tag="Audiences",
    ),
)
async def list_consumers(
    request: Request,
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: OneAudienceId,
    page: PageDep,
) -> Response:
    """List other audiences whose activations also send the members of this audience."""
    found = await audiences.page_consumers(
        session, space_id, audience_id, _search(request), _sort(request), page
    )
    return answer(
        {
            "audiences": [short_form(view) for view in found.entries],
            "pagination": pagination(found).to_wire(),
        }
    )


@router.post(
    ALL + "/{audienceId}/runs",
    **described(
        "forceExecuteAudienceRun",
        output=contract.ForceExecuteAudienceRunOutput,
        summary="Compute an audience now",
        errors=(404, 409, 422),
        has_body=True,
        versions=STABLE_AND_ALPHA,
        view="segment",
        request_examples=examples.FORCE_RUN,
        tag="Audiences",
    ),
)
async def force_run(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    body: contract.ForceRunInput | None = None,
) -> Response:
    """Start a run. As an extension, the body can contain the time as of which the audience is computed."""
    wanted = body or contract.ForceRunInput()
    run = await audiences.force_run(
        session,
        space_id,
        audience_id,
        as_of=read_moment(wanted.as_of, "asOf"),
        make_current=wanted.make_current or False,
        actor=scene.actor,
        now=clock.now(),
    )
    return answer({"run": {"id": run.id}})


async def _saved(session: SessionDep, view: audiences.AudienceView) -> Response:
    """Return a saved audience with the number of warnings about it."""
    found = await audiences.saved_audience_warnings(session, view.audience)
    return answer({"audience": short_form(view)}, warnings=len(found))


def read_moment(text: str | None, field: str) -> Any:
    """Parse an RFC 3339 time. Raises Invalid if the text is not one."""
    if text is None:
        return None
    try:
        return from_wire(text)
    except (ValueError, OverflowError):
        raise Invalid(
            f'"{field}": must be a time such as 2026-01-31T12:00:00Z', field=field
        ) from None


def _wants_schedules(request: Request) -> bool:
    return "include" in request.query_params


def _search(request: Request) -> audiences.Search | None:
    found = read_object(request, "search")
    if found is None:
        return None
    given = validated(contract.AudienceSearchInput, found, "search")
    return audiences.Search(given.type, given.query)


def _sort(request: Request) -> audiences.Sort:
    found = read_object(request, "sort")
    if found is None:
        return audiences.Sort()
    given = validated(contract.AudienceSortInput, found, "sort")
    return audiences.Sort(given.field, descending=given.direction == "DESC")


def _options(options: contract.AudienceOptionsInput | None) -> dict[str, Any] | None:
    return options.model_dump(by_alias=True, exclude_unset=True) if options else None


def short_form(view: audiences.AudienceView) -> dict[str, Any]:
    """Return the properties of ``AudienceSummary``."""
    audience = view.audience
    return {
        "id": audience.id,
        "spaceId": audience.space_id,
        **audiences.audience_fields(audience),
        "status": audiences.audience_status(view),
        "createdBy": audience.created_by,
        "updatedBy": audience.updated_by,
        "createdAt": to_wire(audience.created_at),
        "updatedAt": to_wire(audience.updated_at),
    }


_SIZES = {"USERS": "USERS", "ACCOUNTS": "ACCOUNTS", "LINKED": "ENTITIES"}


def _long(view: audiences.AudienceView, schedules: Any) -> dict[str, Any]:
    """Return the properties of ``Audience``."""
    fields = short_form(view) | {"computeCadence": {"type": "BATCH"}}
    if view.audience.options is not None:
        fields["options"] = {
            "filterByExternalIds": audiences.DEFAULT_IDENTIFIERS,
            **view.audience.options,
        }
    if view.members is not None:
        fields["size"] = {"type": _SIZES[view.audience.audience_type], "count": view.members}
    if schedules is not None:
        fields["schedules"] = [schedule_to_wire(schedule) for schedule in schedules]
    return fields
