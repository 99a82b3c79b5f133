"""Forms of settings: what was filled in, and how stored settings are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from app.console.visits import Visit
from app.core.errors import Invalid
from app.services.accounts import SettingInput

_DOTS = "\N{BULLET}" * 4


def filled(visit: Visit, inputs: Sequence[SettingInput]) -> dict[str, str]:
    """Return ``{setting: text}`` of a form that was sent. A choice is not stripped, because it may be a tab."""
    found = {}
    for one in inputs:
        values = visit.form.get(f"settings.{one.name}", [""])
        found[one.name] = values[-1] if one.kind == "choice" else values[-1].strip()
    return found


def passed(result: Any, inputs: Sequence[SettingInput]) -> Any:
    """Return the result of a check. Raises Invalid if it failed: at the key if that was refused, else at the button of the form."""
    if not result.ok:
        keys = [f"settings.{one.name}" for one in inputs if one.kind == "secret"]
        field = keys[0] if result.key_refused and len(keys) == 1 else "check"
        raise Invalid(
            f"The check failed, so nothing was saved: {result.message.rstrip('.')}.", field=field
        )
    return result


def last_fours(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return ``{setting: "•••• t9Qw"}`` of the secrets among settings as they are shown."""
    return {name: _text(value) for name, value in settings.items() if _is_mask(value)}


def setting_texts(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return ``{setting: text}``; secrets are dots and their last four characters."""
    return {name: _text(value) for name, value in settings.items()}


def _text(value: Any) -> str:
    if _is_mask(value):
        return f"{_DOTS} {value['last4']}" if value.get("last4") else f"{_DOTS} (set)"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_text(item)}" for name, item in value.items()) or "none"
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _is_mask(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get("set") is True
