"""Test notices: one message that is sent at once, so that a user sees whether notices arrive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import aiosmtplib
import httpx
from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.base import Notifies
from app.connectors.errors import ConfigurationRejected, ConnectorError
from app.core import clock
from app.core.clock import to_wire
from app.core.errors import Invalid
from app.core.ids import new_id
from app.core.logging import get_logger
from app.core.pagination import START
from app.domain import notices
from app.domain.options import is_mail_address
from app.services.accounts import connector_class
from app.services.platform import Platform
from app.services.syncs.notices import NotifyingIsOff, open_notifier, send_mail
from app.storage.models import Destination
from app.storage.repositories.destinations import DestinationRepository

log = get_logger(__name__)

_MOST = 200


@dataclass(frozen=True, slots=True)
class TestNotice:
    """The result of a test notice. ``message`` is why it was not sent, in the words of the server; None if it was sent."""

    __test__ = False  # not a test of pytest

    id: str
    sent: bool
    message: str | None


async def notified_accounts(session: AsyncSession, space_id: str) -> Sequence[Destination]:
    """Return up to 200 accounts of a space that take notices."""
    listed = await DestinationRepository(session).walk(space_id, position=START, limit=_MOST)
    return [one for one in listed if issubclass(connector_class(one.slug), Notifies)]


async def send_test_notice(
    platform: Platform,
    space_id: str,
    *,
    email: str | None = None,
    destination_id: str | None = None,
) -> TestNotice:
    """Send a test notice to a mail address, or to an account that takes notices, with no transaction open.

    It is attempted once and not stored. Raises Invalid unless there is one recipient, and NotFound if the account does not exist.
    """
    if (email is None) == (destination_id is None):
        raise Invalid("Give either email or destinationId.", field="email")
    if email is not None and not is_mail_address(email):
        raise Invalid(f'"email": {email!r} is not a mail address', field="email")
    notice_id = new_id("ntc")
    try:
        if email is not None:
            await send_mail(
                platform.settings,
                message_id=notice_id,
                recipient=email,
                subject=notices.TEST_SUBJECT,
                text=notices.TEST_BODY,
            )
        else:
            await _post(platform, space_id, destination_id or "", notice_id)
    except (
        ConfigurationRejected,
        NotifyingIsOff,
        ConnectorError,
        aiosmtplib.SMTPException,
        OSError,
        httpx.HTTPError,
    ) as error:
        log.info("test_notice_failed", notice_id=notice_id, error=type(error).__name__)
        return TestNotice(notice_id, False, str(error)[:500] or type(error).__name__)
    log.info("test_notice_sent", notice_id=notice_id)
    return TestNotice(notice_id, True, None)


async def _post(platform: Platform, space_id: str, destination_id: str, notice_id: str) -> None:
    async with platform.unit_of_work() as session:
        await DestinationRepository(session).require(space_id, destination_id)
    connector = await open_notifier(platform, space_id, destination_id)
    now = clock.now()
    content = {"spaceId": space_id, "event": notices.TEST_EVENT, "at": to_wire(now)}
    await connector.notify(notice_id, now, now, content)
