"""Accounts: the decrypted settings of a destination and its connector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel, SecretStr

from app.connectors import registry
from app.connectors.base import Connector, ConnectorSettings, ConnectorTools, Definition
from app.connectors.echoes import set_account
from app.core.crypto import Binding, Keyring
from app.core.logging import register_secret
from app.core.objects import ObjectStore
from app.core.redaction import is_secret_field
from app.services.accounts.own_identity import bound_to_workspace
from app.services.platform import Platform
from app.storage.models import Destination


@dataclass(frozen=True)
class Account:
    """What is needed to call a partner for a destination. ``version``: the time of its last change."""

    connector_class: type[Connector]
    settings: BaseModel
    version: datetime

    @property
    def definition(self) -> Definition:
        """The definition of the destination."""
        return self.connector_class.definition

    @cached_property
    def secrets(self) -> Sequence[str]:
        """The secrets of the account, which are removed from everything that is stored or shown of its calls."""
        return secrets_of(self.settings)


def settings_binding(workspace_id: str, destination_id: str) -> Binding:
    """Return the binding of a destination's settings to their row, for encryption."""
    return Binding(workspace_id, "destination", destination_id, "settings")


def open_account(keyring: Keyring, workspace_id: str, destination: Destination) -> Account:
    """Decrypt the settings and find the connector. From now on the secrets are masked in logs."""
    plain = keyring.decrypt(destination.settings, settings_binding(workspace_id, destination.id))
    connector_class = registry.get(destination.slug)
    settings = connector_class.settings_model(**orjson.loads(plain))
    register_secrets(settings)
    settings = bound_to_workspace(settings, workspace_id)
    return Account(connector_class, settings, destination.updated_at)


def register_secrets(settings: BaseModel) -> None:
    """Mask the secrets of settings in everything that this process logs."""
    for secret in secrets_of(settings):
        register_secret(secret)


def secrets_of(settings: BaseModel) -> Sequence[str]:
    """Return the secrets in the settings of an account."""
    hidden = settings.hidden_texts() if isinstance(settings, ConnectorSettings) else ()
    return tuple(dict.fromkeys((*secrets_in(settings.model_dump()), *hidden)))


def secrets_in(value: Any, name: str = "") -> Iterator[str]:
    """Yield the secrets among settings: values of secret types, and strings in fields with names of secrets."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, str) and name and is_secret_field(name):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from secrets_in(item, str(key))
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for item in value:
            yield from secrets_in(item, name)


@dataclass(frozen=True, slots=True)
class StoredExports:
    """Finished export files in the object store."""

    objects: ObjectStore

    async def publish(self, key: str, local_path: str) -> None:
        """Store a finished local file. A repeat replaces it."""
        await self.objects.put(Path(local_path), key)


def connector_tools(
    platform: Platform,
    account: str,
    definition: Definition,
    secrets: Sequence[str],
    *,
    resync: bool = False,
) -> ConnectorTools:
    """Return the tools of a connector. Its calls pass the account's rate budgets; secrets are removed from quoted responses."""
    gate = platform.budgets.gate(account, definition.rate_budgets, resync=resync)
    if secrets:
        set_account(secrets)
    return ConnectorTools(
        http=platform.http.gated(gate, secrets),
        exports=StoredExports(platform.objects),
        scratch=str(platform.scratch.path),  # where a crash leaves nothing for good
        permits_roles=platform.settings.permits_roles,
    )
