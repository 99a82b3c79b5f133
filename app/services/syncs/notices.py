"""Notices by mail and webhook: stored in the transaction that causes them, and sent after it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import timedelta
from email.message import EmailMessage
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

import aiosmtplib
import httpx
from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.base import Notifies
from app.connectors.errors import ConfigurationRejected, ConnectorError
from app.core import clock
from app.core.clock import to_wire
from app.core.config import Settings
from app.core.ids import new_id
from app.core.logging import get_logger
from app.domain import notices, retry
from app.domain.notice_states import NoticeState
from app.domain.notices import NoticeEvent
from app.domain.options import Notifications, parse_notifications
from app.services.accounts import connector_tools, open_account
from app.services.platform import (
    LeaseLost,
    Platform,
    is_lost,
    keep_lease,
    retry_transaction,
    wake_notify,
)
from app.storage.models import Activation, Notice, Sync
from app.storage.repositories.destinations import DestinationRepository
from app.storage.repositories.notices import NoticeRepository
from app.storage.repositories.spaces import SpaceRepository

log = get_logger(__name__)

LEASE = timedelta(seconds=60)
MAIL_TIMEOUT = 20


def notify_sync_ended(
    session: AsyncSession, activation: Activation, sync: Sync, previous: str | None
) -> None:
    """Leave a notice if a sync is complete, failed or cancelled; ``previous`` is the state of the sync before it."""
    event = notices.event_of(sync.state, previous)
    if event is not None:
        counts = {
            "entered": sync.entered,
            "exited": sync.exited,
            "updated": sync.updated,
            "delivered": sync.delivered,
            "rejected": sync.rejected,
        }
        reason = (sync.error or {}).get("message")
        _leave(session, activation, event, sync.id, {"counts": counts, "reason": reason})


def notify_sync_held(session: AsyncSession, activation: Activation, sync: Sync) -> None:
    """Leave a notice that a sync is on hold and waits for approval."""
    counts = {"exited": sync.exited, "entered": sync.entered, "held": sync.held}
    _leave(session, activation, "held", sync.id, {"counts": counts, "reason": sync.hold_reason})


def notify_activation_in_error(session: AsyncSession, activation: Activation) -> None:
    """Leave a notice that an activation is paused by an error."""
    reason = (activation.last_error or {}).get("message")
    _leave(session, activation, "error", None, {"reason": reason})


def notify_not_computed(session: AsyncSession, activation: Activation) -> None:
    """Leave a notice that an audience could not be computed; its reason and time are those of ``last_error``."""
    error = activation.last_error or {}
    more = {"reason": error.get("message"), "at": error.get("at")}
    _leave(session, activation, NoticeEvent.FAILED, None, more)


def _leave(
    session: AsyncSession,
    activation: Activation,
    event: str,
    sync_id: str | None,
    more: Mapping[str, Any],
) -> None:
    wanted = parse_notifications(activation.options.get("notifications") or {})
    if not isinstance(wanted, Notifications) or event not in wanted.on:
        return
    content = {
        "spaceId": activation.space_id,
        "activationId": activation.id,
        "activationName": activation.name,
        "syncId": sync_id,
        "event": event,
        "at": to_wire(clock.now()),
        **more,
    }
    for channel, recipient in _recipients(wanted):
        notice = Notice(
            space_id=activation.space_id,
            id=new_id("ntc"),
            activation_id=activation.id,
            sync_id=sync_id,
            event=event,
            channel=channel,
            recipient=recipient,
            content=content,
        )
        NoticeRepository(session).add(notice)
        wake_notify(session, notice)


def _recipients(wanted: Notifications) -> list[tuple[str, str]]:
    """Return ``(channel, recipient)`` of each notice."""
    recipients = [("email", address) for address in wanted.emails]
    if wanted.destination_id is not None:
        recipients.append(("webhook", wanted.destination_id))
    return recipients


async def send_notices(platform: Platform, space_id: str, notice_id: str) -> bool:
    """Send one notice. Returns False if it is not due. After several failed attempts it ends as failed, with the reason."""
    async with platform.unit_of_work() as session:
        notice = await NoticeRepository(session).claim(space_id, notice_id, LEASE)
    if notice is None:
        return False
    values: dict[str, Any] = {"state": NoticeState.SENT, "error": None}
    try:
        # A mail server may take 20 seconds for each of a dozen commands.
        async with keep_lease(partial(_renew, platform, notice), LEASE):
            await (_mail if notice.channel == "email" else _post)(platform, notice)
    except LeaseLost:
        log.warning("notice_lease_lost", notice_id=notice.id)
        return True
    except (ConfigurationRejected, NotifyingIsOff) as error:
        values = {"state": NoticeState.FAILED, "error": str(error)}
    except (ConnectorError, aiosmtplib.SMTPException, OSError, httpx.HTTPError) as error:
        given_up = notice.attempts >= notices.ATTEMPTS and not is_lost(error)
        wait = retry.backoff(notice.attempts, platform.settings.retry_waits, random.random())  # noqa: S311  jitter
        values = {
            "state": NoticeState.FAILED if given_up else NoticeState.NEW,
            "wait": wait,
            "error": str(error)[:500],
        }

    async def write(session: AsyncSession) -> None:
        await NoticeRepository(session).end(notice, **values)

    await retry_transaction(platform.unit_of_work, write)
    log.info("notice_tried", notice_id=notice.id, channel=notice.channel, state=values["state"])
    return True


async def _renew(platform: Platform, notice: Notice) -> bool:
    async with platform.unit_of_work() as session:
        return await NoticeRepository(session).renew(notice, LEASE)


class NotifyingIsOff(Exception):
    """No mail server is configured."""


async def _mail(platform: Platform, notice: Notice) -> None:
    await send_mail(
        platform.settings,
        message_id=notice.id,
        recipient=notice.recipient,
        subject=notices.subject(notice.event, notice.content["activationName"]),
        text=notices.body(notice.event, notice.content),
    )


async def send_mail(
    settings: Settings, *, message_id: str, recipient: str, subject: str, text: str
) -> None:
    """Send one mail. Raises NotifyingIsOff without a mail server, and the errors of aiosmtplib and of the connection."""
    if settings.smtp_url is None:
        raise NotifyingIsOff("ACTIVATIONS_SMTP_URL is not set, so no mail can be sent")
    address = urlsplit(settings.smtp_url.get_secret_value())
    message = EmailMessage()
    message["From"], message["To"] = settings.mail_from, recipient
    message["Subject"] = subject
    message["Message-ID"] = f"<{message_id}@activations>"
    message.set_content(text)
    await aiosmtplib.send(
        message,
        hostname=address.hostname,
        port=address.port or (465 if address.scheme == "smtps" else 587),
        username=unquote(address.username) if address.username else None,
        password=unquote(address.password) if address.password else None,
        use_tls=address.scheme == "smtps",
        timeout=MAIL_TIMEOUT,
    )


async def _post(platform: Platform, notice: Notice) -> None:
    connector = await open_notifier(platform, notice.space_id, notice.recipient)
    await connector.notify(notice.id, notice.created_at, clock.now(), notice.content)


async def open_notifier(platform: Platform, space_id: str, destination_id: str) -> Notifies:
    """Open the connector of an account that takes notices. Raises ConfigurationRejected if it does not exist or takes none."""
    async with platform.unit_of_work() as session:
        destination = await DestinationRepository(session).get(space_id, destination_id)
        workspace_id = await SpaceRepository(session).workspace_of(space_id)
    if destination is None:
        raise ConfigurationRejected(f"the account {destination_id} for notices no longer exists")
    account = open_account(platform.keyring, workspace_id, destination)
    tools = connector_tools(platform, destination.id, account.definition, account.secrets)
    connector = account.connector_class(account.settings, tools)
    if not isinstance(connector, Notifies):
        raise ConfigurationRejected(f"{account.definition.name} takes no notices; name a webhook")
    return connector
