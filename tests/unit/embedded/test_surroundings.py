"""Whether the object store is the one that the database was written with."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.core.config import Settings
from app.embedded.surroundings import check_files


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "objects" / "spaces").mkdir(parents=True)
    (tmp_path / "objects" / "spaces" / "one").write_bytes(b"x")
    return Settings(storage_url=(tmp_path / "objects").as_uri(), data_dir=tmp_path)


@pytest.mark.parametrize("named", [[], ["spaces/one"], ["spaces/lost", "spaces/one"]])
def test_one_file_that_the_database_names_is_enough(settings: Settings, named: list[str]) -> None:
    check_files(settings, named)


def test_a_store_without_any_of_them_may_be_another_one(settings: Settings) -> None:
    with capture_logs() as logs:
        check_files(settings, ["spaces/one"])
        check_files(settings, ["spaces/lost", "spaces/gone"])
    found = [(one["event"], one["log_level"], one["missing"], one["example"]) for one in logs]
    assert found == [("store_lacks_files", "error", 2, "spaces/lost")]
