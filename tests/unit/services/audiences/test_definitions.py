"""Queries are parsed on the event loop, so parsing must be fast."""

from __future__ import annotations

import time

import pytest
from pydantic import SecretStr

from app.core.crypto import Keyring
from app.services.audiences.definitions import run_in
from app.services.datasets import sources
from app.sources import PostgresSource
from app.storage.models import Dataset

_FIELDS = {"host": "db.example.com", "database": "shop", "user": "u", "password": "long-enough"}


def _stored(keyring: Keyring, source: PostgresSource) -> Dataset:
    return Dataset(
        space_id="spa", id="dst", settings=sources.seal_source(keyring, "wsp", "dst", source)
    )


class TestSourceOf:
    def test_opens_what_was_made(self) -> None:
        keyring = Keyring({"k1": b"k" * 32}, b"p" * 32)
        source = sources.new_source({**_FIELDS, "query": "SELECT 1", "ssl_mode": "require"})
        opened = sources.source_of(keyring, "wsp", _stored(keyring, source))
        assert opened == source
        assert opened.sql == "SELECT 1"
        assert (opened.server, opened.password) == ("db.example.com:5432", SecretStr("long-enough"))

    def test_does_not_read_the_query_again(self) -> None:
        """A stored query was checked when it was saved, and is checked again before it is run."""
        keyring = Keyring({"k1": b"k" * 32}, b"p" * 32)
        made = sources.new_source(_FIELDS).model_copy(update={"query": "no longer taken"})
        opened = sources.source_of(keyring, "wsp", _stored(keyring, made))
        assert opened.query == "no longer taken"


class TestRunIn:
    @pytest.mark.parametrize(
        ("query", "target"),
        [
            ("-- run in: shop\nSELECT 1", "shop"),
            ("\n  -- RUN IN:shop \t\r\nSELECT 1", "shop"),
            ("-- run in: two words", "two words"),
            ("-- run in:\nSELECT 1", ""),
            ("-- runs in: shop\nSELECT 1", None),
            ("SELECT 1 -- run in: shop", None),
        ],
    )
    def test_tells_the_dataset(self, query: str, target: str | None) -> None:
        assert run_in(query) == target

    def test_is_quick_whatever_the_first_line(self) -> None:
        begun = time.process_time()
        assert run_in(f"-- run in: a{' ' * 60_000}b\nSELECT 1") is not None
        assert time.process_time() - begun < 2
