from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.embedded.accounts import current_account
from app.embedded.errors import ExitCode, FolderNotUsable, StartError, error_for
from app.embedded.folders import make_data_dir, make_private_folder, write_atomically


class TestMakeDataDir:
    def test_makes_the_folder_and_its_parents(self, tmp_path: Path) -> None:
        made = make_data_dir(tmp_path / "a" / "b")
        assert made.is_dir()
        assert made.stat().st_mode & 0o777 == (0o711 if os.geteuid() == 0 else 0o700)

    def test_leaves_the_mode_of_one_that_is_there(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir(mode=0o750)
        make_data_dir(tmp_path / "data")
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o750

    def test_answers_the_real_path(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "real")
        assert make_data_dir(tmp_path / "link") == tmp_path / "real"

    def test_names_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(FolderNotUsable, match=r"file/data cannot be used"):
            make_data_dir(tmp_path / "file" / "data")


class TestMakePrivateFolder:
    def test_makes_it_for_its_owner_only(self, tmp_path: Path) -> None:
        make_private_folder(tmp_path / "x", current_account())
        assert (tmp_path / "x").stat().st_mode & 0o777 == 0o700

    def test_refuses_a_link_and_an_open_folder(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(tmp_path)
        (tmp_path / "open").mkdir(mode=0o755)
        for name in ("link", "open"):
            with pytest.raises(FolderNotUsable):
                make_private_folder(tmp_path / name, current_account())


class TestWriteAtomically:
    def test_replaces_and_keeps_it_private(self, tmp_path: Path) -> None:
        file = tmp_path / "token"
        file.write_text("old")
        write_atomically(file, "new\n")
        assert file.read_text() == "new\n"
        assert file.stat().st_mode & 0o777 == 0o600
        assert list(tmp_path.iterdir()) == [file]


class TestErrorFor:
    @pytest.mark.parametrize("code", list(ExitCode))
    def test_keeps_the_exit_code(self, code: ExitCode) -> None:
        error = error_for("why", int(code))
        assert isinstance(error, StartError)
        assert error.exit_code == code
        assert str(error) == "why"
