"""The route of the proposals for the fields of an action."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.api.edge import (
    ApiRoute,
    AudienceId,
    CurrentSpace,
    DestinationId,
    SessionDep,
    SpaceId,
    answer,
    described,
    query_text,
    read_text,
)
from app.api.extensions.parts import AUDIENCE
from app.contract.extensions import field_proposals as contract
from app.core.errors import Invalid
from app.domain.options import MOST_AUDIENCES
from app.services import activations

router = APIRouter(route_class=ApiRoute)

_LONGEST = 2_000  # characters of a list of ids


@router.get(
    AUDIENCE + "/field-proposals/{destinationId}",
    **described(
        "listFieldProposals",
        output=contract.FieldProposalsData,
        summary="Propose columns for the fields of an action",
        errors=(404, 422),
        parameters=(
            query_text(
                "actionId",
                "The action; by default the one of `Audience Membership Changed`.",
                "klaviyo-add-profile-to-list",
                maxLength=255,
            ),
            query_text(
                "audienceIds",
                "Ids of more audiences, separated by commas; their columns count, too.",
                "aud_0vK3mR2HsD8pL4jT6uXaGb,aud_0vK3mZ1SoE9wP7yJ2bLrUc",
                maxLength=_LONGEST,
            ),
        ),
        tag="Activations",
    ),
)
async def list_field_proposals(
    request: Request,
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    destination_id: DestinationId,
) -> Response:
    """Return, for each field of a destination's action, the column of an audience that probably fills it.

    Columns are recognised by their names, in any case and spelling, in English and German: `First Name` and `Vorname` fill
    the field `first_name`. A column is proposed for one field only. Nothing is saved: send the columns and mappings that you
    want with `addActivationToAudience`. An audience without a run has no columns.
    Raises Invalid for too many `audienceIds`.
    """
    more = read_text(request, "audienceIds", longest=_LONGEST) or ""
    ids = [audience_id, *(one.strip() for one in more.split(",") if one.strip())]
    if len(ids) > MOST_AUDIENCES + 1:
        raise Invalid(
            f'"audienceIds": may name {MOST_AUDIENCES} audiences at most', field="audienceIds"
        )
    found = await activations.propose_fields(
        session,
        space_id=scene.space_id,
        audience_ids=ids,
        destination_id=destination_id,
        action_id=read_text(request, "actionId"),
    )
    return answer(
        contract.FieldProposalsData(
            proposals=contract.FieldProposalsOutput(
                audience_id=audience_id,
                destination_id=destination_id,
                action_id=found.action.id if found.action else None,
                fields=[
                    contract.FieldProposalOutput(
                        key=one.field.key,
                        label=one.field.label,
                        column=one.default or one.proposed or None,
                        read_by_default=bool(one.default),
                        mapping={"@path": f"$.traits.{one.proposed}"} if one.proposed else None,
                    )
                    for one in found.fields
                ],
            )
        )
    )
