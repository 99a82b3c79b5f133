"""An import job that was accepted: polls it, and finds out which of its profiles it imported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.connectors.answers import printable
from app.connectors.base import Pending, Refusal
from app.connectors.destinations.klaviyo import payloads
from app.connectors.destinations.klaviyo.client import (
    DUPLICATE,
    PAGE,
    KlaviyoClient,
    KlaviyoNotFound,
    KlaviyoUnconfirmed,
    data_of,
)
from app.connectors.destinations.klaviyo.payloads import Profile
from app.connectors.destinations.klaviyo.progress import Progress
from app.connectors.destinations.klaviyo.refused_fields import leave_out
from app.connectors.errors import ConfigurationRejected, ConnectorError, Throttled

JOBS = "/api/profile-bulk-import-jobs"
#: The profiles of a confirmed job are read for their ids up to this number: exits need not be searched for then.
MOST_IDS = 1_000
_RESTARTS = 3
_WORKING = ("queued", "processing")
_ERRORS, _PROFILES = "errors", "profiles"
_UNKNOWN = "Klaviyo does not know the import job that it accepted; check if the key now belongs to another account"
_CANCELLED = f"Klaviyo cancelled the import {_RESTARTS + 1} times; ask Klaviyo why, then enable the activation again"
_UNLISTED = "the import ended, and the profile is not among those that it imported"


async def is_working(client: KlaviyoClient, job: str) -> bool:
    """Return whether a job may still import profiles. A job that Klaviyo does not know has ended."""
    try:
        found = data_of(await client.get(f"{JOBS}/{job}"))
    except KlaviyoNotFound:
        return False
    return (found.get("attributes") or {}).get("status") not in ("complete", "cancelled")


class ImportJob:
    """The running job of a call. ``rows`` are its profiles that are not settled yet."""

    def __init__(self, client: KlaviyoClient, rows: Sequence[Profile], progress: Progress) -> None:
        self._client = client
        self._rows = rows
        self._progress = progress

    async def go_on(self) -> Pending | None:
        """Do the next step. Returns None if the job has ended, and each of its rows is settled or confirmed."""
        progress = self._progress
        try:
            if progress.stage is None:
                waiting = await self._poll()
                if progress.stage is None:
                    return waiting
            await self._read()
        except Throttled as error:
            if progress.stage is None:
                raise
            return progress.throttled(error)
        except KlaviyoUnconfirmed as error:
            return self._unreadable(error.message)
        return None

    def _unreadable(self, words: str) -> Pending | None:
        """Try again after a response that confirms nothing; then leave what is not confirmed unknown."""
        progress = self._progress
        if (again := progress.once_more()) is not None:
            return again
        progress.words = progress.words or words
        if progress.stage == _ERRORS:  # the profiles of the job confirm rows without them
            progress.stage, progress.cursor, progress.odd = _PROFILES, None, 0
            return progress.pending(0)
        self._end()
        return None

    async def _poll(self) -> Pending | None:
        progress = self._progress
        try:
            job = data_of(await self._client.get(f"{JOBS}/{progress.job}"))
        except KlaviyoNotFound:
            self._restart(_UNKNOWN)  # expired: importing again is harmless
            return None
        attributes = job.get("attributes") or {}
        status = attributes.get("status")
        if status == "cancelled":
            self._restart(_CANCELLED)
            return None
        if status in _WORKING:
            progress.odd = 0
            return progress.waiting()
        if status != "complete":
            raise KlaviyoUnconfirmed(f"the import has the status {printable(str(status), 40)}")
        progress.odd = 0
        progress.counts = [
            _number(attributes.get(f"{name}_count")) for name in ("total", "completed", "failed")
        ]
        progress.stage = _PROFILES if progress.counts[2] == 0 else _ERRORS
        return None

    def _restart(self, why: str) -> None:
        progress = self._progress
        progress.restarts += 1
        if progress.restarts > _RESTARTS:
            raise ConfigurationRejected(why)
        if progress.is_again:
            progress.again = sorted({*progress.again, *(row.index for row in self._rows)})
        else:
            progress.queue = [progress.span, *(progress.queue or [])]
        self._forget()

    async def _read(self) -> None:
        """Read errors, then the profiles unless the counts explain every row."""
        if self._progress.stage == _ERRORS:
            await self._pages("import-errors", {}, self._note_errors)
            self._progress.stage, self._progress.cursor = _PROFILES, None
        confirmed = self._adds_up()
        if confirmed and len(self._rows) > MOST_IDS:
            self._forget()
            return
        fields = {"fields[profile]": "email,external_id,phone_number"}
        try:
            await self._pages("profiles", fields, self._note_profiles)
        except Throttled:
            raise
        except ConnectorError:
            if not confirmed:
                raise
        else:
            self._restore_renamed()
        self._forget() if confirmed else self._end()

    def _restore_renamed(self) -> None:
        """Send those again whose key no profile of the job has any more: another row, or another call, has renamed the profile."""
        progress = self._progress
        seen = {*progress.confirmed, *progress.failed}
        missing = {row.index for row in self._rows} - seen
        if progress.listed and not progress.is_again and self._adds_up():
            progress.again = sorted({*progress.again, *missing})

    async def _pages(self, what: str, fields: Mapping[str, str], note: Any) -> None:
        progress = self._progress
        seen = {progress.cursor}
        while True:
            path = f"{JOBS}/{progress.job}/{what}"
            try:
                entries, cursor = await self._client.page(
                    path, {**fields, "page[size]": str(PAGE)}, progress.cursor
                )
            except KlaviyoNotFound as error:
                raise KlaviyoUnconfirmed("it does not know the import any more") from error
            note(entries)
            if cursor is None:
                progress.odd = 0
                return
            if cursor in seen:
                raise KlaviyoUnconfirmed("its pages lead back to a page that was read")
            seen.add(cursor)
            progress.cursor = cursor

    def _adds_up(self) -> bool:
        """Return whether the counts confirm every row that no error was matched to."""
        progress = self._progress
        total, completed, failed = progress.counts
        if total is None or completed is None or failed is None or progress.words:
            return False
        return (
            total == progress.sent
            and completed + failed == total
            and failed == len(set(progress.failed))
        )

    def _end(self) -> None:
        """Leave the rows unknown that neither an error nor the profiles of the job name."""
        progress = self._progress
        confirmed = {*progress.confirmed, *progress.failed}
        words = progress.words or _UNLISTED
        for row in self._rows:
            if row.index not in confirmed:
                progress.leave_unknown(row.index, words)
        self._forget()

    def _forget(self) -> None:
        progress = self._progress
        progress.job, progress.stage, progress.cursor, progress.words = None, None, None, None
        progress.span, progress.counts, progress.failed, progress.confirmed = [], [], [], []
        progress.is_again, progress.odd, progress.polls, progress.sent = False, 0, 0, None
        progress.listed = 0

    def _note_errors(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Record import errors. They name no row, so match them by the values that were sent."""
        known = self._by_key()
        for entry in entries:
            attributes = entry.get("attributes") or {}
            refusal = _refusal_of(attributes)
            row = _match(known, attributes.get("original_payload"))
            if row is None:
                self._progress.words = (
                    f"an import error names no profile that was sent: {refusal.message}"
                )
            else:
                self._note_error(row, refusal)

    def _note_error(self, row: Profile, refusal: Refusal) -> None:
        progress = self._progress
        progress.failed.append(row.index)
        may_conflict = not progress.is_again or row.index in progress.whole
        if refusal.code == DUPLICATE and row.has_others and may_conflict:
            progress.whole = [index for index in progress.whole if index != row.index]
            progress.again = sorted({*progress.again, row.index})
            progress.note(row.index, refusal, row.identity_alone)
        elif leave_out(progress, row, refusal) is not None:
            progress.again = sorted({*progress.again, row.index})
            if not progress.is_again:
                progress.whole.append(row.index)
        else:
            progress.reject(row.index, refusal)

    def _note_profiles(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Record profiles that the job imported: by the key, which no other row of a plan has."""
        known, failed = self._by_key(), set(self._progress.failed)
        for entry in entries:
            self._progress.listed += 1
            for row in _rows_of(known, entry.get("attributes") or {}):
                if row.index not in failed:
                    self._progress.confirmed.append(row.index)
                    self._progress.partner_ids[str(row.index)] = str(entry["id"])
                    self._progress.found_out(row.index, row.carried(entry.get("attributes")))

    def _by_key(self) -> dict[tuple[str, str], Profile]:
        """Return the rows by key. Only keys are unique in a plan; other identifiers may be shared."""
        return {
            (row.key, payloads.folded(row.key, row.attributes[row.key])): row for row in self._rows
        }


def _rows_of(
    known: Mapping[tuple[str, str], Profile], attributes: Mapping[str, Any]
) -> list[Profile]:
    """Return the rows whose key is among the identifiers of a profile."""
    found = (
        known.get((name, payloads.folded(name, attributes[name])))
        for name in payloads.IDENTITY
        if attributes.get(name)
    )
    return [row for row in found if row is not None]


def _match(known: Mapping[tuple[str, str], Profile], payload: Any) -> Profile | None:
    """Return the one row that a payload repeats; None if no row, or several, can be meant."""
    if not isinstance(payload, dict):
        return None
    rows = _rows_of(known, payload)
    if len(rows) > 1:
        rows = [row for row in rows if _identifiers(row.attributes) == _identifiers(payload)]
    return rows[0] if len(rows) == 1 else None


def _identifiers(attributes: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: payloads.folded(name, attributes[name])
        for name in payloads.IDENTITY
        if attributes.get(name)
    }


def _refusal_of(attributes: Mapping[str, Any]) -> Refusal:
    source = attributes.get("source")
    pointer = source.get("pointer") if isinstance(source, dict) else None
    words = attributes.get("detail") or attributes.get("title") or "not imported"
    return Refusal(
        printable(str(attributes.get("code") or "import_error"), 100),
        printable(str(words), 300),
        pointer if isinstance(pointer, str) else None,
    )


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
