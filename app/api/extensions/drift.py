"""The route that compares the partner's list with the holdings of an activation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Response

from app.api.edge import (
    ApiRoute,
    AudienceId,
    CurrentSpace,
    Id,
    PlatformOnceDep,
    SpaceId,
    answer,
    described,
)
from app.api.extensions.parts import ACTIVATION
from app.contract.extensions import drift as contract
from app.core import clock
from app.services import holdings

router = APIRouter(route_class=ApiRoute)


@router.post(
    ACTIVATION + "/holdings/drift",
    **described(
        "checkActivationDrift",
        lasting=True,
        output=contract.DriftData,
        summary="Compare the partner's list with the holdings",
        errors=(404, 409, 422, 503),
        has_body=True,
        request_examples={"look": {}, "repair what is ours": {"repair": True}},
        tag="Holdings",
    ),
)
async def check_drift(
    platform: PlatformOnceDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    id: Id,
    body: contract.DriftInput | None = None,
) -> Response:
    """Read the whole list at the partner, within its limits, and compare it with the recorded holdings.

    Returns 409 if the partner does not allow reading the list.
    """
    repair = body is not None and body.repair
    found = await holdings.check_drift(
        platform,
        space_id=scene.space_id,
        audience_id=audience_id,
        activation_id=id,
        repair=repair,
        actor=scene.actor,
        now=clock.now(),
    )
    return answer(
        contract.DriftData(
            drift=contract.DriftOutput(
                there=found.there,
                held=found.held,
                missing=_keys(found.missing, found.missing_samples),
                extra=_keys(found.extra, found.extra_samples),
                foreign=contract.DriftMembersOutput(
                    count=found.foreign,
                    samples=[
                        contract.DriftMemberOutput(**sample) for sample in found.foreign_samples
                    ],
                ),
                of_others=found.of_others,
                repaired=repair,
            )
        )
    )


def _keys(count: int, samples: Sequence[Mapping[str, Any]]) -> contract.DriftKeysOutput:
    return contract.DriftKeysOutput(
        count=count, samples=[contract.DriftKeyOutput(**sample) for sample in samples]
    )
