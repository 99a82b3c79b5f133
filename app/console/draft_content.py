"""What the steps of a new activation show, up to the destination."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from app.console.column_choices import table_of
from app.console.draft import Draft
from app.console.form_values import FormValues
from app.console.frequency_words import AT_START
from app.console.lists import page_of
from app.console.next_times import NextTime, next_times, times_of
from app.console.option_forms import checked_frequency
from app.console.visits import Visit
from app.core.errors import AppError, Invalid, NotFound
from app.core.pagination import PageRequest
from app.domain import schedules
from app.domain.frequency import Frequency
from app.domain.run_states import RunState
from app.services import accounts, activations, audiences, datasets, reports

ROWS = 20
LISTS = 50
DAILY = "daily"


@dataclass(frozen=True, slots=True)
class Goal:
    """What an activation is for: its title, what it does, and what it sends by default."""

    title: str
    text: str
    updates: bool = False


GOALS: Mapping[str, Goal] = {
    "segment": Goal(
        "Send a segment",
        "Who enters the audience is added to a list at the destination, who leaves is removed.",
    ),
    "attributes": Goal(
        "Keep attributes in sync",
        "Properties of the members are sent, and sent again whenever they change.",
        updates=True,
    ),
    "export": Goal(
        "Export files",
        "Each sync writes the changes to a file, or sends them to your own address.",
    ),
}


@dataclass(frozen=True, slots=True)
class AudienceRow:
    """An audience that can be chosen."""

    view: audiences.AudienceView
    is_chosen: bool

    @property
    def is_computed(self) -> bool:
        """Whether it has members that can be sent."""
        return self.view.audience.snapshot_id is not None

    @property
    def is_computing(self) -> bool:
        """Whether a run is open."""
        return self.view.run_state in (RunState.NEW, RunState.RUNNING)

    @property
    def has_failed(self) -> bool:
        """Whether it has no members, because its computation failed. It cannot be chosen."""
        return not self.is_computed and self.view.run_state == RunState.FAILED

    @property
    def is_ready(self) -> bool:
        """Whether the activation can go on with it, at each step and when it is saved."""
        return not self.obstacle

    @property
    def obstacle(self) -> str:
        """Why the activation cannot go on with it, as a sentence: it has no members. Empty if nothing speaks against it.

        An audience that was never computed, and is not computed now, is accepted: a schedule can compute it later.
        """
        name = self.view.audience.name
        if self.has_failed:
            return f"{name} could not be computed, so it has no members. Choose another audience."
        if self.is_computing and not self.is_computed:
            return f"{name} is still being computed. Continue when its members are counted."
        return ""

    @property
    def has_definition(self) -> bool:
        """Whether a definition computes it; else its members are uploaded."""
        return bool(self.view.audience.query)


@dataclass(frozen=True, slots=True)
class FailedAudience:
    """A chosen audience whose newest run failed, and why.

    ``is_useless`` says that it has no members of an earlier run. ``dataset_id`` is the upload whose columns were chosen.
    """

    id: str
    name: str
    cause: str
    is_useless: bool
    dataset_id: str | None


async def chosen_audiences(visit: Visit, draft: Draft) -> list[audiences.AudienceView]:
    """Return the audiences of a draft that exist, in their order."""
    found = []
    for audience_id in draft.all("audience")[:21]:
        try:
            found.append(await audiences.get_audience(visit.session, visit.space_id, audience_id))
        except NotFound:
            continue
    return found


async def audience_content(visit: Visit, draft: Draft) -> Any:
    """Return the chosen audiences, and a page of the others."""
    chosen = await chosen_audiences(visit, draft)
    ids = [view.audience.id for view in chosen]
    sought = visit.asked("search")
    search = audiences.Search("NAME", sought) if sought else None
    page = await audiences.page_audiences(
        visit.session, visit.space_id, search, page_of(visit, ROWS)
    )
    others = [AudienceRow(one, False) for one in page.entries if one.audience.id not in ids]
    rows = [*_chosen_rows(chosen), *others]
    return {
        "rows": rows,
        "page": page,
        "is_open": any(row.is_computing for row in rows),
        "failed": await failed_audiences(visit, chosen),
        "can_continue": bool(page.next) or any(row.is_ready for row in rows),
    }


def _chosen_rows(chosen: Sequence[audiences.AudienceView]) -> list[AudienceRow]:
    return [AudienceRow(one, not AudienceRow(one, True).has_failed) for one in chosen]


async def failed_audiences(
    visit: Visit, chosen: Sequence[audiences.AudienceView]
) -> Sequence[FailedAudience]:
    """Return the audiences whose newest run failed, with the cause."""
    found = []
    for view in chosen:
        if view.run_state == RunState.FAILED:
            one = view.audience
            run = await audiences.newest_run(visit.session, visit.space_id, one.id)
            error = (run.error if run is not None else None) or {}
            table = table_of(one.query)
            dataset = (
                await datasets.find_dataset(visit.session, visit.space_id, table) if table else None
            )
            found.append(
                FailedAudience(
                    one.id,
                    one.name,
                    str(error.get("message", "")),
                    AudienceRow(view, True).has_failed,
                    dataset.id if dataset is not None else None,
                )
            )
    return found


def audiences_obstacle(chosen: Sequence[audiences.AudienceView]) -> str:
    """Return why an activation cannot go on with these audiences, as a sentence; empty if it can."""
    if not chosen:
        return "Choose an audience, or upload one."
    rows = [AudienceRow(one, True) for one in chosen]
    return next((row.obstacle for row in rows if row.obstacle), "")


def check_audiences(chosen: Sequence[audiences.AudienceView]) -> None:
    """Raise Invalid if an activation cannot go on with these audiences. Each step checks this, and saving does."""
    if obstacle := audiences_obstacle(chosen):
        raise Invalid(obstacle, field="audience")


@dataclass(frozen=True, slots=True)
class ScheduleContent:
    """The schedule in words with its next times; ``form`` has what is chosen, or else what is proposed."""

    form: FormValues
    frequency: Frequency | None
    times: Sequence[NextTime]
    zone: str
    computed: Sequence[NextTime]
    lacks_schedule: bool

    @property
    def words(self) -> str:
        """The frequency in words, empty if it is not complete."""
        if self.frequency is None:
            return ""
        is_at_start = self.frequency.type == "once" and self.frequency.moment is None
        return AT_START if is_at_start else self.frequency.in_words()


async def schedule_content(visit: Visit, draft: Draft) -> ScheduleContent:
    """Return the schedule of a draft, and whether its audiences need one of their own."""
    chosen = await chosen_audiences(visit, draft)
    ids = [view.audience.id for view in chosen if view.audience.query]
    known = await audiences.schedules_by_audience(visit.session, visit.space_id, ids)
    scheduled = any(known[audience_id] for audience_id in ids)
    usual = "on_run" if scheduled else await _usual_frequency(visit, draft, chosen)
    form = FormValues({"frequency": [usual], **draft.texts})
    try:
        frequency: Frequency | None = checked_frequency(form, visit.now)
    except Invalid:
        frequency = None
    config = compute_schedule(draft)
    computed: Sequence[NextTime] = ()
    if config is not None and not schedules.problems_of(*config):
        following = partial(schedules.next_due, schedules.normal(*config))
        computed = times_of(following, config[1].get("timezone", "UTC"), visit.now)
    return ScheduleContent(
        form,
        frequency,
        next_times(frequency, visit.now) if frequency else (),
        frequency.zone if frequency else "UTC",
        computed,
        lacks_schedule=any(not known[audience_id] for audience_id in ids),
    )


async def _usual_frequency(
    visit: Visit, draft: Draft, chosen: Sequence[audiences.AudienceView]
) -> str:
    """Return the frequency that is proposed for audiences without a schedule: once, if they are uploaded lists."""
    if draft.one("goal") != "segment" or not chosen:
        return "on_run"
    uploaded = [await audiences.is_uploaded_list(visit.session, one.audience) for one in chosen]
    return "once" if all(uploaded) else "on_run"


def compute_schedule(draft: Draft) -> tuple[str, dict[str, Any]] | None:
    """Return strategy and configuration of the schedule that the audiences get; None if they get none.

    The configuration is ``{interval}`` or ``{days, hours, timezone}``.
    """
    chosen = draft.one("compute")
    if not chosen or draft.one("frequency", "on_run") != "on_run":
        return None
    if chosen != DAILY:
        return "PERIODIC", {"interval": chosen}
    hour = draft.one("compute.hour", "6")
    config = {
        "days": list(range(7)),
        "hours": [int(hour) if hour.isdecimal() and len(hour) < 4 else -1],
        "timezone": draft.one("frequency.zone") or "UTC",
    }
    return "SPECIFIC_DAYS", config


def check_schedule(draft: Draft, now: datetime) -> None:
    """Raise Invalid with each fault of the schedule of a draft."""
    checked_frequency(draft, now)
    if (config := compute_schedule(draft)) is not None:
        problems = schedules.problems_of(*config)
        if problems:
            named = {"config.hours": "compute.hour", "config.timezone": "frequency.zone"}
            raise Invalid(
                "the schedule does not fit",
                problems=[
                    replace(one, field=named.get(one.field or "", "compute")) for one in problems
                ],
            )


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account that can be chosen; ``misfit`` says why it cannot."""

    account: Any
    definition: Any
    is_chosen: bool
    is_paused: bool
    misfit: str


async def destination_content(visit: Visit, draft: Draft) -> Any:
    """Return the accounts, the catalogue, and of the chosen account its lists and how many members it can receive."""
    chosen = draft.one("destination") or await _only_account(visit, draft)
    reach, reach_fault = None, ""
    lists, lists_fault = None, ""
    if chosen:
        # Engine and partner are asked with no transaction open.
        await visit.session.rollback()
        lists, lists_fault = await read_lists(visit, chosen, visit.asked("search"))
        reach, reach_fault = await _reach(visit, draft.all("audience"), chosen)
    types = await _types(visit, draft)
    found = await activations.page_destinations(visit.session, visit.space_id, page_of(visit, ROWS))
    accounts_found = list(found.entries)
    if chosen and all(one.id != chosen for one in accounts_found):
        accounts_found.insert(
            0, await activations.get_destination(visit.session, visit.space_id, chosen)
        )
    rows = [_account_row(visit, one, chosen, types) for one in accounts_found]
    return {
        "rows": sorted(rows, key=lambda row: (bool(row.misfit), not row.is_chosen)),
        "page": found,
        "chosen": next((row for row in rows if row.is_chosen), None),
        "catalogue": activations.all_definitions(),
        "lists": lists,
        "lists_fault": lists_fault,
        "reach": reach,
        "reach_fault": reach_fault,
    }


async def _types(visit: Visit, draft: Draft) -> set[str]:
    return {view.audience.audience_type for view in await chosen_audiences(visit, draft)}


async def _only_account(visit: Visit, draft: Draft) -> str:
    """Return the id of the account if the space has only one, and it fits; else an empty text."""
    found = await activations.page_destinations(visit.session, visit.space_id, PageRequest(2))
    if len(found.entries) != 1:
        return ""
    row = _account_row(visit, found.entries[0], "", await _types(visit, draft))
    return "" if row.misfit else str(row.account.id)


def _account_row(visit: Visit, account: Any, chosen: str, types: set[str]) -> AccountRow:
    definition = accounts.connector_class(account.slug).definition
    misfit = types - set(definition.audience_types)
    return AccountRow(
        account,
        definition,
        account.id == chosen,
        account.open_until is not None and account.open_until > visit.now,
        f"takes no {', '.join(sorted(misfit))} audiences" if misfit else "",
    )


async def read_lists(
    visit: Visit, destination_id: str, search: str | None = None
) -> tuple[Any, str]:
    """Return the lists of an account, or the sentence why they cannot be read. No transaction should be open."""
    try:
        found = await activations.page_partner_lists(
            visit.platform,
            workspace_id=visit.caller.workspace_id,
            space_id=visit.space_id,
            destination_id=destination_id,
            search=search,
            request=PageRequest(LISTS),
        )
    except NotFound:
        raise
    except AppError as error:
        return None, error.message
    return found, ""


async def _reach(visit: Visit, ids: Sequence[str], destination_id: str) -> tuple[Any, str]:
    """Return the members that the account can receive, or the sentence why they are not known."""
    if not ids:
        return None, "Choose an audience first."
    try:
        found = await reports.destination_reach(
            visit.platform,
            space_id=visit.space_id,
            audience_id=ids[0],
            more=ids[1:],
            run_id=None,
            destination_id=destination_id,
        )
    except AppError as error:
        return None, error.message
    return found.page.entries[0].reach, ""
