"""Errors that a connector may raise if a whole call fails. Refusals of single changes are receipts, not errors.

ConnectorError
├── AuthenticationRejected   401, 403: the breaker opens, activations of the account go to error
├── ConfigurationRejected    only a change of settings helps (410, wrong bucket): error at once
├── PayloadRejected          the whole call refused, no member named: three tries, then the activation is in error
│   └── ListGone             the list does not exist; members who were to leave it have left it
├── Throttled                refused before processing (429, 503 with Retry-After): tried again later
│   └── BudgetSpent          not sent: the rate budget of the account is spent
└── TransientFailure         everything that a retry may fix; ambiguous if the partner may have applied it
    ├── Redirected           a redirect, which is never followed; permanent ones are an error after ten minutes
    └── Unconfirmed          a success status that confirms nothing: three calls, then its changes are unknown
"""

from __future__ import annotations

from datetime import timedelta

from app.connectors.echoes import masked, masked_word

CODE_LENGTH = 100  # characters of a partner's code that are kept


class ConnectorError(Exception):
    """A failed call. Message, code and request id contain no secret: here, for all connectors, those of the account whose
    calls the task makes are masked."""

    def __init__(
        self,
        message: str,
        *,
        http_status: int | None = None,
        vendor_request_id: str | None = None,
        code: str | None = None,
    ) -> None:
        self.message = masked(message)
        super().__init__(self.message)
        self.http_status = http_status
        self.vendor_request_id = vendor_request_id and masked_word(vendor_request_id, 128)
        self.code = masked_word(code, CODE_LENGTH) if code else type(self).__name__


class AuthenticationRejected(ConnectorError):
    """The key is wrong, revoked or lacks a permission."""


class ConfigurationRejected(ConnectorError):
    """Only a change of the settings helps."""


class PayloadRejected(ConnectorError):
    """The whole call was refused, and no member was named."""


class ListGone(PayloadRejected):
    """The list that the call writes to does not exist at the partner."""


class Throttled(ConnectorError):
    """Refused before processing. ``retry_after`` is the wait that the partner asked for."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: timedelta | None = None,
        http_status: int | None = None,
        vendor_request_id: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(
            message, http_status=http_status, vendor_request_id=vendor_request_id, code=code
        )
        self.retry_after = retry_after


class BudgetSpent(Throttled):
    """Not sent: the rate budget of the account is spent for now. Not a failure of the partner."""


class TransientFailure(ConnectorError):
    """A retry may succeed. ``ambiguous`` unless the request certainly did not reach the partner."""

    def __init__(
        self,
        message: str,
        *,
        ambiguous: bool = True,
        retry_after: timedelta | None = None,
        http_status: int | None = None,
        vendor_request_id: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(
            message, http_status=http_status, vendor_request_id=vendor_request_id, code=code
        )
        self.ambiguous = ambiguous
        self.retry_after = retry_after


class Redirected(TransientFailure):
    """The partner redirects. ``permanent`` if it says that its address has changed for good."""

    permanent = False


class Unconfirmed(TransientFailure):
    """The status is a success, but the response does not confirm that the changes were applied."""
