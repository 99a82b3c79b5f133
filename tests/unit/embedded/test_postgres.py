from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from app.embedded import postgres
from app.embedded.errors import DiskFull, OtherVersion, ServersUnavailable


class TestFailure:
    @pytest.mark.parametrize(
        ("said", "kind"),
        [
            ('could not write to file "base/1": No space left on device', DiskFull),
            ("FATAL:  database files are incompatible with server", OtherVersion),
            ("something else", ServersUnavailable),
            ("", ServersUnavailable),
        ],
    )
    def test_tells_the_reasons_apart(self, said: str, kind: type[Exception]) -> None:
        assert type(postgres.failure(said, "Starting")) is kind

    def test_quotes_the_last_lines(self) -> None:
        text = str(postgres.failure("a\nb\n\nc\nd\n", "Starting"))
        assert text == "Starting failed: b / c / d"


class TestCheckVersion:
    def test_a_new_folder_fits(self, tmp_path: Path) -> None:
        postgres.check_version(tmp_path)

    def test_its_own_version_fits(self, tmp_path: Path) -> None:
        (tmp_path / "PG_VERSION").write_text("18\n")
        postgres.check_version(tmp_path)

    def test_another_is_refused_by_name(self, tmp_path: Path) -> None:
        (tmp_path / "PG_VERSION").write_text("16\n")
        with pytest.raises(OtherVersion, match="PostgreSQL 16"):
            postgres.check_version(tmp_path)


class TestCheckRoom:
    class Usage(NamedTuple):
        free: int

    def test_a_first_start_needs_more_than_a_later_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("shutil.disk_usage", lambda _: self.Usage(100 * 2**20))
        postgres.check_room(tmp_path, tmp_path)
        with pytest.raises(DiskFull, match=r"100 MiB free.*needs 200 MiB"):
            postgres.check_room(tmp_path / "new", tmp_path)


class TestDatabaseUrl:
    def test_goes_through_the_socket(self) -> None:
        url = postgres.database_url(Path("/a/b"), "x")
        assert url == "postgresql://activations@/x?host=/a/b&port=5432"
