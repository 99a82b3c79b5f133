"""Whether the object store is the one that the database was written with."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.config import Settings
from app.embedded.errors import ExitCode, StoreUnusable
from app.embedded.surroundings import check_files


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "objects" / "spaces").mkdir(parents=True)
    (tmp_path / "objects" / "spaces" / "one").write_bytes(b"x")
    return Settings(storage_url=(tmp_path / "objects").as_uri(), data_dir=tmp_path)


@pytest.mark.parametrize("named", [[], ["spaces/one"], ["spaces/lost", "spaces/one"]])
def test_one_file_that_the_database_names_is_enough(settings: Settings, named: list[str]) -> None:
    check_files(settings, named)


def test_a_store_without_any_of_them_is_another_one(settings: Settings) -> None:
    with pytest.raises(StoreUnusable, match=r"has none of the files .*spaces/lost") as caught:
        check_files(settings, ["spaces/lost", "spaces/gone"])
    assert caught.value.exit_code == ExitCode.STORE_UNUSABLE
