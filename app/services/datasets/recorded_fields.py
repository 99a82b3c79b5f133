"""Fields of datasets for the audit trail, as the API shows them."""

from __future__ import annotations

from typing import Any

from pydantic.alias_generators import to_camel

from app.core.crypto import Keyring
from app.services.datasets.file_sources import file_of
from app.services.datasets.kinds import is_database, is_file
from app.services.datasets.sources import source_of
from app.services.tenancy import Hidden
from app.sources import SECRETS
from app.storage.models import Dataset


def dataset_fields(keyring: Keyring, workspace_id: str, dataset: Dataset) -> dict[str, Any]:
    """Return ``{name, kind, rows?, source?, file?, …}`` of a dataset. Secrets are compared, and never kept."""
    fields: dict[str, Any] = {
        "name": dataset.name,
        "kind": dataset.kind,
        **content_fields(dataset),
    }
    if is_database(dataset):
        source = source_of(keyring, workspace_id, dataset).model_dump()
        password = source.pop("password").get_secret_value()
        fields["source"] = {**_named(source), "password": Hidden(password)}
    if is_file(dataset):
        file = file_of(keyring, workspace_id, dataset)
        plain = {name: _hidden(name, value) for name, value in file.plain().items()}
        plain |= {"url": Hidden(file.url, file.shown_url), "format": file.file_format}
        fields["file"] = _named(plain)
    return fields


def content_fields(dataset: Dataset) -> dict[str, Any]:
    """Return ``{rows, bytes, columns}`` of a dataset's content, nothing without content."""
    if dataset.file is None:
        return {}
    columns = [{"name": name, "type": kind} for name, kind in dataset.columns.get("columns", ())]
    return {"rows": dataset.row_count, "bytes": dataset.byte_count, "columns": columns}


def _hidden(name: str, value: Any) -> Any:
    return Hidden(value) if name in SECRETS and value is not None else value


def _named(fields: dict[str, Any]) -> dict[str, Any]:
    return {to_camel(name): value for name, value in fields.items()}
