"""The route of the state of the installation."""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.api.edge import ApiRoute, PlatformDep, answer, described
from app.contract.extensions import operations as contract
from app.services import reports

router = APIRouter(route_class=ApiRoute)

OPERATOR = "operator"


@router.get(
    "/operations",
    **described(
        "getOperations",
        output=contract.OperationsData,
        summary="Get the state of the installation",
        scope=OPERATOR,
        tag="Operations",
    ),
)
async def get_operations(platform: PlatformDep) -> Response:
    """Get the state of the installation: parts, workers, queue, limits and mail. Needs the scope `operator`."""
    return answer(
        contract.OperationsData(operations=_wire(await reports.read_installation(platform)))
    )


def _wire(found: reports.Installation) -> contract.OperationsOutput:
    ready, mail = found.readiness, found.mail
    return contract.OperationsOutput(
        version=found.version,
        ready=ready.ready,
        parts=contract.PartsOutput(
            database=ready.database,
            migrations=ready.migrations,
            store=ready.store,
            redis=ready.redis,
        ),
        reasons=dict(ready.reasons),
        migration=ready.revision,
        newest_migration=ready.wanted,
        store=found.store,
        oldest_due_seconds=found.oldest_due,
        wake_ups=found.wake_ups,
        workers=[
            contract.WorkerOutput(
                id=one.beat.id,
                live=one.live,
                host=one.beat.host,
                pid=one.beat.pid,
                version=one.beat.version,
                lane=one.beat.lane,
                started_at=one.beat.started_at,
                beat_at=one.beat.beat_at,
            )
            for one in found.workers
        ],
        queue=contract.QueueOutput(**found.queue),
        limits=[
            contract.LimitOutput(
                setting=one.setting, value=one.value, unit=one.unit, meaning=one.meaning
            )
            for one in found.limits
        ],
        mail=contract.MailOutput(
            configured=mail.configured, server=mail.server, sender=mail.sender
        ),
    )
