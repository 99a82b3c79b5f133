"""Routes of the catalogue: what the account of each destination needs. Segment's list has the actions and connection settings."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from app.api.edge import ApiRoute, CurrentToken, answer, described
from app.contract.extensions import catalogue as contract
from app.services import activations

router = APIRouter(route_class=ApiRoute)

CatalogueSlug = Annotated[
    str,
    Path(
        min_length=1,
        max_length=255,
        description="Slug or alias of the destination.",
        examples=["webhook"],
    ),
]


@router.get(
    "/catalogue",
    **described(
        "listCatalogue",
        output=contract.CatalogueData,
        summary="List the destinations of the catalogue",
        tag="Destinations",
    ),
)
async def list_catalogue(caller: CurrentToken) -> Response:
    """List all destinations with the settings of an account, the default identifiers, and what to do if it does not work.

    Actions, their fields and connection settings are in `listSupportedDestinationsFromAudience`.
    """
    return answer(
        contract.CatalogueData(destinations=[_wire(one) for one in activations.catalogue_entries()])
    )


@router.get(
    "/catalogue/{slug}",
    **described(
        "getCatalogueEntry",
        output=contract.CatalogueEntryData,
        summary="Get a destination of the catalogue",
        errors=(404, 422),
        tag="Destinations",
    ),
)
async def get_entry(caller: CurrentToken, slug: CatalogueSlug) -> Response:
    """Get what an account of a destination needs, and what to do if it does not work."""
    return answer(contract.CatalogueEntryData(destination=_wire(activations.catalogue_entry(slug))))


def _wire(entry: activations.CatalogueEntry) -> contract.CatalogueEntryOutput:
    one = entry.definition
    return contract.CatalogueEntryOutput(
        slug=one.slug,
        name=one.name,
        description=one.description,
        aliases=list(one.aliases),
        audience_types=list(one.audience_types),
        settings=[
            contract.SettingInputOutput(
                name=setting.name,
                label=setting.label,
                kind=setting.kind,
                description=setting.description,
                example=setting.example,
                choices=list(setting.choices),
                required=setting.is_required,
                generated=setting.is_generated,
            )
            for setting in entry.inputs
        ],
        identifiers=[
            contract.DefaultIdentifierOutput(
                external_id=identifier.external_id,
                strategy=identifier.strategy,
                map_to=identifier.map_to,
            )
            for identifier in one.default_id_sync
        ],
        changes_per_call=one.max_rows,
        cost_unit=one.cost_unit,
        troubleshooting=[
            contract.RemedyOutput(seen=remedy.seen, action=remedy.action)
            for remedy in one.troubleshooting
        ],
    )
