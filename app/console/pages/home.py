"""Home: what needs attention in a space, and its last day in figures."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import RedirectResponse, Response

from app.console.errors import PageRoute
from app.console.routing import get
from app.console.visits import Shown, Visit, space_link
from app.core.errors import NotFound
from app.services import reports


@dataclass(frozen=True, slots=True)
class HomeView:
    """The view model of Home."""

    summary: reports.SpaceSummary

    @property
    def is_empty(self) -> bool:
        """Whether the space has no activation yet."""
        return not any(self.summary.activations.values())


async def show_home(visit: Visit) -> Shown | Response:
    """Show the home of the space; without a space in the path, that of the first one. Raises NotFound if there is none."""
    if visit.space is None:
        if not visit.spaces:
            raise NotFound("The workspace has no space.")
        return RedirectResponse(space_link(visit.spaces[0].id), 303)
    summary = await reports.space_summary(visit.session, visit.space_id)
    return Shown(
        "home.html",
        "Home",
        HomeView(summary),
        section="home",
        api=[f"/spaces/{visit.space_id}/summary"],
    )


ROUTES = (
    PageRoute("/console", get(show_home)),
    PageRoute("/console/spaces/{spaceId}", get(show_home)),
)
