"""The overview: all activations of a space, with their states."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Invalid, NotFound
from app.core.pagination import START, Page, PageRequest, make_page
from app.domain.activation_states import ActivationState, Activity
from app.domain.status_words import FINISHED, Status, status_of
from app.storage.repositories.overview import ACTIVITIES, Overview, OverviewQueries, Sought

__all__ = [
    "ACTIVITIES",
    "Overview",
    "Sought",
    "count_overview",
    "overview_status",
    "overview_word",
    "page_overview",
    "require_overview",
]

OVERVIEW_STATES = (ActivationState.ACTIVE, ActivationState.INACTIVE, ActivationState.ERROR)


async def page_overview(
    session: AsyncSession, space_id: str, sought: Sought, request: PageRequest
) -> Page[Overview]:
    """Read a page of the activations of all audiences, oldest first. Raises Invalid for an unknown state."""
    if sought.state is not None and sought.state not in OVERVIEW_STATES:
        raise Invalid(f'"state": must be one of {", ".join(OVERVIEW_STATES)}', field="state")
    if sought.activity is not None and sought.activity not in ACTIVITIES:
        raise Invalid(f'"activity": must be one of {", ".join(ACTIVITIES)}', field="activity")
    repository = OverviewQueries(session)
    position = request.position()
    found = await repository.walk(space_id, sought, position, request.count + 1)
    total = await repository.count(space_id, sought)
    return make_page(
        found, request=request, position=position, key=lambda row: (row.activation.id,), total=total
    )


async def require_overview(
    session: AsyncSession, space_id: str, audience_id: str, activation_id: str
) -> Overview:
    """Read one activation as in the list. Raises NotFound if the audience does not have it."""
    sought = Sought(audience_id=audience_id, activation_id=activation_id)
    found = await OverviewQueries(session).walk(space_id, sought, START, 1)
    if not found:
        raise NotFound("activation not found")
    return found[0]


async def count_overview(session: AsyncSession, space_id: str, sought: Sought) -> dict[str, int]:
    """Return how many activations there are of each activity: ``{"active": …, "finished": …, "inactive": …, "error": …}``."""
    return await OverviewQueries(session).count_each(space_id, sought)


def overview_status(row: Overview) -> Status:
    """Return the status of an activation in one word."""
    paused_by = (row.activation.last_error or {}).get("pausedBy")
    return status_of(row.activation.state, paused_by, row.sync_state)


def overview_word(row: Overview) -> str:
    """Return the status of an activation as people read it: ``Finished`` for a one-time send that was sent, else its status."""
    status = overview_status(row)
    return FINISHED if row.activity == Activity.FINISHED and status == "Complete" else status
