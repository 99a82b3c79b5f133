"""The encoding of a text that is not UTF-8 is detected if the other encodings read the same text, or a stranger one."""

# ruff: noqa: RUF001  (texts of several languages)

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.errors import Invalid
from app.domain.charsets import CHARSETS
from app.snapshots.engine import Cursor
from app.snapshots.reading.charset_detection import is_utf8, probable_charsets
from tests.unit.snapshots.reading.test_field_files import read

CLEAR = [
    ("windows-1252", "id;Name\n1;Jörg Müller\n2;Straße Köln\n"),
    ("windows-1252", "id;Name\n1;Jürgen\n"),
    ("windows-1252", "MÜLLER;GRÖSSE\nÄgypten;Öl\n"),
    ("windows-1252", "Hélène;Zoë;Amélie;François;Noël\n"),
    ("windows-1252", "Jörg;Müller;Größe;Hélène;Søren;Peña;Küçük;Michèle\n"),
    ("windows-1252", "Mª José;Peña\n"),
    ("windows-1252", "id;price\n1;5 €\n"),
    ("windows-1252", "It’s „gut“ – ja\n"),
    ("windows-1250", "Łódź;Wrocław;Gdańsk;Żółć;Kościuszko\n"),
    ("windows-1250", "Dvořák;Žižka;Novotný;Růžička;Němec;Šťastný\n"),
    ("windows-1251", "Иван;Привет;Москва;Екатерина;Наталья Смирнова\n"),
    ("windows-1251", "id;name\n1;Иван Petrov\n2;Мария\n"),
    ("windows-1253", "Αθήνα;Γεώργιος;Παπαδόπουλος\n"),
    ("windows-1254", "İstanbul;Şahin;Güneş;Yıldız;Çağlar\n"),
    ("windows-1257", "Jānis;Bērziņš;Kārlis;Līga\n"),
    ("koi8-r", "Иван;Привет;Москва;Екатерина\n"),
    ("macintosh", "Jörg;Müller;Zoë;Ångström;Straße\n"),
    ("ibm850", "Jürgen;Jörg;Straße;Bär\n"),
    ("shift_jis", "東京;大阪;田中太郎;さくら\n"),
    ("gb18030", "北京;上海;王小明;李娜\n"),
]


@pytest.mark.parametrize(("charset", "text"), CLEAR)
def test_finds_the_encoding_of_names(folder: Path, charset: str, text: str) -> None:
    path = folder / "names.csv"
    path.write_bytes(text.encode(CHARSETS[charset]))
    assert not is_utf8(path)
    assert [one.charset for one in probable_charsets(path)] == [charset]


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("Michèle\n".encode("cp1252"), ["windows-1252", "windows-1250"]),
        ("Erdős;Szűcs\n".encode("cp1250"), ["windows-1252", "windows-1250"]),
        ("서울;김철수;박영희\n".encode("cp949"), ["gb18030", "euc-kr"]),
        ("Jörg\n".encode() + b"M\xfcller\n", []),
    ],
    ids=["one letter", "Hungarian", "Korean", "two encodings"],
)
def test_several_are_named_if_the_letters_do_not_decide(
    cursor: Cursor, folder: Path, content: bytes, wanted: list[str]
) -> None:
    path = folder / "names.csv"
    path.write_bytes(content)
    assert [one.charset for one in probable_charsets(path)] == wanted
    with pytest.raises(Invalid, match="The file is not UTF-8") as refused:
        read(cursor, folder, b"Name;Ort\n" + content, charset="detect")
    assert refused.value.field == "charset"
    for charset in wanted:
        assert charset in refused.value.message


def test_a_file_is_read_in_the_encoding_that_was_detected(cursor: Cursor, folder: Path) -> None:
    content = "id;Name\n1;Jörg\n2;Groß\n".encode("cp1252")
    rows, report = read(cursor, folder, content, charset="detect")
    assert rows == [["id", "Name"], ["1", "Jörg"], ["2", "Groß"]]
    assert (report.dialect.encoding, report.dialect.detected_by) == ("windows-1252", "ö, ß")
    with pytest.raises(Invalid, match=r"^Line 2 is not UTF-8 text. It looks like windows-1252"):
        read(cursor, folder, content)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_nothing_is_detected_of_a_text_that_is_unicode(
    cursor: Cursor, folder: Path, encoding: str
) -> None:
    rows, report = read(cursor, folder, "id;Name\n1;Jörg\n".encode(encoding), charset="detect")
    assert rows[1] == ["1", "Jörg"]
    assert report.dialect.detected_by is None
    assert report.dialect.encoding in ("utf-8", "utf-16-le")


@pytest.mark.walk
def test_a_long_file_is_detected_by_its_first_letters(cursor: Cursor, folder: Path) -> None:
    lines = b"1;plain\n" * 200_000 + "2;Jörg\n".encode("cp1252") * 20_000
    rows, report = read(cursor, folder, b"id;Name\n" + lines, charset="detect")
    assert rows[-1] == ["2", "Jörg"]
    assert report.dialect.encoding == "windows-1252"
