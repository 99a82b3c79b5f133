from __future__ import annotations

import pytest
from asyncpg import exceptions

from app.sources.postgres.failures import connector_error
from app.sources.postgres.settings import PostgresSource

PASSWORD = "correct-horse-battery"
SOURCE = PostgresSource(host="db.example.com", database="shop", user="reader", password=PASSWORD)


class TestConnectorError:
    @pytest.mark.parametrize(
        "error",
        [
            exceptions.InvalidPasswordError(f"no entry for {PASSWORD}"),
            exceptions.InvalidCatalogNameError(f"no database {PASSWORD}"),
            exceptions.UndefinedColumnError(f"column {PASSWORD} does not exist"),
            exceptions.AdminShutdownError(f"bye {PASSWORD}"),
            exceptions.InterfaceError(PASSWORD),
            OSError(f"{PASSWORD} is unreachable"),
            ValueError(PASSWORD),
        ],
    )
    def test_masks_a_password_that_the_server_repeats(self, error: Exception) -> None:
        found = connector_error(error, SOURCE)
        assert PASSWORD not in found.message
        assert PASSWORD not in repr(found)

    def test_escapes_control_characters_and_cuts_long_messages(self) -> None:
        said = "\x1b[2Jgone " + "x" * 5000
        message = connector_error(exceptions.UndefinedTableError(said), SOURCE).message
        assert "\x1b" not in message
        assert len(message) < 1200
