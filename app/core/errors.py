"""The errors that services raise; each carries its own HTTP status, wire type and headers.

AppError
├── BadRequest 400        the request cannot be understood or asks for nothing
├── Unauthorized 401      no token, a wrong one, or one that may not
├── Forbidden 403         a known token without the permission
├── NotFound 404          unknown, or of somebody else
├── NotAcceptable 406     no version that the client takes
├── Conflict 409          clashes with what is there
├── PayloadTooLarge 413   larger than allowed
├── UnsupportedMediaType 415
├── Invalid 422           fails validation; names the field
├── RateLimited 429       carries its own Retry-After
├── Unavailable 503       a part that is needed is away
└── InsufficientStorage 507  no room on the disk for what was sent
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in an input: where it is (dotted path or JSON pointer) and what to do about it."""

    message: str
    field: str | None = None


class AppError(Exception):
    """A failure with a meaning to the caller; anything else that is raised is a 500."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "internal"

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.data = data
        self.headers = dict(headers or {})

    @property
    def problems(self) -> Sequence[Problem]:
        """What is wrong, one entry for each fault."""
        return (Problem(self.message, self.field),)


class BadRequest(AppError):
    """400: broken JSON, or a request that asks for nothing."""

    status = 400
    type = "bad-request"


class Unauthorized(AppError):
    """401: the token is missing, wrong, expired or revoked."""

    status = 401
    type = "unauthorized"


class Forbidden(AppError):
    """403: the token is known and may not do this."""

    status = 403
    type = "forbidden"


class NotFound(AppError):
    """404: nothing of that id in this workspace."""

    status = 404
    type = "not-found"


class NotAcceptable(AppError):
    """406: the operation has no version that the client accepts."""

    status = 406
    type = "not-acceptable"


class Conflict(AppError):
    """409: clashes with what is there."""

    status = 409
    type = "conflict"


class PayloadTooLarge(AppError):
    """413: the body is larger than the limit."""

    status = 413
    type = "payload-too-large"


class UnsupportedMediaType(AppError):
    """415: a body of a type that is not read here."""

    status = 415
    type = "unsupported-media-type"


class Invalid(AppError):
    """422: the input fails validation; one problem or several."""

    status = 422
    type = "input-validation"

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        data: Any = None,
        problems: Sequence[Problem] = (),
    ) -> None:
        super().__init__(message, field=field, data=data)
        self._problems = tuple(problems)

    @property
    def problems(self) -> Sequence[Problem]:
        """All the faults that were found."""
        return self._problems or super().problems


class RateLimited(AppError):
    """429: try again after the time in its header."""

    status = 429
    type = "RequestError"


class Unavailable(AppError):
    """503: something that is needed cannot be reached now."""

    status = 503
    type = "unavailable"


class InsufficientStorage(AppError):
    """507: the disk has no room for what was sent."""

    status = 507
    type = "insufficient-storage"
