"""The settings of one account at a partner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class ConnectorSettings(BaseModel):
    """Settings of one account at a partner; secrets are SecretStr. Unknown keys are refused.

    ``where_to`` are the settings that say where calls go (a URL, a host, an endpoint), and ``sent_there`` those that
    go along; by default all secrets. Who changes one of the former has to give the latter again, so that none that is
    stored is sent to where it was not given for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    where_to: ClassVar[Sequence[str]] = ()
    sent_there: ClassVar[Sequence[str] | None] = None
