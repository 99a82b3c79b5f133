"""Settings of sources: validated with the field at fault, and encrypted for their column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from pydantic.alias_generators import to_camel

from app.core.crypto import Binding, Keyring
from app.core.errors import Invalid, Problem
from app.core.sentences import validation_words
from app.storage.models import Dataset

Model = TypeVar("Model", bound=BaseModel)


def validated(model: type[Model], given: Mapping[str, Any], field: str) -> Model:
    """Create settings from their fields. Raises Invalid with a problem for each fault, at ``<field>.<name>``."""
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
    problems = []
    for fault in faults:
        path = ".".join([field, *(to_camel(str(part)) for part in fault["loc"])])
        problems.append(Problem(validation_words(fault), path))
    raise Invalid(f"the {field} does not fit", problems=problems)


def _binding(workspace_id: str, dataset_id: str) -> Binding:
    return Binding(workspace_id, "dataset", dataset_id, "settings")


def seal(keyring: Keyring, workspace_id: str, dataset_id: str, fields: Mapping[str, Any]) -> bytes:
    """Encrypt the settings of a dataset for its column."""
    return keyring.encrypt(orjson.dumps(dict(fields)), _binding(workspace_id, dataset_id))


def unseal(keyring: Keyring, workspace_id: str, dataset: Dataset) -> dict[str, Any]:
    """Decrypt the settings of a dataset, ``{field: value}`` with its secrets. Never return or log them."""
    assert dataset.settings is not None  # noqa: S101  the caller has checked its kind
    fields: dict[str, Any] = orjson.loads(
        keyring.decrypt(dataset.settings, _binding(workspace_id, dataset.id))
    )
    return fields
