"""New activation: five steps, whose choices are in the address, so that a draft survives a reload. It is saved disabled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import RedirectResponse, Response

from app.console.addresses import activation_link
from app.console.draft import LABELS, STEPS, Draft, draft_of
from app.console.draft_content import (
    GOALS,
    FailedAudience,
    audience_content,
    audiences_obstacle,
    check_audiences,
    check_schedule,
    chosen_audiences,
    destination_content,
    failed_audiences,
    schedule_content,
)
from app.console.draft_save import save_draft
from app.console.draft_settings import settings_content
from app.console.draft_upload import columns_content, create_from_columns, receive_dataset
from app.console.errors import PageRoute
from app.console.routing import Page, get, post
from app.console.visits import Done, Shown, Visit
from app.core.errors import Invalid, NotFound
from app.services import activations, audiences


@dataclass(frozen=True, slots=True)
class NewActivationView:
    """The view model: the draft, the current step and its content."""

    draft: Draft
    step: str
    steps: Mapping[str, str]
    content: Any
    address: str
    template: str
    # On the steps after the audiences: those without members, and why the activation cannot go on.
    failed: Sequence[FailedAudience] = ()
    obstacle: str = ""

    @property
    def goals(self) -> Any:
        """What an activation can be for."""
        return GOALS

    @property
    def reached(self) -> int:
        """The number of steps that can be opened: all up to the first one without a choice."""
        return _reached(self.draft)

    @property
    def previous(self) -> str | None:
        """The step before."""
        keys = list(STEPS)
        index = keys.index(self.step)
        return keys[index - 1] if index else None


def _reached(draft: Draft) -> int:
    names = ("goal", "audience", "frequency", "destination")
    return next((index for index, name in enumerate(names) if not draft.one(name)), len(names))


async def _nothing(visit: Visit, draft: Draft) -> Any:
    return None


_CONTENT: Mapping[str, Callable[[Visit, Draft], Awaitable[Any]]] = {
    "goal": _nothing,
    "audiences": audience_content,
    "schedule": schedule_content,
    "destination": destination_content,
    "settings": settings_content,
}


async def begin(visit: Visit) -> Response:
    """Open the first step."""
    return RedirectResponse(draft_of(visit).address(visit, "goal"), 303)


async def show_step(visit: Visit) -> Shown | Response:
    """Show a step. With ``go``, check its choices, and continue if they fit. Raises NotFound for an unknown step."""
    step = visit.path("step")
    if step not in STEPS:
        raise NotFound("This page does not exist.")
    draft = draft_of(visit)
    open_steps = list(STEPS)[: _reached(draft) + 1]
    if step not in open_steps:
        return RedirectResponse(draft.address(visit, open_steps[-1]), 303)
    if visit.request.method == "GET" and visit.asked("go"):
        try:
            await _check(visit, step, draft)
        except Invalid as error:
            visit.problems = error.problems
        else:
            keys = list(STEPS)
            return RedirectResponse(draft.address(visit, keys[keys.index(step) + 1]), 303)
    return await _page(visit, step, draft)


def _show_of(step: str) -> Page:
    async def show(visit: Visit) -> Shown | Response:
        return await _page(visit, step, draft_of(visit))

    return show


async def _page(visit: Visit, step: str, draft: Draft) -> Shown:
    content = await _CONTENT[step](visit, draft)
    failed: Sequence[FailedAudience] = ()
    obstacle = ""
    if step not in ("goal", "audiences"):
        chosen = await chosen_audiences(visit, draft)
        failed = [one for one in await failed_audiences(visit, chosen) if one.is_useless]
        obstacle = audiences_obstacle(chosen)
    view = NewActivationView(
        draft,
        step,
        LABELS,
        content,
        draft.address(visit, step),
        f"new_activation/{step}.html",
        failed,
        obstacle,
    )
    return Shown(
        "new_activation.html",
        "New activation",
        view,
        section="activations",
        api=_api(visit, step, draft),
    )


def _api(visit: Visit, step: str, draft: Draft) -> list[str]:
    """Return the paths of the API for what a step shows."""
    space = f"/spaces/{visit.space_id}"
    destination, audience = draft.one("destination"), draft.one("audience")
    return {
        "goal": [],
        "audiences": [f"{space}/audiences"],
        "schedule": [f"{space}/audiences/{audience}/schedules"],
        "destination": [f"{space}/destinations"]
        + ([f"{space}/destinations/{destination}/lists"] if destination else []),
        "settings": [f"{space}/audiences/{audience}/members"],
    }[step]


async def _check(visit: Visit, step: str, draft: Draft) -> None:
    """Raise Invalid if the choices of a step do not fit, or no longer the audiences of an earlier one."""
    if step != "goal":
        check_audiences(await chosen_audiences(visit, draft))
    match step:
        case "goal" if draft.one("goal") not in GOALS:
            raise Invalid("Choose what the activation is for.", field="goal")
        case "schedule":
            check_schedule(draft, visit.now)
        case "destination":
            if not draft.one("destination"):
                raise Invalid("Choose a destination.", field="destination")
            await activations.get_destination(
                visit.session, visit.space_id, draft.one("destination")
            )
        case _:
            pass


async def compute(visit: Visit) -> Done:
    """Compute an audience now, and choose it."""
    draft, audience_id = draft_of(visit), visit.sent("computed")
    await audiences.force_run(
        visit.session, visit.space_id, audience_id, actor=visit.caller.actor, now=visit.now
    )
    chosen = list(dict.fromkeys([*draft.all("audience"), audience_id]))
    address = Draft({**draft.texts, "audience": chosen}).address(visit, "audiences")
    return Done(address)


async def upload(visit: Visit) -> Done:
    """Receive a file of people. The page after it asks what its columns are."""
    dataset = await receive_dataset(visit)
    address = draft_of(visit).address(visit, "columns", dataset=dataset.id)
    return Done(address, f"{dataset.row_count:,} rows were read.")


async def show_columns(visit: Visit) -> Shown:
    """Show the columns of an uploaded file, with what each of them probably is. Raises NotFound."""
    draft, dataset_id = draft_of(visit), visit.asked("dataset") or visit.sent("dataset")
    content = await columns_content(visit, dataset_id)
    view = NewActivationView(
        draft,
        "audiences",
        LABELS,
        content,
        visit.link("activations", "new", "columns"),
        "new_activation/columns.html",
    )
    api = [f"/spaces/{visit.space_id}/datasets/{dataset_id}"]
    return Shown("new_activation.html", "New activation", view, section="activations", api=api)


async def create_audience(visit: Visit) -> Done:
    """Create the audience of an uploaded file, compute it, and choose only it."""
    draft = draft_of(visit)
    audience, left_out = await create_from_columns(visit, visit.sent("dataset"))
    address = Draft({**draft.texts, "audience": [audience.id]}).address(visit, "audiences")
    return Done(address, f"{audience.name} was created. {left_out}".rstrip())


async def save(visit: Visit) -> Done:
    """Save the activation, disabled. The page after it shows a dry run, and asks what is sent first."""
    activation = await save_draft(visit, draft_of(visit))
    address = activation_link(visit.space_id, activation.audience_id, activation.id, "start")
    return Done(address, f"{activation.name} is saved. Nothing is sent yet.")


_NEW = "/console/spaces/{spaceId}/activations/new"
ROUTES = (
    PageRoute(_NEW, get(begin)),
    PageRoute(
        f"{_NEW}/audiences/compute", post(compute, on=_show_of("audiences")), methods=["POST"]
    ),
    PageRoute(
        f"{_NEW}/audiences/upload",
        post(upload, on=_show_of("audiences"), takes_file=True),
        methods=["POST"],
    ),
    PageRoute(f"{_NEW}/columns", get(show_columns)),
    PageRoute(f"{_NEW}/columns", post(create_audience, on=show_columns), methods=["POST"]),
    PageRoute(f"{_NEW}/settings/save", post(save, on=_show_of("settings")), methods=["POST"]),
    PageRoute(f"{_NEW}/{{step}}", get(show_step)),
)
