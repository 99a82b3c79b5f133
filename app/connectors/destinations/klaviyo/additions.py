"""Adds members to a list: a few one by one, many by import jobs that are polled until they end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.connectors.base import Delivery, Pending, PlaceRows, Receipts, Refusal
from app.connectors.destinations.klaviyo import payloads
from app.connectors.destinations.klaviyo.client import (
    KlaviyoClient,
    KlaviyoNotFound,
    KlaviyoRefusal,
    KlaviyoTooLarge,
    KlaviyoUnconfirmed,
    data_of,
    list_path,
    profile_faults,
    unknown_ids,
    unknown_list,
)
from app.connectors.destinations.klaviyo.first_alone import find_firsts
from app.connectors.destinations.klaviyo.import_jobs import JOBS, ImportJob
from app.connectors.destinations.klaviyo.payloads import Profile
from app.connectors.destinations.klaviyo.progress import LONGEST_WAIT, Progress
from app.connectors.destinations.klaviyo.refused_fields import (
    is_duplicate,
    leave_out,
    names_a_field,
    remaining,
    said_of,
    words_of,
)
from app.connectors.errors import Throttled

JOB_ROWS = 10_000
# Up to this number single calls, which return the profiles' ids. A job takes at most 10,000 profiles:
# https://developers.klaviyo.com/en/reference/bulk_import_profiles
FEW = 10
CLEARED_AT_ONCE = 25  # members with fields to clear, which only single calls can do
ADDED_AT_ONCE = 1_000  # https://developers.klaviyo.com/en/reference/add_profiles_to_list
#: A refused job is divided. Bounds for an account that refuses everything, and for many bad profiles.
_REFUSALS_BEFORE_ANY_SUCCESS = 40
_REFUSALS = 400
_UNPAUSED = 20  # refusals without a wait; then each one waits longer


class Additions:
    """One call with members who enter or change. ``list_id`` None writes profiles only."""

    def __init__(
        self,
        client: KlaviyoClient,
        deliveries: Sequence[Delivery],
        list_id: str | None,
        rows: int,
        place_rows: PlaceRows | None = None,
    ) -> None:
        self._client = client
        self._place_rows = place_rows
        self._list_id = list_id
        self._rows = min(rows, JOB_ROWS)
        self._count = len(deliveries)
        self._profiles, self._skipped = payloads.profiles_of(deliveries)

    async def go_on(self, progress: Progress) -> Receipts | Pending:
        """Do the next step: poll the running job, or start one."""
        self._begin(progress)
        if progress.job is not None:
            rows = self._rows_of_job(progress)
            if progress.sent is None:
                progress.sent = len(rows)
            waiting = await ImportJob(self._client, rows, progress).go_on()
            if waiting is not None:
                return waiting
            self._profiles = remaining(progress, self._profiles)
        waiting = await self._write_firsts(progress)
        if waiting is not None:
            return waiting
        if len(self._profiles) <= FEW:
            return await self._one_by_one(progress, self._profiles)
        waiting = await self._clear(progress)
        if waiting is not None:
            return waiting
        while progress.queue:
            first, end = progress.queue.pop(0)
            rest = self._unsettled(progress, first, end)
            if rest:
                return await self._start(progress, rest, end)
        return await self._send_again(progress)

    def _begin(self, progress: Progress) -> None:
        """Fill the queue; read the position of a handle that was stored without one."""
        self._profiles = remaining(progress, self._profiles)
        if progress.queue is not None:
            return
        if progress.job is not None:
            progress.span = [progress.next, progress.upto]
            progress.next = progress.upto
        progress.queue = [[progress.next, self._count]]

    async def _write_firsts(self, progress: Progress) -> Pending | None:
        """Write members with the key alone whose other identifiers other members carry. Returns None when that is done."""
        if progress.created:
            return None
        if progress.firsts is None:
            progress.firsts = await find_firsts(self._place_rows, self._profiles)
        chosen = {*progress.firsts, *progress.again}
        rows = [
            row.alone()
            for row in self._profiles
            if row.index in chosen and not progress.is_settled(row.index)
        ]
        waiting = await self._write_alone(progress, rows) if rows else None
        if waiting is not None:
            return waiting
        progress.created, progress.again = True, []
        # All are sent again, with all identifiers.
        progress.partner_ids, progress.accepted = {}, {}
        return None

    async def _write_alone(self, progress: Progress, rows: Sequence[Profile]) -> Pending | None:
        """Write the next members with the key alone: some by single calls, or many by a job."""
        if len(rows) > FEW and not progress.singly:
            part = payloads.cut(rows, self._rows)
            progress.firsts = [row.index for row in rows[len(part) :]]
            progress.again, progress.is_again = [], True
            try:
                return await self._start_job(progress, part, [row.index for row in part])
            except KlaviyoRefusal:
                progress.firsts, progress.is_again = [row.index for row in rows], False
                progress.singly = True
        waiting = await self._write_each(progress, rows[:CLEARED_AT_ONCE])
        return waiting or (progress.pending(0) if len(rows) > CLEARED_AT_ONCE else None)

    def _unsettled(self, progress: Progress, first: int, end: int) -> list[Profile]:
        return [
            profile
            for profile in self._profiles
            if first <= profile.index < end and not progress.is_settled(profile.index)
        ]

    def _rows_of_job(self, progress: Progress) -> list[Profile]:
        if progress.is_again:
            return self._again(progress, progress.span)
        first, end = progress.span
        return [
            row
            for row in self._profiles
            if first <= row.index < end
            and not (progress.stage is None and progress.is_settled(row.index))
        ]

    # Jobs

    async def _start(
        self, progress: Progress, rest: Sequence[Profile], end: int
    ) -> Receipts | Pending:
        """Start one job with the next profiles of a range."""
        part = payloads.cut(rest, progress.rows or self._rows)
        first, upto = part[0].index, part[-1].index + 1
        if len(part) < len(rest):
            progress.queue = [[upto, end], *(progress.queue or [])]
        try:
            return await self._start_job(progress, part, [first, upto])
        except KlaviyoTooLarge as error:
            if len(part) > 1:
                progress.rows = max(1, len(part) // 2)
                progress.queue = [[first, upto], *(progress.queue or [])]
                return progress.pending(0)
            return self._refused(progress, part, error)
        except KlaviyoRefusal as error:
            return self._refused(progress, part, error)

    async def _start_job(
        self, progress: Progress, part: Sequence[Profile], span: list[int]
    ) -> Pending:
        try:
            job = await self._accepted(part)
        except KlaviyoUnconfirmed as error:
            again = progress.once_more()
            if again is None:
                progress.is_again = False
                for profile in part:
                    progress.leave_unknown(profile.index, error.message)
                return progress.pending(0)
            if progress.is_again:
                progress.again, progress.is_again = [*span, *progress.again], False
            else:
                progress.queue = [span, *(progress.queue or [])]
            return progress.pending(again.check_after.total_seconds())
        progress.job, progress.span, progress.sent = job, span, len(part)
        progress.polls, progress.odd, progress.passed = 0, 0, True
        return progress.waiting()

    async def _accepted(self, part: Sequence[Profile]) -> str:
        try:
            answer = await self._client.send("POST", JOBS, payloads.import_job(part, self._list_id))
        except KlaviyoNotFound as error:
            raise unknown_list(self._list_id, error) from error
        return str(data_of(answer)["id"])

    def _refused(
        self, progress: Progress, part: Sequence[Profile], error: KlaviyoRefusal
    ) -> Pending:
        """Reject the profiles that a refusal names; divide the job if it names none."""
        progress.refusals += 1
        queue = progress.queue or []
        named = profile_faults(error.faults, len(part))
        span = [part[0].index, part[-1].index + 1]
        if named:
            _refuse(progress, part, error)
            progress.queue = [span, *queue]
        elif len(part) == 1:
            progress.suspect(part[0].index, words_of(error))
        else:
            middle = part[len(part) // 2].index
            progress.queue = [*queue, [span[0], middle], [middle, span[1]]]
            limit = _REFUSALS if progress.passed else _REFUSALS_BEFORE_ANY_SUCCESS
            if progress.refusals > limit:
                raise error
        return progress.pending(min(max(0, progress.refusals - _UNPAUSED) * 0.1, LONGEST_WAIT))

    async def _send_again(self, progress: Progress) -> Receipts | Pending:
        """Send members again: without a refused field, or with the key alone if other identifiers belong to other profiles."""
        chosen = self._again(progress, progress.again)
        if 0 < len(chosen) <= FEW:
            return await self._one_by_one(progress, chosen)
        rows = [row for row in chosen if not progress.is_settled(row.index)]
        if not rows:
            return progress.receipts(self._skipped)
        part = payloads.cut(rows, progress.rows or self._rows)
        progress.again, progress.is_again = [row.index for row in rows[len(part) :]], True
        try:
            return await self._start_job(progress, part, [row.index for row in part])
        except KlaviyoRefusal as error:
            progress.again, progress.is_again = [row.index for row in rows], False
            if isinstance(error, KlaviyoTooLarge) and len(part) > 1:
                progress.rows = max(1, len(part) // 2)
            else:
                _refuse(progress, part, error)
            return progress.pending(0)

    def _again(self, progress: Progress, indexes: Sequence[int]) -> list[Profile]:
        chosen, whole = set(indexes), set(progress.whole)
        rows = [row for row in self._profiles if row.index in chosen]
        return [row if row.index in whole else row.alone() for row in rows]

    # Single calls

    async def _one_by_one(
        self, progress: Progress, profiles: Sequence[Profile]
    ) -> Receipts | Pending:
        rest = [row for row in profiles if not progress.is_settled(row.index)]
        waiting = await self._write_each(progress, rest)
        if waiting is not None:
            return waiting
        try:
            waiting = await self._add_each(progress, profiles)
        except Throttled as error:
            if not rest:
                raise
            return progress.throttled(error)
        return waiting or progress.receipts(self._skipped)

    async def _clear(self, progress: Progress) -> Pending | None:
        """Write the members with fields to clear, some at a time, and add them to the list. Returns None when that is done."""
        rows = [row for row in self._profiles if row.cleared]
        if progress.cleared or not rows:
            return None
        rest = [row for row in rows if not progress.is_settled(row.index)][:CLEARED_AT_ONCE]
        if rest:
            return await self._write_each(progress, rest) or progress.pending(0)
        waiting = await self._add_each(progress, rows)
        progress.cleared = waiting is None
        return waiting

    async def _write_each(self, progress: Progress, rest: Sequence[Profile]) -> Pending | None:
        for profile in rest:
            try:
                waiting = await self._write(progress, profile)
            except Throttled as error:
                if profile is rest[0]:
                    raise
                return progress.throttled(error)
            if waiting is not None:
                return waiting
        return None

    async def _add_each(self, progress: Progress, profiles: Sequence[Profile]) -> Pending | None:
        """Add written profiles to the list. An addition may be repeated."""
        written = [row.index for row in profiles if str(row.index) in progress.partner_ids]
        if self._list_id is None:
            return None
        for first in range(0, len(written), ADDED_AT_ONCE):
            part = written[first : first + ADDED_AT_ONCE]
            ids = {index: progress.partner_ids[str(index)] for index in part}
            waiting = await self._add(progress, self._list_id, ids)
            if waiting is not None:
                return waiting
        return None

    async def _add(self, progress: Progress, list_id: str, ids: dict[int, str]) -> Pending | None:
        path = list_path(list_id, "/relationships/profiles")
        while ids:
            sent = list(dict.fromkeys(ids.values()))
            try:
                await self._client.send("POST", path, payloads.members(sent), expected=(204,))
            except KlaviyoNotFound as error:
                gone = unknown_ids(error.faults, sent)
                if not gone:
                    raise unknown_list(list_id, error) from error
                ids = self._without(progress, ids, gone)
                continue
            except KlaviyoUnconfirmed as error:
                again = progress.once_more()
                if again is None:
                    for index in ids:
                        progress.leave_unknown(index, error.message)
                return again
            return None
        return None

    def _without(
        self, progress: Progress, ids: Mapping[int, str], gone: Mapping[str, str]
    ) -> dict[int, str]:
        """Leave members unknown whose profiles were removed or merged since they were written. Returns the other ids by index."""
        for index, one in ids.items():
            if one in gone:
                progress.leave_unknown(index, f"Klaviyo does not know the profile: {gone[one]}")
                progress.partner_ids.pop(str(index))
        return {index: one for index, one in ids.items() if one not in gone}

    async def _write(self, progress: Progress, profile: Profile) -> Pending | None:
        """Write one profile, with the key alone if another identifier belongs to another profile."""
        try:
            written = await self._written(profile)
        except KlaviyoUnconfirmed as error:
            again = progress.once_more()
            if again is None:
                progress.leave_unknown(profile.index, error.message)
            return again
        except (KlaviyoNotFound, KlaviyoTooLarge):
            raise
        except KlaviyoRefusal as error:
            if is_duplicate(error) and profile.has_others:
                progress.note(profile.index, words_of(error), profile.identity_alone)
                return await self._write(progress, profile.alone())
            rest = leave_out(progress, profile, words_of(error))
            if rest is not None:
                return await self._write(progress, rest)
            if is_duplicate(error) or names_a_field(error):
                progress.reject(profile.index, words_of(error))
            else:
                progress.suspect(profile.index, words_of(error))
        else:
            progress.found_out(profile.index, profile.carried(written.get("attributes")))
            progress.passed = True
            return await self._restore(progress, profile, str(written["id"]))
        return None

    async def _restore(
        self, progress: Progress, profile: Profile, partner_id: str
    ) -> Pending | None:
        """Record the profile of a member. A member who had it before in this call is written again, with the key alone."""
        former = [int(index) for index, one in progress.partner_ids.items() if one == partner_id]
        progress.partner_ids[str(profile.index)] = partner_id
        for row in self._profiles:
            if row.index in former and row.index not in (profile.index, *progress.restored):
                progress.restored.append(row.index)
                progress.partner_ids.pop(str(row.index))
                waiting = await self._write(progress, row.alone())
                if waiting is not None:
                    return waiting
        return None

    async def _written(self, profile: Profile) -> Mapping[str, Any]:
        body = payloads.single_profile(profile)
        answer = await self._client.send("POST", "/api/profile-import", body, expected=(200, 201))
        return data_of(answer)


def _refuse(progress: Progress, part: Sequence[Profile], error: KlaviyoRefusal) -> None:
    """Reject the profiles that a refusal names, or leave the named fields out; all of them if it names none."""
    named = profile_faults(error.faults, len(part))
    if not named:
        for row in part:  # with the reason of the first refusal
            code, message, pointer = progress.notes.get(str(row.index)) or said_of(error)
            is_left = row.index in progress.whole
            progress.reject(
                row.index, words_of(error) if is_left else Refusal(str(code), str(message), pointer)
            )
    for number, fault in named.items():
        refusal = Refusal(fault.code, fault.detail, fault.pointer)
        if leave_out(progress, part[number], refusal) is None:
            progress.reject(part[number].index, refusal)
