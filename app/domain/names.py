"""Names that users give to what they create: one rule for bodies, delivery options, pages and commands."""

from __future__ import annotations

from app.core.errors import Invalid
from app.domain.save_warnings import SaveWarning, WarningCode
from app.domain.text_forms import trimmed

BLANK_NAME = "must have a visible character; a name of blanks alone cannot be read"


def is_blank(name: str) -> bool:
    """Return whether a name has no visible character: only blanks, line breaks, or signs such as a zero width space."""
    return not trimmed(name)


def blank_name_warning(name: str, field: str) -> SaveWarning | None:
    """Return a warning about a blank name that Segment's operations accept, or None."""
    if not is_blank(name):
        return None
    return SaveWarning(
        WarningCode.BLANK_NAME,
        field,
        f"The name has no visible character, so lists and pages show nothing. Send another {field}.",
    )


def checked_name(name: str) -> str:
    """Return a name unchanged. Raises ValueError if it is blank."""
    if is_blank(name):
        raise ValueError(BLANK_NAME)
    return name


def require_name(name: str, field: str = "name") -> None:
    """Raise Invalid, at ``field``, for a blank name."""
    if is_blank(name):
        raise Invalid(f'"{field}" {BLANK_NAME}', field=field)
