from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from app.embedded import folders
from app.embedded.accounts import current_account
from app.embedded.errors import ExitCode, FolderNotUsable, StartError, error_for
from app.embedded.folders import (
    find_folders,
    make_data_dir,
    make_private_folder,
    write_atomically,
)


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

    def test_the_name_survives_a_power_failure(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        synced: list[tuple[Path, bool]] = []
        monkeypatch.setattr(
            folders, "sync_folder", lambda one: synced.append((one, (one / "key").exists()))
        )
        write_atomically(tmp_path / "key", "k1:…")
        assert synced == [(tmp_path, True)]


class TestCopiesOfADataFolder:
    """The servers' data is elsewhere, and a file of the data folder names the place."""

    @pytest.fixture
    def data(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        for choice in ("owner_of", "unprivileged_account"):
            monkeypatch.setattr(folders, choice, lambda *_: current_account())
        home = tmp_path / "elsewhere"
        home.mkdir(mode=0o700)
        data = tmp_path / "data"
        data.mkdir(mode=0o700)
        (data / "servers-folder").write_text(f"{home}\n")
        find_folders(data, None)
        return data

    def test_a_copy_is_refused_while_the_original_is_there(
        self, data: Path, tmp_path: Path
    ) -> None:
        copy = tmp_path / "copy"
        shutil.copytree(data, copy)
        with pytest.raises(FolderNotUsable, match=r"copy and .*/data both say"):
            find_folders(copy, None)
        assert find_folders(data, None).home == tmp_path / "elsewhere"

    def test_a_folder_that_was_moved_is_not(self, data: Path, tmp_path: Path) -> None:
        data.rename(tmp_path / "moved")
        assert find_folders(tmp_path / "moved", None).home == tmp_path / "elsewhere"
        shutil.copytree(tmp_path / "moved", data)
        with pytest.raises(FolderNotUsable, match="One of them is a copy"):
            find_folders(data, None)


class TestErrorFor:
    @pytest.mark.parametrize("code", list(ExitCode))
    def test_keeps_the_exit_code(self, code: ExitCode) -> None:
        error = error_for("why", int(code))
        assert isinstance(error, StartError)
        assert error.exit_code == code
        assert str(error) == "why"
