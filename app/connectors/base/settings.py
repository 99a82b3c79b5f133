"""The settings of one account at a partner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class ConnectorSettings(BaseModel):
    """Settings of one account at a partner. Secrets are SecretStr; unknown keys are refused.

    ``where_to`` lists the settings that decide the target host (a URL, a host, an endpoint). ``sent_there`` lists the
    settings that are sent to that host; None means all secrets. If a user changes a setting in ``where_to``, the user
    must enter those in ``sent_there`` again: a stored secret is never sent to a host that it was not entered for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    where_to: ClassVar[Sequence[str]] = ()
    sent_there: ClassVar[Sequence[str] | None] = None
