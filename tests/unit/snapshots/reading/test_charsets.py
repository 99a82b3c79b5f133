"""Files in an encoding that the upload names are read as Python's own decoder reads them; one is detected only if the upload asks for it."""

from __future__ import annotations

import codecs
import csv
import io
from pathlib import Path

import pytest

from app.core.errors import Invalid, UnsupportedMediaType
from app.domain.charsets import CHARSETS
from app.services.platform.uploads import upload_charset
from app.snapshots.engine import Cursor
from tests.unit.snapshots.reading.test_field_files import read

TEXT = "id;Name;Ort\r\n1;{0};Straße nach Ä\r\n2;\"{0}; {0}\";x\r\n"  # fmt: skip
SAMPLES = {
    "windows-1250": "Žižka Łódź",
    "windows-1251": "Привет",
    "windows-1252": "Jürgen Zoë €",
    "windows-1253": "Αθήνα",
    "windows-1254": "İstanbul ş",
    "iso-8859-15": "Müller €",
    "koi8-r": "Москва",
    "macintosh": "Zoë Ångström",
    "ibm850": "Jürgen",
    "shift_jis": "東京ソ",
    "euc-jp": "大阪",
    "gb18030": "北京𠀀",
    "big5": "臺北功",
    "euc-kr": "서울",
}


@pytest.mark.parametrize("charset", SAMPLES)
def test_is_read_as_the_decoder_of_python_reads_it(
    cursor: Cursor, folder: Path, charset: str
) -> None:
    text = TEXT.replace("Straße nach Ä", "x").format(SAMPLES[charset])
    raw = text.encode(CHARSETS[charset])
    with pytest.raises(Invalid, match="is not UTF-8 text"):
        read(cursor, folder, raw)
    rows, report = read(cursor, folder, raw, charset=charset)
    assert rows == list(csv.reader(io.StringIO(raw.decode(CHARSETS[charset])), delimiter=";"))
    assert report.dialect.encoding == charset


def test_a_long_file_is_decoded_across_its_pieces(
    cursor: Cursor, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.snapshots.reading.encodings._CHUNK", 7)
    rows, _ = read(cursor, folder, "a,b\nソ表,東京\n".encode("cp932"), charset="shift_jis")
    assert rows == [["a", "b"], ["ソ表", "東京"]]


def test_a_byte_without_meaning_is_refused_with_its_line(cursor: Cursor, folder: Path) -> None:
    content = b"a,b\nJ\xfcrgen,1\nx,\x81\n"
    with pytest.raises(Invalid, match=r"^Line 3 is not text in windows-1252: byte 0x81") as refused:
        read(cursor, folder, content, charset="windows-1252")
    assert refused.value.data == {"row": 3}
    with pytest.raises(Invalid, match=r"^Line 2 is not text in euc-kr"):
        read(cursor, folder, b"a,b\n\xff,1\n", charset="euc-kr")


def test_a_byte_order_mark_counts_more_than_the_name(cursor: Cursor, folder: Path) -> None:
    for mark, encoding in ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le")):
        rows, report = read(
            cursor, folder, mark + "a,b\nä,ö\n".encode(encoding), charset="windows-1252"
        )
        assert (rows[1], report.dialect.encoding) == (["ä", "ö"], encoding)


@pytest.mark.parametrize(
    ("content_type", "charset"),
    [
        ("text/csv", None),
        ("text/csv; charset=UTF-8", None),
        ("text/csv;charset=utf-16le", None),
        ('text/csv; header=present; charset="Windows-1252"', "windows-1252"),
        ("text/csv; charset=ISO-8859-1", "iso-8859-1"),
        ("text/csv; charset=Detect", "detect"),
    ],
)
def test_content_types_name_it(content_type: str, charset: str | None) -> None:
    assert upload_charset(content_type) == charset


def test_each_name_has_a_decoder_and_an_unknown_one_is_refused() -> None:
    for charset in CHARSETS:
        assert upload_charset(f"text/csv; charset={charset}") == charset
        assert b"a,1\n".decode(CHARSETS[charset]) == "a,1\n"
    for unknown in ("latin-1", "utf-7", "idna", "rot13", "hex"):
        with pytest.raises(UnsupportedMediaType, match="windows-1252"):
            upload_charset(f"text/csv; charset={unknown}")
