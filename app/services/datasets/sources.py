"""Where a dataset's rows come from when they are not uploaded: checked, kept encrypted, shown without the password."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from app.core.crypto import Binding, Keyring
from app.core.errors import Invalid, Problem
from app.core.logging import register_secret
from app.services.accounts import first_moved, secret_required
from app.sources import PostgresSource
from app.storage.models import Dataset

UPLOAD, POSTGRES = "upload", "postgres"

# With any of these changed the stored password would go to where it was not given for, or in the clear.
_WHERE_TO = ("host", "port", "ssl_mode", "ca_certificate")


def new_source(given: Mapping[str, Any]) -> PostgresSource:
    """A source from its fields; Invalid with a problem for each fault, at ``source.<field>``."""
    try:
        source = PostgresSource.model_validate(dict(given))
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
    else:
        register_secret(source.password.get_secret_value())
        return source
    problems = []
    for fault in faults:
        path = ".".join(["source", *(to_camel(str(part)) for part in fault["loc"])])
        message = "is required" if fault["type"] == "missing" else fault["msg"]
        message = message.removeprefix("Value error, ")
        problems.append(Problem(f'"{path}": {message[:1].lower()}{message[1:]}', path))
    raise Invalid("the source does not fit", problems=problems)


def changed_source(former: PostgresSource, changes: Mapping[str, Any]) -> PostgresSource:
    """A source with some fields changed; a table takes the place of a query, and the other way round."""
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


def _binding(workspace_id: str, dataset_id: str) -> Binding:
    return Binding(workspace_id, "dataset", dataset_id, "settings")


def seal_source(
    keyring: Keyring, workspace_id: str, dataset_id: str, source: PostgresSource
) -> bytes:
    """A source as the column holds it."""
    return keyring.encrypt(orjson.dumps(_plain(source)), _binding(workspace_id, dataset_id))


def source_of(keyring: Keyring, workspace_id: str, dataset: Dataset) -> PostgresSource:
    """The source of a dataset, password included. Never answer or log it."""
    assert dataset.settings is not None  # noqa: S101  whoever calls this has looked at its kind
    plain = keyring.decrypt(dataset.settings, _binding(workspace_id, dataset.id))
    source = PostgresSource.from_stored(orjson.loads(plain))
    register_secret(source.password.get_secret_value())
    return source


def shown_source(keyring: Keyring, workspace_id: str, dataset: Dataset) -> dict[str, Any] | None:
    """A source for an answer; None for uploads. Of the password only that there is one."""
    if dataset.settings is None:
        return None
    source = source_of(keyring, workspace_id, dataset)
    return {**source.model_dump(exclude={"password"}), "password": {"set": True}}
