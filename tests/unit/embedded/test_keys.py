from __future__ import annotations

import base64
from pathlib import Path
from threading import Thread

import pytest
from pydantic import SecretStr

from app.core.config import Settings
from app.core.crypto import Keyring
from app.embedded.errors import FolderNotUsable
from app.embedded.keys import with_keys


class TestWithKeys:
    def test_makes_keys_that_open_the_keyring(self, tmp_path: Path) -> None:
        settings = with_keys(Settings(data_dir=tmp_path), make=True)
        assert Keyring.from_settings(settings).key_ids == ("k1",)
        assert settings.encryption_keys is not None
        assert len(base64.b64decode(settings.encryption_keys.get_secret_value()[3:])) == 32
        assert settings.token_pepper is not None
        assert len(settings.token_pepper.get_secret_value()) == 43

    def test_finds_them_again(self, tmp_path: Path) -> None:
        first = with_keys(Settings(data_dir=tmp_path), make=True)
        assert with_keys(Settings(data_dir=tmp_path), make=True) == first
        assert with_keys(Settings(data_dir=tmp_path), make=False) == first

    def test_only_their_owner_may_read_them(self, tmp_path: Path) -> None:
        with_keys(Settings(data_dir=tmp_path), make=True)
        assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
        assert {file.stat().st_mode & 0o777 for file in (tmp_path / "keys").iterdir()} == {0o600}

    def test_refuses_a_key_that_others_may_read(self, tmp_path: Path) -> None:
        with_keys(Settings(data_dir=tmp_path), make=True)
        (tmp_path / "keys" / "token_pepper").chmod(0o644)
        with pytest.raises(FolderNotUsable, match="0600"):
            with_keys(Settings(data_dir=tmp_path), make=False)

    def test_what_is_set_wins_and_makes_no_file(self, tmp_path: Path) -> None:
        given = Settings(
            data_dir=tmp_path, encryption_keys=SecretStr("a:b"), token_pepper=SecretStr("c")
        )
        assert with_keys(given, make=True) == given
        assert list(tmp_path.iterdir()) == []

    def test_makes_nothing_unasked(self, tmp_path: Path) -> None:
        settings = with_keys(Settings(data_dir=tmp_path), make=False)
        assert settings.encryption_keys is None
        assert list(tmp_path.iterdir()) == []

    def test_all_who_start_at_once_get_the_same(self, tmp_path: Path) -> None:
        made: list[Settings] = []
        threads = [
            Thread(target=lambda: made.append(with_keys(Settings(data_dir=tmp_path), make=True)))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(made) == 8
        assert len({str(settings.model_dump()) for settings in made}) == 1
        peppers = {s.token_pepper.get_secret_value() for s in made if s.token_pepper}
        assert len(peppers) == 1
