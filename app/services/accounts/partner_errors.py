"""What a partner says when it is asked something on somebody's behalf: its refusals as errors of ours, in its words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.connectors.base import Definition
from app.connectors.errors import ConnectorError, Throttled, TransientFailure
from app.core.errors import Conflict, Unavailable


@contextmanager
def translate_partner_errors(definition: Definition) -> Iterator[None]:
    """Around calls to a partner. Unavailable for what may heal by itself, Conflict for what somebody has to mend."""
    try:
        yield
    except (Throttled, TransientFailure) as error:
        raise Unavailable(f"{definition.name}: {error.message}") from error
    except ConnectorError as error:
        raise Conflict(f"{definition.name}: {error.message}") from error
