"""A destination's settings, opened, and the connector that speaks for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import orjson
from pydantic import BaseModel

from app.connectors import registry
from app.connectors.base import Connector, Definition
from app.core.crypto import Keyring, Place
from app.storage.models import Destination


@dataclass(frozen=True, slots=True)
class Account:
    """What is needed to call a partner for a destination; ``version``: when somebody changed it last."""

    connector_class: type[Connector]
    settings: BaseModel
    version: datetime

    @property
    def definition(self) -> Definition:
        """The partner's description of itself."""
        return self.connector_class.definition


def settings_place(workspace_id: str, destination_id: str) -> Place:
    """Where a destination's settings stand, to which their ciphertext is bound."""
    return Place(workspace_id, "destination", destination_id, "settings")


def open_account(keyring: Keyring, workspace_id: str, destination: Destination) -> Account:
    """Decrypt the settings and find the connector."""
    plain = keyring.decrypt(destination.settings, settings_place(workspace_id, destination.id))
    connector_class = registry.get(destination.slug)
    settings = connector_class.settings_model(**orjson.loads(plain))
    return Account(connector_class, settings, destination.updated_at)
