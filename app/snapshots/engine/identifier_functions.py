"""The functions of the engine that decide identifiers which SQL alone cannot decide."""

from __future__ import annotations

from typing import Any

import duckdb

from app.domain.email_addresses import valid_email
from app.domain.normalise import EMAIL_FUNCTION, PHONE_FUNCTION
from app.domain.phone_numbers import valid_phone


def add_identifier_functions(connection: duckdb.DuckDBPyConnection) -> None:
    """Register the functions that the SQL of :func:`app.domain.normalise.normalise_sql` calls."""
    text = "VARCHAR"
    special: Any = "special"
    # With the default handling of NULL, a function may not return NULL.
    connection.create_function(EMAIL_FUNCTION, _valid_email, [text], text, null_handling=special)
    connection.create_function(
        PHONE_FUNCTION, _valid_phone, [text, text], text, null_handling=special
    )


def _valid_email(value: str | None) -> str | None:
    return None if value is None else valid_email(value)


def _valid_phone(value: str | None, region: str | None) -> str | None:
    return None if value is None else valid_phone(value, region)
