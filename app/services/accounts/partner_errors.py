"""Errors of partners, translated into errors of this service during calls for a user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.connectors.base import Definition
from app.connectors.errors import ConnectorError, Throttled, TransientFailure
from app.core.errors import Conflict, Unavailable


@contextmanager
def translate_partner_errors(definition: Definition) -> Iterator[None]:
    """Translate the errors of calls to a partner.

    Raises Unavailable if a later try may succeed, and Conflict if the user must fix the cause.
    """
    try:
        yield
    except (Throttled, TransientFailure) as error:
        raise Unavailable(f"{definition.name}: {error.message}") from error
    except ConnectorError as error:
        raise Conflict(f"{definition.name}: {error.message}") from error
