"""The notices of a space as one log, with the names of the accounts that received them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Select, and_, func, select

from app.core.pagination import Position
from app.domain.notice_states import NoticeState
from app.storage.models import Activation, Destination, Notice
from app.storage.repositories import keyset
from app.storage.repositories.base import Reader


@dataclass(frozen=True, slots=True)
class LoggedNotice:
    """A notice, the audience of its activation, and the name of the account that it goes to.

    ``account_name`` is None for a mail, and for an account that was removed.
    """

    notice: Notice
    audience_id: str
    account_name: str | None


class NoticeLogQueries(Reader):
    """Reads across notices, activations and destinations."""

    async def walk(
        self, space_id: str, state: NoticeState | None, position: Position, limit: int
    ) -> Sequence[LoggedNotice]:
        """Read a part of the log, newest first; before a position oldest first."""
        query: Select[Notice, str, str] = (
            select(Notice, Activation.audience_id, Destination.name)
            .join(
                Activation,
                and_(Activation.space_id == Notice.space_id, Activation.id == Notice.activation_id),
            )
            .outerjoin(
                Destination,
                and_(
                    Destination.space_id == Notice.space_id,
                    Destination.id == Notice.recipient,
                    Notice.channel == "webhook",
                ),
            )
            .where(Notice.space_id == space_id)
        )
        if state is not None:
            query = query.where(Notice.state == state)
        query = keyset.walk(
            query, (Notice.id,), position.key, position, limit=limit, descending=True
        )
        return [LoggedNotice(*row) for row in await self._rows(query)]

    async def counts(self, space_id: str, span: timedelta) -> Mapping[NoticeState, int]:
        """Return how many notices of the last ``span`` are in each state: ``{state: number}``."""
        # Not the exact clock: an index finds only what is compared with a time that is fixed for the statement.
        query = (
            select(Notice.state, func.count())
            .where(Notice.space_id == space_id, Notice.created_at > func.now() - span)
            .group_by(Notice.state)
        )
        found = {row[0]: row[1] for row in await self._rows(query)}
        return {state: found.get(state, 0) for state in NoticeState}
