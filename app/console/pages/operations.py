"""Operations: parts, workers, queue, limits and mail of the installation; the notices of the space, and a test notice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.console.addresses import activation_link
from app.console.lists import api_path, page_of
from app.console.tabs import routes_of
from app.console.visits import Shown, Visit
from app.core.errors import Invalid
from app.core.pagination import Page
from app.domain.notice_states import NoticeState
from app.services import reports, syncs

ROWS = 25
_WORDS = {NoticeState.NEW: "Waits", NoticeState.SENT: "Sent", NoticeState.FAILED: "Failed"}
_QUEUE = {
    "runs": "Audiences to compute",
    "plans": "Syncs to plan",
    "deliveries": "Syncs to send",
    "settlements": "Results to record",
    "previews": "Previews to compute",
    "notices": "Notices to send",
}


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the installation: whether it works, and what else there is to know about it."""

    name: str
    works: bool
    detail: str


@dataclass(frozen=True, slots=True)
class OperationsView:
    """The view model of the page. ``installation`` is None for tokens without the scope operator."""

    address: str
    installation: reports.Installation | None
    queue: Mapping[str, str]
    notices: Page[reports.LoggedNotice]
    counts: Mapping[NoticeState, int]
    words: Mapping[NoticeState, str]
    accounts: Sequence[Any]
    test: syncs.TestNotice | None

    @property
    def parts(self) -> Sequence[Part]:
        """The parts that the service needs."""
        found = self.installation
        assert found is not None  # noqa: S101  the template asks only then
        ready, mail = found.readiness, found.mail
        migration = f"migration {ready.revision or 'none'}"
        if not ready.migrations:
            migration += f", this version needs {ready.wanted}"
        migration = ready.reasons.get("database") or migration
        heard = "announces due work" if ready.redis else "PostgreSQL announces due work instead"
        return [
            Part("Database", ready.database and ready.migrations, migration),
            Part("Object store", ready.store, ready.reasons.get("store") or found.store),
            Part("Redis", ready.redis, ready.reasons.get("redis") or heard),
            Part(
                "Mail",
                mail.configured,
                f"by {mail.server}, from {mail.sender}"
                if mail.configured
                else "ACTIVATIONS_SMTP_URL is not set, so no mail is sent",
            ),
        ]

    @property
    def is_busy(self) -> bool:
        """Whether work is due, so that the page shows its progress."""
        return self.installation is not None and any(self.installation.queue.values())

    def notice_link(self, row: reports.LoggedNotice) -> str:
        """Return the address of what a notice is about: its sync, else its activation."""
        notice = row.notice
        rest = ("syncs", notice.sync_id) if notice.sync_id else ()
        return activation_link(notice.space_id, row.audience_id, notice.activation_id, *rest)


async def show_operations(visit: Visit) -> Shown:
    """Show the page. Raises Invalid for a state of notices that is not known."""
    return await _page(visit)


async def _page(visit: Visit, test: syncs.TestNotice | None = None) -> Shown:
    session, space_id = visit.session, visit.space_id
    state = visit.asked("state")
    if state is not None and state not in tuple(NoticeState):
        raise Invalid(f'"state": must be one of {", ".join(NoticeState)}', field="state")
    wanted = NoticeState(state) if state else None
    view = OperationsView(
        address=visit.link("operations"),
        installation=(
            await reports.read_installation(visit.platform) if visit.may_operate else None
        ),
        queue=_QUEUE,
        notices=await reports.page_notices(session, space_id, wanted, page_of(visit, ROWS)),
        counts=await reports.count_notices(session, space_id),
        words=_WORDS,
        accounts=await syncs.notified_accounts(session, space_id) if visit.may_write else (),
        test=test,
    )
    api = [api_path(f"/spaces/{space_id}/notices", state=state)]
    if visit.may_operate:
        api.insert(0, "/operations")
    return Shown("operations.html", "Operations", view, section="operations", api=api)


async def send_test(visit: Visit) -> Shown:
    """Send a test notice, with no transaction open, and show its result. Raises Invalid for a recipient that is none."""
    await visit.end_transaction()
    result = await syncs.send_test_notice(
        visit.platform,
        visit.space_id,
        email=visit.sent("email") or None,
        destination_id=visit.sent("destinationId") or None,
    )
    return await _page(visit, result)


ROUTES = routes_of(
    "/console/spaces/{spaceId}/operations", show_operations, {"test-notice": send_test}
)
