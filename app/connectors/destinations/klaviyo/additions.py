"""Adds members to a list: a few one by one, many by import jobs that are polled until they end."""

from __future__ import annotations

from collections.abc import Sequence

from app.connectors.base import Delivery, Pending, Receipts, Refusal
from app.connectors.destinations.klaviyo import payloads
from app.connectors.destinations.klaviyo.client import (
    PAGE,
    KlaviyoClient,
    KlaviyoNotFound,
    KlaviyoRefusal,
    KlaviyoTooLarge,
    list_path,
    profile_faults,
)
from app.connectors.destinations.klaviyo.payloads import Profile
from app.connectors.destinations.klaviyo.progress import Progress
from app.connectors.errors import ConfigurationRejected, ListGone, Throttled

JOB_ROWS = 10_000
# Up to this number single calls, which return the profiles' ids. A job takes at most 10,000 profiles:
# https://developers.klaviyo.com/en/reference/bulk_import_profiles
FEW = 10
_JOBS = "/api/profile-bulk-import-jobs"
_RESENDS = 3  # one bad profile refuses the whole job; it is sent again without the named profiles
_RESTARTS = 3


class Additions:
    """One call with members who enter or change. ``list_id`` None writes profiles only."""

    def __init__(
        self, client: KlaviyoClient, deliveries: Sequence[Delivery], list_id: str | None, rows: int
    ) -> None:
        self._client = client
        self._list_id = list_id
        self._rows = min(rows, JOB_ROWS)
        self._profiles, self._skipped = payloads.profiles_of(deliveries)

    async def go_on(self, progress: Progress) -> Receipts | Pending:
        """Do the next step: poll the running job, or start one."""
        if progress.job is not None and not await self._is_over(progress):
            return progress.waiting()
        rest = [
            profile
            for profile in self._profiles
            if profile.index >= progress.next and str(profile.index) not in progress.rejected
        ]
        if len(self._profiles) <= FEW:
            return await self._one_by_one(progress, rest)
        if not rest:
            return progress.receipts(self._skipped)
        return await self._start(progress, rest)

    async def _one_by_one(self, progress: Progress, rest: Sequence[Profile]) -> Receipts | Pending:
        for profile in rest:
            try:
                await self._write(progress, profile)
            except Throttled as error:
                if profile is rest[0]:
                    raise
                return progress.throttled(error)
            progress.next = profile.index + 1
        if self._list_id is not None and progress.partner_ids:
            body = payloads.members(dict.fromkeys(progress.partner_ids.values()))
            path = list_path(self._list_id, "/relationships/profiles")
            try:
                await self._client.send("POST", path, body)
            except KlaviyoNotFound as error:
                raise unknown_list(self._list_id, error) from error
            except Throttled as error:
                if not rest:
                    raise
                return progress.throttled(error)
        return progress.receipts(self._skipped)

    async def _write(self, progress: Progress, profile: Profile) -> None:
        body = payloads.single_profile(profile)
        try:
            answer = await self._client.send("POST", "/api/profile-import", body)
        except (KlaviyoNotFound, KlaviyoTooLarge):
            raise
        except KlaviyoRefusal as error:
            progress.reject(profile.index, _refusal_of(error))
        else:
            progress.partner_ids[str(profile.index)] = str(answer["data"]["id"])

    async def _start(self, progress: Progress, rest: Sequence[Profile]) -> Receipts | Pending:
        """Start one job with the next profiles, without profiles that Klaviyo refuses by name."""
        part = payloads.cut(rest, progress.rows or self._rows)
        upto = part[-1].index + 1
        for _ in range(_RESENDS):
            try:
                answer = await self._client.send(
                    "POST", _JOBS, payloads.import_job(part, self._list_id)
                )
            except KlaviyoTooLarge:
                if len(part) == 1:
                    raise
                progress.rows = max(1, len(part) // 2)
                return progress.pending(0)
            except KlaviyoNotFound as error:
                raise unknown_list(self._list_id, error) from error
            except KlaviyoRefusal as error:
                part = _without_refused(part, error, progress)
                if not part:
                    break
            else:
                progress.job, progress.upto, progress.polls = str(answer["data"]["id"]), upto, 0
                return progress.waiting()
        else:
            # Still refused for other profiles: these are recorded, and the rest is sent with the next try.
            return progress.pending(0) if part else progress.receipts(self._skipped)
        progress.next = upto
        return progress.pending(0)

    async def _is_over(self, progress: Progress) -> bool:
        """Return whether the running job has ended. If so, record the profiles that it could not import."""
        job = progress.job
        try:
            answer = await self._client.get(f"{_JOBS}/{job}")
        except KlaviyoNotFound:
            return self._restart(progress)  # expired: importing again is harmless
        attributes = answer["data"]["attributes"]
        if attributes["status"] == "cancelled":
            return self._restart(progress)
        if attributes["status"] != "complete":
            return False
        if attributes.get("failed_count"):
            await self._note_errors(progress)
        progress.next, progress.job = progress.upto, None
        return True

    def _restart(self, progress: Progress) -> bool:
        progress.restarts += 1
        progress.job = None
        if progress.restarts > _RESTARTS:
            raise ConfigurationRejected(
                "Klaviyo does not know the import job that it accepted; check if the key now belongs to another account"
            )
        return True

    async def _note_errors(self, progress: Progress) -> None:
        """Record import errors. They name no row, so match them by the values that were sent."""
        known = self._index_of(progress)
        unmatched = []
        path = f"{_JOBS}/{progress.job}/import-errors"
        async for page in self._client.pages(path, {"page[size]": str(PAGE)}):
            for entry in page:
                attributes = entry.get("attributes") or {}
                payload = attributes.get("original_payload") or {}
                index = next(
                    (
                        known[name, _folded(name, payload[name])]
                        for name in ("external_id", "email", "phone_number")
                        if payload.get(name) and (name, _folded(name, payload[name])) in known
                    ),
                    None,
                )
                refusal = Refusal(
                    str(attributes.get("code") or "import_error"),
                    str(attributes.get("detail") or attributes.get("title") or "not imported"),
                    (attributes.get("source") or {}).get("pointer"),
                )
                if index is None:
                    unmatched.append(refusal)
                else:
                    progress.reject(index, refusal)

    def _index_of(self, progress: Progress) -> dict[tuple[str, str], int]:
        return {
            (name, _folded(name, str(profile.attributes[name]))): profile.index
            for profile in self._profiles
            if progress.next <= profile.index < progress.upto
            for name in payloads.IDENTITY
            if name in profile.attributes
        }


def _without_refused(
    part: Sequence[Profile], error: KlaviyoRefusal, progress: Progress
) -> list[Profile]:
    """Return the profiles that a refusal does not name. Raises the refusal if it names something else."""
    named = profile_faults(error.faults)
    if not named:
        raise error
    for number, fault in named.items():
        if number < len(part):
            refusal = Refusal(fault.code, fault.detail, fault.pointer)
            progress.reject(part[number].index, refusal)
    return [profile for number, profile in enumerate(part) if number not in named]


def _refusal_of(error: KlaviyoRefusal) -> Refusal:
    fault = error.faults[0] if error.faults else None
    if fault is None:
        raise error
    return Refusal(fault.code, fault.detail, fault.pointer)


def _folded(name: str, value: str) -> str:
    return value.lower() if name == "email" else value


def unknown_list(list_id: str | None, error: KlaviyoNotFound) -> ListGone:
    """Return the error for an unknown list. It is retried, because a 404 can have other causes."""
    return ListGone(
        f"Klaviyo has no list {list_id} in this account; check upper and lower case",
        http_status=error.http_status,
        vendor_request_id=error.vendor_request_id,
        code="list_not_found",
    )
