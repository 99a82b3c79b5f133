"""Sources of datasets in databases: checked, stored encrypted, and shown without the password."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic.alias_generators import to_camel

from app.core.crypto import Keyring
from app.core.errors import Invalid
from app.core.logging import register_secret
from app.services.accounts import first_moved, secret_required
from app.services.datasets.kinds import is_database
from app.services.datasets.sealing import seal, unseal, validated
from app.sources import PostgresSource
from app.storage.models import Dataset

# Changing one of these would send the stored password to another server, or unencrypted.
_WHERE_TO = ("host", "port", "ssl_mode", "ca_certificate")


@dataclass(frozen=True, slots=True)
class ShownSource:
    """A source of a dataset in a database, without its password."""

    host: str
    port: int
    database: str
    user: str
    ssl_mode: str
    ca_certificate: str | None
    table: str | None
    query: str | None


def new_source(given: Mapping[str, Any]) -> PostgresSource:
    """Create a source from its fields. Raises Invalid with a problem for each fault, at ``source.<field>``."""
    source = validated(PostgresSource, given, "source")
    register_secret(source.password.get_secret_value())
    return source


def changed_source(former: PostgresSource, changes: Mapping[str, Any]) -> PostgresSource:
    """Return a source with changed fields; a table replaces a query, and a query a table.

    Raises Invalid if the source is not valid, or if the password must be entered again.
    """
    fields = {**_plain(former), **changes}
    if changes.get("table") is not None and changes.get("query") is None:
        fields["query"] = None
    elif changes.get("query") is not None and changes.get("table") is None:
        fields["table"] = None
    source = new_source(fields)
    moved = first_moved(former, source, _WHERE_TO)
    if moved is not None and "password" not in changes:
        problem = secret_required("source.password", to_camel(moved))
        raise Invalid(problem.message, problems=[problem])
    return source


def _plain(source: PostgresSource) -> dict[str, Any]:
    return {**source.model_dump(), "password": source.password.get_secret_value()}


def seal_source(
    keyring: Keyring, workspace_id: str, dataset_id: str, source: PostgresSource
) -> bytes:
    """Encrypt a source for its column."""
    return seal(keyring, workspace_id, dataset_id, _plain(source))


def source_of(keyring: Keyring, workspace_id: str, dataset: Dataset) -> PostgresSource:
    """Decrypt the source of a dataset, with its password. Never return or log it."""
    source = PostgresSource.from_stored(unseal(keyring, workspace_id, dataset))
    register_secret(source.password.get_secret_value())
    return source


def shown_source(keyring: Keyring, workspace_id: str, dataset: Dataset) -> ShownSource | None:
    """Return a source without its password, or None if the dataset is not in a database."""
    if not is_database(dataset):
        return None
    source = source_of(keyring, workspace_id, dataset)
    return ShownSource(**source.model_dump(exclude={"password"}))
