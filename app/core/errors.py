"""The errors that services raise, each with its HTTP status, wire type and headers.

AppError
├── BadRequest 400        the request is malformed or asks for nothing
├── Unauthorized 401      the token is missing, wrong, expired or revoked
├── Forbidden 403         a valid token without the permission
├── NotFound 404          unknown, or in another workspace
├── NotAcceptable 406     no version that the client accepts
├── Conflict 409          clashes with the current state
├── PayloadTooLarge 413   larger than allowed
├── UnsupportedMediaType 415  a body of a type that is not read here
├── Invalid 422           fails validation; names the field
├── RateLimited 429       has a Retry-After header
├── Unavailable 503       a server that is needed cannot be reached
└── InsufficientStorage 507  the disk is too full for the upload
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from app.core.suggestions import shown_name


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in an input: a message, and the field (dotted path or JSON pointer)."""

    message: str
    field: str | None = None


class AppError(Exception):
    """A failure that is reported to the client. Every other exception becomes a 500."""

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
    def can_pass(self) -> bool:
        """Whether the service, not the input, is at fault: the same input can succeed later."""
        return self.status >= 500

    @property
    def problems(self) -> Sequence[Problem]:
        """The faults, one entry each."""
        return (Problem(self.message, self.field),)


class BadRequest(AppError):
    """400: malformed JSON, or a request that asks for nothing."""

    status = 400
    type = "bad-request"


class Unauthorized(AppError):
    """401: the token is missing, wrong, expired or revoked."""

    status = 401
    type = "unauthorized"


class Forbidden(AppError):
    """403: the token is valid but lacks the permission."""

    status = 403
    type = "forbidden"


class NotFound(AppError):
    """404: this workspace has nothing with that id."""

    status = 404
    type = "not-found"

    @classmethod
    def of(cls, noun: str, id: str) -> Self:
        """Create the error for an id that is not known, such as ``NotFound.of("dataset", "dst_1")``."""
        return cls(
            f"There is no {noun} {shown_name(id)} at this path. Check the id: it may belong to another space or audience, or "
            f"the {noun} was removed."
        )


class NotAcceptable(AppError):
    """406: the operation has no version that the client accepts."""

    status = 406
    type = "not-acceptable"


class Conflict(AppError):
    """409: the request clashes with the current state."""

    status = 409
    type = "conflict"


class PayloadTooLarge(AppError):
    """413: the body is larger than the limit."""

    status = 413
    type = "payload-too-large"


class UnsupportedMediaType(AppError):
    """415: the body has a type that is not read here."""

    status = 415
    type = "unsupported-media-type"


class Invalid(AppError):
    """422: the input fails validation, with one problem or several."""

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
        """All faults that were found."""
        return self._problems or super().problems


class RateLimited(AppError):
    """429: try again after the time in the Retry-After header."""

    status = 429
    type = "RequestError"


class Unavailable(AppError):
    """503: a server that is needed cannot be reached now."""

    status = 503
    type = "unavailable"


class InsufficientStorage(AppError):
    """507: the disk is too full for the upload."""

    status = 507
    type = "insufficient-storage"
