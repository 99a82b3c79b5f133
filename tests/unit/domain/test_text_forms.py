"""Texts as they are compared: Python and the engine agree."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from app.domain.absent_words import is_absent, word_of
from app.domain.normalise import folded_sql, word_sql
from app.domain.text_forms import BLANKS, folded


@pytest.mark.walk
def test_python_and_the_engine_fold_every_character_alike() -> None:
    characters = [chr(code) for code in range(1, 0x110000) if not 0xD800 <= code < 0xE000]
    texts = [f"a{character}" for character in characters]
    with duckdb.connect() as connection:
        connection.register("texts", pa.table({"t": texts}))
        rows = connection.execute(f"SELECT t, {folded_sql('t')} FROM texts").fetchall()
    assert [text for text, engines in rows if folded(text) != engines] == []


@pytest.mark.parametrize("word", ["BELİRTİLMEMİŞ", "ΑΓΝΩΣΤΟΣ", "Unbekannt", "n/a?", "не указано"])
def test_a_word_is_found_in_any_case(word: str) -> None:
    kept = frozenset({word_of(word)})
    given = {word, word.upper(), word.lower(), f"{BLANKS[0]}{word}{BLANKS[-1]}"}
    with duckdb.connect() as connection:
        for text in given:
            row = connection.execute(
                f"SELECT {word_sql('t', kept)} FROM (SELECT $text AS t)", {"text": text}
            ).fetchone()
            assert row == (True,), text
            assert is_absent(text.strip(BLANKS), kept), text


def test_a_word_that_an_earlier_version_stored_is_found() -> None:
    kept = frozenset({"BELİRTİLMEMİŞ".lower()})
    assert is_absent("BELİRTİLMEMİŞ", kept)
    with duckdb.connect() as connection:
        query = f"SELECT {word_sql('t', kept)} FROM (SELECT 'BELİRTİLMEMİŞ' AS t)"
        assert connection.execute(query).fetchone() == (True,)
