"""Checks of calls that fail: the type of the error, its text, and what a cancelled call leaves behind."""

from __future__ import annotations

import asyncio
import contextlib

import httpx

from app.connectors.base.call import CheckResult, Pending, Receipts
from app.connectors.base.conformance.subject import (
    Check,
    NotConformant,
    Respond,
    Session,
    Subject,
    session,
)
from app.connectors.errors import (
    AuthenticationRejected,
    BudgetSpent,
    ConnectorError,
    Throttled,
    TransientFailure,
)

#: Statuses whose meaning no partner changes.
_MEANINGS: tuple[tuple[int, type[ConnectorError]], ...] = (
    (401, AuthenticationRejected),
    (429, Throttled),
    (500, TransientFailure),
)
_SECONDS = 10.0


def _always(status: int, content: bytes = b"{}") -> Respond:
    async def respond(request: httpx.Request) -> httpx.Response:
        headers = {"content-type": "application/json", "retry-after": "7"}
        return httpx.Response(status, content=content, headers=headers, request=request)

    return respond


async def refusals_are_typed(subject: Subject) -> None:
    """Check that a refused call raises the error for its status, and every failure a ConnectorError. Raises NotConformant if not."""
    for status, kind in _MEANINGS:
        async with session(subject, _always(status)) as run:
            error = await _error(run)
            if run.partner.requests and not isinstance(error, kind):
                raise NotConformant(f"HTTP {status} must raise {kind.__name__}, not {error!r}")
    async with session(subject, _always(400)) as run:
        await _error(run)
    async with session(subject) as run:
        run.exports.fails = True
        await _error(run)


async def unreadable_responses_are_typed(subject: Subject) -> None:
    """Check that a successful response with an unexpected body is no error, or a ConnectorError. Raises NotConformant if not."""
    for content in (b"", b"<html>", b"[1, null]", b"{}"):
        async with session(subject, _always(200, content)) as run:
            await _error(run)


async def an_unsent_call_is_typed(subject: Subject) -> None:
    """Check that errors of the client before anything is sent reach the caller unchanged. Raises NotConformant if not."""
    for raised in (
        TransientFailure("the name could not be resolved", ambiguous=False, code="dns"),
        BudgetSpent("the budget of the account is spent"),
    ):

        async def respond(request: httpx.Request, raised: Exception = raised) -> httpx.Response:
            raise raised

        async with session(subject, respond) as run:
            error = await _error(run)
            if not run.partner.requests:
                continue
            if type(error) is not type(raised):
                raise NotConformant(f"{raised!r} reached the caller as {error!r}")
            if isinstance(error, TransientFailure) and error.ambiguous:
                raise NotConformant("a call that was not sent was reported as ambiguous")


async def errors_hold_no_secret(subject: Subject) -> None:
    """Check that no error, refusal or result repeats a secret, even if the partner does. Raises NotConformant if not."""
    async with session(subject) as run:
        secrets = [secret for secret in run.secrets if secret]
    content = " ".join(secrets).encode()
    for status in (400, 401, 403, 404, 422, 500):
        async with session(subject, _always(status, content)) as run:
            texts = [*_texts(await _error(run)), *_texts(await _checked(run))]
        if any(secret in text for secret in secrets for text in texts):
            raise NotConformant(f"the text for HTTP {status} holds a secret of the settings")


async def a_cancelled_call_leaves_nothing(subject: Subject) -> None:
    """Check that a cancelled call ends, publishes no file, leaves no temporary file, and can be repeated. Raises NotConformant if not."""
    started = asyncio.Event()

    async def hang(request: httpx.Request) -> httpx.Response:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    deliveries = subject.accepted()
    call = subject.call_of(deliveries)
    async with session(subject, hang) as run:
        task = asyncio.ensure_future(run.start(call, deliveries, hangs=True))
        waiting = asyncio.ensure_future(started.wait())
        await asyncio.wait({task, waiting}, timeout=0.5, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=_SECONDS)
        if not done:
            raise NotConformant("a cancelled call did not end")
        if started.is_set() and not task.cancelled():
            raise NotConformant("a cancelled call must raise CancelledError")
        with contextlib.suppress(asyncio.CancelledError, ConnectorError):
            task.result()
        if task.cancelled() and run.exports.files:
            raise NotConformant("a cancelled call published a file")
        if any(run.scratch.iterdir()):
            raise NotConformant("a cancelled call left a temporary file")
        run.partner.respond = subject.respond
        await run.finish(call, deliveries, await run.start(call, deliveries))


async def _error(run: Session) -> ConnectorError | Receipts | Pending:
    """Return the error or the result of one call. Raises NotConformant for errors of other types."""
    deliveries = run.subject.accepted()
    try:
        return await run.start(run.subject.call_of(deliveries), deliveries)
    except ConnectorError as error:
        return error
    except Exception as error:
        raise NotConformant(f"deliver raised {error!r}, which is not a ConnectorError") from error


async def _checked(run: Session) -> ConnectorError | CheckResult:
    try:
        result: CheckResult = await run.connector.check(
            run.subject.call.get("connection_settings") or {}
        )
    except ConnectorError as error:
        return error
    except Exception as error:
        raise NotConformant(f"check raised {error!r}, which is not a ConnectorError") from error
    return result


def _texts(result: ConnectorError | Receipts | Pending | CheckResult) -> list[str]:
    if isinstance(result, ConnectorError):
        return [result.message, str(result), repr(result), result.code]
    return [repr(result)]


CHECKS: tuple[Check, ...] = (
    refusals_are_typed,
    unreadable_responses_are_typed,
    an_unsent_call_is_typed,
    errors_hold_no_secret,
    a_cancelled_call_leaves_nothing,
)
