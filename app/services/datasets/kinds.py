"""The kinds of datasets: what their content comes from."""

from __future__ import annotations

from app.storage.models import Dataset

UPLOAD = "upload"
POSTGRES = "postgres"
OBJECT = "object"


def is_database(dataset: Dataset) -> bool:
    """Return whether a dataset is in a database, so that each run reads its rows, and the service has no content."""
    return dataset.kind == POSTGRES


def is_file(dataset: Dataset) -> bool:
    """Return whether the content of a dataset is read from a file, if that changed."""
    return dataset.kind == OBJECT
