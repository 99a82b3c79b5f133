"""Sync: what was planned and what became of it, batch by batch; approve, cancel, retry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from starlette.responses import Response

from app.console.addresses import activation_link, api_of
from app.console.code_words import code_words
from app.console.csv_files import csv_file
from app.console.errors import PageRoute
from app.console.routing import get, post
from app.console.shown_changes import ShownChange, shown_change
from app.console.split_arms import has_split, shown_arms
from app.console.visits import Done, Shown, Visit
from app.core.errors import Invalid
from app.core.pagination import Page, PageRequest, Position
from app.domain.changes import ChangeKind
from app.domain.status_words import SYNC_WORDS
from app.domain.sync_states import SyncState
from app.services import accounts, delivery, reports, syncs

T = TypeVar("T")
SAMPLE = 10
BATCHES = 50


@dataclass(frozen=True, slots=True)
class SyncPageView:
    """The view model of a sync."""

    overview: reports.Overview
    view: syncs.SyncView
    origin: reports.SyncOrigin
    word: str
    batches: Page[reports.BatchView]
    rejections: syncs.SyncRejections
    leaving: Sequence[reports.PlannedView]  # a sample, of a sync on hold
    files: Sequence[delivery.ExportedFile]  # that it has written, without manifests
    split_arms: Sequence[reports.SplitArm]  # of a sync that has ended
    address: str
    activation_address: str

    @property
    def is_held(self) -> bool:
        """Whether the sync waits for an approval."""
        return self.view.sync.state == SyncState.HELD

    @property
    def is_open(self) -> bool:
        """Whether the sync has not ended."""
        return self.view.sync.state.is_open

    @property
    def has_split(self) -> bool:
        """Whether the plan divides the members by a split."""
        return has_split(self.view.sync)

    @property
    def has_arms(self) -> bool:
        """Whether the batches write to the places of the arms of a split."""
        return any(batch.arms for batch in self.batches.entries)

    @property
    def is_known_by_reason(self) -> bool:
        """Whether one reason can be retried: what was rejected for it is kept."""
        return not self.is_open and self.view.sync.outcome is not None

    @property
    def dry_run(self) -> Mapping[str, Any] | None:
        """The report of a dry run: ``{calls, minutes, cost, changes, requests}``."""
        sync = self.view.sync
        return sync.report if sync.kind == "dry_run" and sync.report else None

    @property
    def sampled(self) -> Mapping[str, Sequence[ShownChange]]:
        """Samples of the changes of a dry run, by kind."""
        changes = (self.dry_run or {}).get("changes") or {}
        return {kind: [shown_change(one) for one in rows] for kind, rows in changes.items()}

    @property
    def counts(self) -> Mapping[str, int]:
        """The parts of the bar: ``{"delivered": …, "rejected": …, "skipped": …, "pending": …}``."""
        view = self.view
        return {
            "delivered": view.delivered,
            "rejected": view.rejected,
            "skipped": view.skipped,
            "pending": view.pending,
        }


def _path(visit: Visit) -> tuple[str, str, str]:
    return visit.path("audienceId"), visit.path("activationId"), visit.path("syncId")


def _address(visit: Visit) -> str:
    audience_id, activation_id, sync_id = _path(visit)
    return activation_link(visit.space_id, audience_id, activation_id, "syncs", sync_id)


async def show_sync(visit: Visit) -> Shown:
    """Show a sync. Raises NotFound."""
    audience_id, activation_id, sync_id = _path(visit)
    session, space_id = visit.session, visit.space_id
    overview = await reports.require_overview(session, space_id, audience_id, activation_id)
    view = await syncs.get_sync(session, space_id, activation_id, sync_id)
    is_held = view.sync.state == SyncState.HELD
    address = _address(visit)
    shown = SyncPageView(
        overview=overview,
        view=view,
        origin=await reports.sync_origin(session, view.sync, view.snapshots),
        word=SYNC_WORDS[view.sync.state],
        batches=await _batches(visit, view.sync),
        rejections=await syncs.sync_rejections(session, space_id, activation_id, sync_id),
        leaving=await _leaving(visit, activation_id, sync_id) if is_held else (),
        files=await _files(visit, overview, view.sync),
        split_arms=()
        if view.sync.state.is_open
        else await shown_arms(visit, audience_id, activation_id, view.sync),
        address=address,
        activation_address=activation_link(space_id, audience_id, activation_id),
    )
    api = [api_of(address), f"{api_of(address)}/batches", f"{api_of(address)}/rejections"]
    if shown.files:
        api.append(f"{api_of(address)}/exports")
    title = f"Sync {view.sync.number} of {overview.activation.name}"
    actors = [view.sync.opened_by, view.sync.approved_by]
    return Shown("sync.html", title, shown, section="syncs", api=api, actors=actors)


async def _files(
    visit: Visit, overview: reports.Overview, sync: Any
) -> Sequence[delivery.ExportedFile]:
    """Return the files of a sync of a file destination, if it has sent something."""
    definition = accounts.connector_class(overview.slug).definition
    if not definition.whole_plan or not sync.batches:
        return ()
    found = await delivery.exports_of_sync(
        visit.platform,
        space_id=visit.space_id,
        audience_id=overview.activation.audience_id,
        activation_id=overview.activation.id,
        sync_id=sync.id,
        base_url=str(visit.request.base_url),
        now=visit.now,
    )
    return [one for one in found if not one.is_manifest]


async def _batches(visit: Visit, sync: Any) -> Page[reports.BatchView]:
    asked = PageRequest(BATCHES, visit.asked("cursor"))
    position = asked.position()
    after = position.key[0] if position.key else "0"
    if not after.isdecimal() or len(after) > 9:
        raise Invalid("the cursor cannot be read", field="cursor")
    found, total = await reports.page_batches(
        visit.session, sync, after=int(after), limit=BATCHES + 1
    )
    entries = found[:BATCHES]
    follower = Position("after", (str(entries[-1].number),)) if len(found) > BATCHES else None
    return Page(
        entries,
        current=position.encode(),
        next=follower.encode() if follower else None,
        previous=Position().encode() if position.key else None,
        total=total,
    )


async def _leaving(visit: Visit, activation_id: str, sync_id: str) -> Sequence[reports.PlannedView]:
    return await reports.sample_plan(
        visit.platform,
        visit.session,
        visit.space_id,
        activation_id,
        sync_id,
        kind=ChangeKind.EXITED,
        most=SAMPLE,
    )


async def _change(visit: Visit, change: Callable[..., Awaitable[T]]) -> T:
    """Call a service that changes the sync of the path. Returns what it returns."""
    _, activation_id, sync_id = _path(visit)
    return await change(
        visit.session,
        visit.space_id,
        activation_id,
        sync_id,
        actor=visit.caller.actor,
    )


async def approve(visit: Visit) -> Done:
    """Approve the plan, whose number of exits is typed. Raises Invalid for a text that is no number, Conflict for another one."""
    typed = visit.sent("exits").replace(",", "")
    if not typed.isdecimal() or len(typed) > 12:
        raise Invalid("Type the number of members that leave.", field="exits")
    sync = await _change(visit, partial(syncs.approve_sync, exits=int(typed), now=visit.now))
    return Done(_address(visit), f"Sync {sync.number} was approved.")


async def cancel(visit: Visit) -> Done:
    """Cancel the sync; one on hold is rejected by this."""
    sync = await _change(visit, syncs.cancel_sync)
    return Done(_address(visit), f"Sync {sync.number} is cancelled.")


async def retry(visit: Visit) -> Done:
    """Open a sync that sends once more what the destination refused, of one reason if the form names it."""
    reason = visit.sent("reason") or None
    sync = await _change(visit, partial(syncs.retry_sync, reason=reason))
    audience_id, activation_id, _ = _path(visit)
    address = activation_link(visit.space_id, audience_id, activation_id, "syncs", sync.id)
    what = f"what was rejected ({code_words(reason, 'refusal')})" if reason else "what was rejected"
    return Done(address, f"Sync {sync.number} sends once more {what}.")


async def download_rejections(visit: Visit) -> Response:
    """Return the rejections of the sync as CSV: counts by reason, then up to 100 samples."""
    _, activation_id, sync_id = _path(visit)
    found = await syncs.sync_rejections(visit.session, visit.space_id, activation_id, sync_id)
    counts = [(code, count, "", "") for code, count in found.counts.items()]
    samples = [
        (one["code"], "", one["row"], " ".join(str(one.get("message")).split()))
        for one in found.samples
    ]
    return csv_file("rejections.csv", ("code", "changes", "row", "message"), [*counts, *samples])


ONE = "/console/spaces/{spaceId}/audiences/{audienceId}/activations/{activationId}/syncs/{syncId}"
ROUTES = (
    PageRoute(ONE, get(show_sync)),
    PageRoute(f"{ONE}/approve", post(approve, on=show_sync), methods=["POST"]),
    PageRoute(f"{ONE}/cancel", post(cancel, on=show_sync), methods=["POST"]),
    PageRoute(f"{ONE}/retry", post(retry, on=show_sync), methods=["POST"]),
    PageRoute(f"{ONE}/rejections.csv", get(download_rejections)),
)
