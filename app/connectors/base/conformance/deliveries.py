"""Checks of calls that the partner accepts: receipts, retries, pending calls and lists."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

from app.connectors.base.call import CheckResult, Delivery, Pending, Receipts
from app.connectors.base.conformance.subject import (
    PLANNED_AT,
    Check,
    NotConformant,
    Subject,
    session,
)
from app.connectors.base.protocols import Lists


async def credentials_are_checked(subject: Subject) -> None:
    """Check that ``check`` returns a successful result for valid settings. Raises NotConformant if not."""
    async with session(subject) as run:
        settings = subject.call.get("connection_settings") or {}
        result: object = await run.connector.check(settings)
    if not isinstance(result, CheckResult):
        raise NotConformant(f"check returned {type(result).__name__}, not CheckResult")
    if not result.ok or not result.message:
        raise NotConformant(f"check of valid settings returned {result}")


async def receipts_name_deliveries(subject: Subject) -> None:
    """Check that the receipts of accepted changes reject none of them and refer to them only. Raises NotConformant if not."""
    deliveries = subject.accepted()
    receipts = await _receipts(subject, deliveries)
    _check_indexes(receipts, len(deliveries))
    if receipts.rejected:
        raise NotConformant(f"accepted changes were rejected: {dict(receipts.rejected)}")
    if receipts.unknown:
        raise NotConformant(f"accepted changes are unknown: {dict(receipts.unknown)}")


async def receipts_keep_the_order(subject: Subject) -> None:
    """Check that a refused change is reported at its index, in front, in the middle and at the end. Raises NotConformant if not."""
    if subject.refused is None:
        return
    accepted = list(subject.accepted())
    for place in (0, 1, len(accepted)):
        deliveries = [*accepted[:place], subject.refused, *accepted[place:]]
        receipts = await _receipts(subject, deliveries)
        _check_indexes(receipts, len(deliveries))
        found = sorted({*receipts.rejected, *receipts.skipped})
        if found != [place]:
            raise NotConformant(f"a refused change at index {place} was reported at {found}")


async def _receipts(subject: Subject, deliveries: Sequence[Delivery]) -> Receipts:
    call = subject.call_of(deliveries)
    async with session(subject) as run:
        return await run.finish(call, deliveries, await run.start(call, deliveries))


def _check_indexes(receipts: Receipts, count: int) -> None:
    fates = (receipts.rejected, receipts.skipped, receipts.unknown, receipts.notes)
    named = {*receipts.partner_ids, *(index for fate in fates for index in fate)}
    if not all(0 <= index < count for index in named):
        raise NotConformant(f"receipts for {count} deliveries name the indexes {sorted(named)}")
    if sum(len(fate) for fate in fates) > len({index for fate in fates for index in fate}):
        raise NotConformant("a delivery is two of rejected, skipped, unknown and noted")
    for refusal in (one for fate in fates for one in fate.values()):
        if not refusal.code or not refusal.message:
            raise NotConformant(f"a refusal needs a code and a message: {refusal}")


async def a_retry_sends_equal_bytes(subject: Subject) -> None:
    """Check that a later attempt at one call sends the same method, URL, body and files. Raises NotConformant if not."""
    deliveries, sent = subject.accepted(), []
    for attempted_at in (PLANNED_AT, PLANNED_AT + timedelta(hours=1)):
        call = subject.call_of(deliveries, attempted_at)
        async with session(subject) as run:
            await run.start(call, deliveries)
            sent.append(run.sent())
    for first, second in zip(*sent, strict=False):
        if first != second:
            raise NotConformant(f"a retry sent {second!r:.300} and not {first!r:.300}")
    if len(sent[0]) != len(sent[1]):
        raise NotConformant(f"a retry sent {len(sent[1])} requests and not {len(sent[0])}")


async def a_pending_call_is_resumed(subject: Subject) -> None:
    """Check that a pending handle is JSON, holds no secret, and is enough for a new process. Raises NotConformant if not."""
    deliveries = subject.accepted()
    call = subject.call_of(deliveries)
    async with session(subject) as run:
        result = await run.start(call, deliveries)
        if not isinstance(result, Pending):
            return
        text = _json_of(result)
        if any(secret in text for secret in run.secrets if secret):
            raise NotConformant("the handle of a pending call holds a secret")
    async with session(subject) as later:
        await later.finish(call, deliveries, result)


def _json_of(pending: Pending) -> str:
    try:
        text = json.dumps(dict(pending.handle))
    except (TypeError, ValueError) as error:
        raise NotConformant(f"the handle of a pending call is not JSON: {error}") from None
    if json.loads(text) != dict(pending.handle):
        raise NotConformant(
            f"the handle of a pending call changes in JSON: {pending.handle!r:.300}"
        )
    if pending.check_after < timedelta(0):
        raise NotConformant("check_after is negative")
    return text


async def a_list_is_found_again(subject: Subject) -> None:
    """Check that a created list has an id, and that it is listed if the partner lists it. Raises NotConformant if not."""
    async with session(subject) as run:
        if not isinstance(run.connector, Lists):
            return
        created: object = await run.connector.create_list("VIP", "reference-of-a-list")
        if not isinstance(created, str) or not created:
            raise NotConformant(f"create_list returned {created!r}, not an id")
        listed = [entry async for entry in run.connector.list_lists()]
        if created not in [list_id for list_id, _ in listed]:
            raise NotConformant(f"list_lists does not yield the created list {created!r}")


CHECKS: tuple[Check, ...] = (
    credentials_are_checked,
    receipts_name_deliveries,
    receipts_keep_the_order,
    a_retry_sends_equal_bytes,
    a_pending_call_is_resumed,
    a_list_is_found_again,
)
