"""What a connector may raise when a whole batch fails; rejections of single changes are receipts, not errors.

ConnectorError
├── AuthenticationRejected   401, 403: the breaker opens, activations of the account go to error
├── ConfigurationRejected    heals only when somebody changes something (410, wrong bucket): error at once
├── PayloadRejected          the whole refused and nobody named: three tries, then the activation is in error
│   └── ListGone             there is no such list; where members only leave it, they have
├── Throttled                refused before processing (429, 503 with Retry-After): try again later
│   └── BudgetSpent          not sent at all: our own budget of the account's calls is used up
└── TransientFailure         everything that may heal; ambiguous where the partner may have applied it
"""

from __future__ import annotations

from datetime import timedelta


class ConnectorError(Exception):
    """A failed call; the message is for people and holds no secret."""

    def __init__(
        self,
        message: str,
        *,
        http_status: int | None = None,
        vendor_request_id: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.http_status = http_status
        self.vendor_request_id = vendor_request_id
        self.code = code or type(self).__name__


class AuthenticationRejected(ConnectorError):
    """The key is wrong, revoked or lacks a permission."""


class ConfigurationRejected(ConnectorError):
    """Nothing will get better until the settings change."""


class PayloadRejected(ConnectorError):
    """The whole batch was refused and no record was named."""


class ListGone(PayloadRejected):
    """The list that the batch writes to does not exist at the partner."""


class Throttled(ConnectorError):
    """Refused before processing; ``retry_after`` is what the partner asked for."""

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
    """Not sent: the account's calls are used up for now. No failure of the partner's."""


class TransientFailure(ConnectorError):
    """Worth a retry; ``ambiguous`` unless it is certain that the partner did not see the request."""

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
