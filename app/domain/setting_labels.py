"""Labels of settings: the names of the API as people read them, such as ``API key`` for ``api_key``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

#: Parts of names that are not written as words are.
_SPELLED = {
    "api": "API",
    "arn": "ARN",
    "csv": "CSV",
    "gcs": "GCS",
    "http": "HTTP",
    "id": "ID",
    "ids": "IDs",
    "json": "JSON",
    "rest": "REST",
    "s3": "S3",
    "ssl": "SSL",
    "uri": "URI",
    "url": "URL",
}


def labelled(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of settings by their labels."""
    return {setting_label(name): value for name, value in settings.items()}


def setting_label(name: str) -> str:
    """Return the label of a setting by its name, in snake case or camel case: ``base_url`` and ``baseUrl`` are ``Base URL``."""
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_")
    label = " ".join(_SPELLED.get(part, part) for part in parts if part)
    return label[:1].upper() + label[1:]
