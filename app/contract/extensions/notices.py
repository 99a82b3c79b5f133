"""Bodies of the log of notices and of test notices."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from app.contract.extensions.base import Output, PaginationOutput, StrictInput, Time
from app.core.described import about
from app.domain.notice_states import NoticeState
from app.domain.notices import NoticeEvent


class NoticeOutput(Output):
    """A notice to one recipient."""

    id: Annotated[str, about("Id of the notice.", "ntc_0vK3nB7QmX2dW9sH5gKfPv")]
    state: Annotated[
        NoticeState, about("`new` until it is sent; `failed` after the last attempt.", "sent")
    ]
    event: Annotated[NoticeEvent, about("What the notice reports.", "failed")]
    channel: Annotated[str, about("`email` or `webhook`.", "email")]
    recipient: Annotated[
        str,
        about("The mail address, or the id of the account that is posted to.", "crm@example.com"),
    ]
    account_name: Annotated[
        str | None, about("Name of the account, if the notice goes to one.", "Ops receiver")
    ]
    activation_id: Annotated[
        str, about("Id of the activation that the notice is about.", "act_0vK3mS5VgJ9bM2rP8iUwLt")
    ]
    audience_id: Annotated[
        str, about("Id of the activation's audience.", "aud_0vK3mR2HsD8pL4jT6uXaGb")
    ]
    activation_name: Annotated[
        str, about("Name of the activation when the notice was created.", "VIP to Klaviyo")
    ]
    sync_id: Annotated[
        str | None, about("Id of the sync, if it is about one.", "syn_0vK3nC1XbV5tR8kM2zQaJw")
    ]
    attempts: Annotated[int, about("Attempts so far.", 1)]
    error: Annotated[
        str | None, about("Why the last attempt failed.", "The mail server refused the recipient.")
    ]
    created_at: Annotated[
        Time, about("When it was created, in RFC 3339.", "2026-01-31T12:00:00.000Z")
    ]
    sent_at: Annotated[
        Time | None, about("When it was sent, in RFC 3339.", "2026-01-31T12:00:00.000Z")
    ]


class NoticeCountsOutput(Output):
    """Notices of the last 24 hours, by state."""

    new: Annotated[int, about("Notices that wait for an attempt.", 0)]
    sent: Annotated[int, about("Notices that were sent.", 12)]
    failed: Annotated[int, about("Notices that were given up.", 1)]


class NoticesData(Output):
    """A page of notices, newest first."""

    notices: Annotated[list[NoticeOutput], about("The notices of this page, newest first.")]
    last_day: Annotated[NoticeCountsOutput, about("Notices of the last 24 hours, by state.")]
    pagination: Annotated[PaginationOutput, about("The cursors of this page and its neighbours.")]


class TestNoticeInput(StrictInput):
    """The recipient of a test notice: a mail address or an account."""

    email: Annotated[
        str | None, Field(max_length=255), about("The mail address.", "crm@example.com")
    ] = None
    destination_id: Annotated[
        str | None,
        Field(max_length=255),
        about(
            "Id of an account that takes notices, such as a webhook.", "66be7aeca665bd11f8908630"
        ),
    ] = None


class TestNoticeOutput(Output):
    """The result of a test notice."""

    id: Annotated[
        str,
        about(
            "Id of the message: the Message-ID of a mail, the webhook-id of a webhook.",
            "ntc_0vK3nB7QmX2dW9sH5gKfPv",
        ),
    ]
    sent: Annotated[bool, about("Whether the server of the recipient accepted it.", True)]
    message: Annotated[
        str | None,
        about(
            "Why it was not sent, in the words of the server; null if it was sent.",
            "ACTIVATIONS_SMTP_URL is not set, so no mail can be sent",
        ),
    ]


class TestNoticeData(Output):
    """The result of a test notice."""

    test_notice: Annotated[TestNoticeOutput, about("The result.")]
