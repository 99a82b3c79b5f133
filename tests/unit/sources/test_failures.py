from __future__ import annotations

import pytest
from asyncpg import exceptions

from app.sources.postgres.failures import explained
from app.sources.postgres.settings import PostgresSource

PASSWORD = "correct-horse-battery"
SOURCE = PostgresSource(host="db.example.com", database="shop", user="reader", password=PASSWORD)


class TestExplained:
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
    def test_a_server_that_repeats_the_password_is_not_repeated(self, error: Exception) -> None:
        found = explained(error, SOURCE)
        assert PASSWORD not in found.message
        assert PASSWORD not in repr(found)

    def test_what_a_server_says_cannot_steer_a_terminal_and_is_cut(self) -> None:
        said = "\x1b[2Jgone " + "x" * 5000
        message = explained(exceptions.UndefinedTableError(said), SOURCE).message
        assert "\x1b" not in message
        assert len(message) < 1200
