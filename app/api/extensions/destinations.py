"""Routes of accounts at partners and their checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Response

from app.api.edge import (
    PAGINATION,
    ApiRoute,
    CurrentSpace,
    DestinationId,
    PageDep,
    PlatformDep,
    PlatformOnceDep,
    Scene,
    SessionDep,
    SpaceId,
    answer,
    described,
    pagination,
)
from app.connectors.base import CheckResult
from app.contract.extensions import destinations as contract
from app.contract.extensions.base import REMOVED, RemovalOutput
from app.core import clock
from app.services import accounts, activations
from app.services.platform import BudgetUse, Platform

router = APIRouter(route_class=ApiRoute)

TAG = "Destinations"
_ONE = "/spaces/{spaceId}/destinations/{destinationId}"


async def _wire_all(
    platform: Platform,
    scene: Scene,
    rows: Sequence[Any],
    generated: Mapping[str, Any] | None = None,
) -> list[contract.DestinationOutput]:
    budgets = await activations.read_budgets(platform, rows)
    return [_wire(platform, scene, row, budgets[row.id], generated) for row in rows]


async def _wire_one(
    platform: Platform, scene: Scene, row: Any, generated: Mapping[str, Any] | None = None
) -> contract.DestinationData:
    (destination,) = await _wire_all(platform, scene, [row], generated)
    return contract.DestinationData(destination=destination)


def _wire(
    platform: Platform,
    scene: Scene,
    row: Any,
    budgets: Sequence[BudgetUse],
    generated: Mapping[str, Any] | None,
) -> contract.DestinationOutput:
    settings = accounts.shown_settings(platform.keyring, scene.workspace_id, row)
    breaker = None
    if row.open_until is not None and row.open_until > clock.now():
        reason = (row.breaker or {}).get("reason")
        breaker = contract.Breaker(open_until=row.open_until, reason=reason)
    return contract.DestinationOutput(
        id=row.id,
        space_id=row.space_id,
        slug=row.slug,
        name=row.name,
        settings={**settings, **(generated or {})},
        breaker=breaker,
        rate_budgets=[
            contract.RateBudgetOutput(
                name=one.name,
                calls=one.calls,
                window_seconds=one.window.total_seconds(),
                used=one.used,
                until=one.until,
            )
            for one in budgets
        ],
        created_by=row.created_by,
        updated_by=row.updated_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


@router.post(
    "/spaces/{spaceId}/destinations",
    **described(
        "createDestination",
        output=contract.DestinationData,
        summary="Add an account at a partner",
        errors=(404, 409, 422),
        has_body=True,
        request_examples={
            "webhook": {
                "slug": "webhook",
                "name": "Our receiver",
                "settings": {"url": "https://hooks.example.com/audiences"},
            },
            "klaviyo": {
                "slug": "klaviyo",
                "name": "Klaviyo EU",
                "settings": {"api_key": "pk_6f1d2c3b4a5968778695a4b3c2d1e0f9a8"},
            },
        },
        answer_example={
            "data": {
                "destination": {
                    "id": "66be7aeca665bd11f8908630",
                    "spaceId": "spa_0vK3mQ7ZtB5xR1nW9cYdEf",
                    "slug": "webhook",
                    "name": "Our receiver",
                    "settings": {
                        "url": "https://hooks.example.com/audiences",
                        "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwqKxNn7fBd0Y=",
                        "method": "POST",
                        "headers": {},
                        "batch_size": 100,
                        "form": "batch",
                    },
                    "breaker": None,
                    "rateBudgets": [],
                    "createdBy": "public-api-token/TJ7z8cg6",
                    "updatedBy": "public-api-token/TJ7z8cg6",
                    "createdAt": "2026-01-31T12:00:00.000Z",
                    "updatedAt": "2026-01-31T12:00:00.000Z",
                }
            }
        },
        tag=TAG,
    ),
)
async def create_destination(
    platform: PlatformDep,
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    body: contract.DestinationInput,
) -> Response:
    """Add an account at a partner. Only this response contains the secrets that the service generates."""
    # The session has used no connection of the database yet, except with an idempotency key, whose row it holds.
    await activations.refuse_closed_addresses(platform, body.settings)
    row, generated = await activations.create_destination(
        session,
        platform.keyring,
        workspace_id=scene.workspace_id,
        space_id=scene.space_id,
        slug=body.slug,
        name=body.name,
        settings=body.settings,
        permits_roles=platform.settings.permits_roles,
        outbound_allow=platform.settings.outbound_allow,
        actor=scene.actor,
        now=clock.now(),
    )
    return answer(await _wire_one(platform, scene, row, generated))


@router.get(
    "/spaces/{spaceId}/destinations",
    **described(
        "listDestinations",
        output=contract.DestinationsData,
        summary="List accounts",
        errors=(404, 422),
        parameters=(PAGINATION,),
        tag=TAG,
    ),
)
async def list_destinations(
    platform: PlatformDep,
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    page: PageDep,
) -> Response:
    """List the accounts of a space, oldest first."""
    found = await activations.page_destinations(session, scene.space_id, page)
    return answer(
        contract.DestinationsData(
            destinations=await _wire_all(platform, scene, found.entries),
            pagination=pagination(found),
        )
    )


@router.get(
    _ONE,
    **described(
        "getDestination",
        output=contract.DestinationData,
        summary="Get an account",
        errors=(404, 422),
        tag=TAG,
    ),
)
async def get_destination(
    platform: PlatformDep,
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    destination_id: DestinationId,
) -> Response:
    """Get an account. Secrets are shown as set or not set, with their last four characters."""
    row = await activations.get_destination(session, scene.space_id, destination_id)
    return answer(await _wire_one(platform, scene, row))


@router.patch(
    _ONE,
    **described(
        "updateDestination",
        output=contract.DestinationData,
        summary="Update an account",
        errors=(404, 409, 422),
        has_body=True,
        request_examples={
            "rotate the secret": {"settings": {"secret": None}},
            "rename": {"name": "Our other receiver"},
        },
        tag=TAG,
    ),
)
async def update_destination(
    platform: PlatformDep,
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    destination_id: DestinationId,
    body: contract.DestinationPatch,
) -> Response:
    """Update an account. Settings are merged; new settings resume activations that failures of the account had paused."""
    await activations.refuse_closed_addresses(platform, body.settings)
    row, generated = await activations.update_destination(
        session,
        platform.keyring,
        workspace_id=scene.workspace_id,
        space_id=scene.space_id,
        destination_id=destination_id,
        name=body.name,
        settings=body.settings,
        permits_roles=platform.settings.permits_roles,
        outbound_allow=platform.settings.outbound_allow,
        actor=scene.actor,
        now=clock.now(),
    )
    return answer(await _wire_one(platform, scene, row, generated))


@router.delete(
    _ONE,
    **described(
        "removeDestination",
        output=RemovalOutput,
        summary="Remove an account",
        errors=(404, 409, 422),
        tag=TAG,
    ),
)
async def remove_destination(
    platform: PlatformDep,
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    destination_id: DestinationId,
) -> Response:
    """Remove an account. Returns 409, with the names of the audiences, while an audience is connected to it."""
    await activations.delete_destination(
        session,
        platform.keyring,
        workspace_id=scene.workspace_id,
        space_id=scene.space_id,
        destination_id=destination_id,
        actor=scene.actor,
    )
    return answer(REMOVED)


@router.post(
    _ONE + "/checks",
    **described(
        "checkDestination",
        lasting=True,
        output=contract.CheckData,
        summary="Check the credentials of an account",
        errors=(404, 409, 422),
        has_body=True,
        request_examples={"as it is": {}, "with another size": {"settings": {"batch_size": 500}}},
        tag=TAG,
    ),
)
async def check_destination(
    platform: PlatformOnceDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    destination_id: DestinationId,
    body: contract.CheckInput | None = None,
) -> Response:
    """Check an account at the partner. Returns the partner's message.

    A successful check resumes activations that failures of the account had paused. With `settings`, the account is checked as it
    would be with these changes; nothing is stored or resumed.
    """
    result = await activations.check_destination(
        platform,
        workspace_id=scene.workspace_id,
        space_id=scene.space_id,
        destination_id=destination_id,
        connection_settings=body.connection_settings if body else {},
        actor=scene.actor,
        settings=body.settings if body else None,
    )
    return _checked(result)


@router.post(
    "/spaces/{spaceId}/destination-checks",
    **described(
        "checkDestinationSettings",
        lasting=True,
        output=contract.CheckData,
        summary="Check settings before an account is added",
        errors=(404, 409, 422),
        has_body=True,
        request_examples={
            "klaviyo": {
                "slug": "klaviyo",
                "settings": {"api_key": "pk_6f1d2c3b4a5968778695a4b3c2d1e0f9a8"},
            },
        },
        tag=TAG,
    ),
)
async def check_destination_settings(
    platform: PlatformOnceDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    body: contract.SettingsCheckInput,
) -> Response:
    """Check settings at the partner before an account is added. Nothing is stored. Returns the partner's message.

    Settings with a secret that the service generates can be checked after the account is added only: 422.
    """
    result = await activations.check_settings(
        platform,
        workspace_id=scene.workspace_id,
        slug=body.slug,
        settings=body.settings,
        connection_settings=body.connection_settings,
        now=clock.now(),
    )
    return _checked(result)


def _checked(result: CheckResult) -> Response:
    check = contract.CheckOutput(
        ok=result.ok, message=result.message, warnings=list(result.warnings)
    )
    return answer(contract.CheckData(check=check))
