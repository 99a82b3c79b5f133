"""The form of a file that each run of a dataset reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.console.source_forms import SentSource
from app.console.visits import Visit
from app.domain.save_warnings import SaveWarning

FORMATS = ("csv", "ndjson", "parquet")
_TEXTS = {
    "url": "url",
    "format": "format",
    "delimiter": "delimiter",
    "charset": "charset",
    "maxAgeHours": "max_age_hours",
    "region": "region",
    "accessKeyId": "access_key_id",
    "roleArn": "role_arn",
    "endpointUrl": "endpoint_url",
}
_SECRETS = ("secretAccessKey", "serviceAccountJson", "authorization")
_BREAKING = "allowBreaking"


def sent_file_source(visit: Visit, stored: Any = None) -> SentSource:
    """Return the fields of a new file; or, with what is ``stored``, those that the form changes: None where it was emptied.

    Secrets are not shown in the form: an empty one stays as it is. The form has the format that is used, given or not.
    """
    found: dict[str, Any] = {}
    for name, key in _TEXTS.items():
        text = visit.sent(f"file.{name}")
        if stored is None and not text:
            continue
        if stored is not None and text == str(getattr(stored, key) or ""):
            continue
        found[name] = _number(text) if name == "maxAgeHours" else text or None
    found |= {name: text for name in _SECRETS if (text := visit.sent(f"file.{name}"))}
    is_allowed = visit.sent(f"file.{_BREAKING}") == "true"
    if is_allowed != (stored is not None and stored.allow_breaking):
        found[_BREAKING] = is_allowed
    return SentSource(found)


def check_words(warnings: Sequence[SaveWarning]) -> str:
    """Return what the check of the file's place has said, in sentences."""
    return " ".join(one.message for one in warnings) or "The file was found."


def _number(text: str) -> int | str | None:
    return int(text) if text.isascii() and text.isdecimal() else text or None
