"""Files that people reported to other products, each with its report: read as they were meant, or refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.core.errors import Invalid
from app.snapshots.engine import Cursor, Upload, UploadReport
from app.snapshots.reading import open_upload
from tests.unit.snapshots.files import fresh


def read(
    cursor: Cursor, folder: Path, content: str | bytes, **more: Any
) -> tuple[list[list[str]], UploadReport]:
    """The header and the rows of a file as texts, and the report on it."""
    path = fresh(folder, ".csv")
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with open_upload(cursor, Upload(path, "csv", **more), fresh(folder)) as source:
        rows = cursor.execute(f"SELECT * FROM {source.sql}").fetchall()
        return [list(source.columns), *([cell or "" for cell in row] for row in rows)], source.report([])  # fmt: skip


READ: list[tuple[str, str | bytes, list[list[str]]]] = [
    (
        "mholt/PapaParse#600: commas in the header of a semicolon file",
        "SKU;Nombre (100 caracteres, obligatorio);Precio\n15;Santa;90.0\n",
        [["SKU", "Nombre (100 caracteres, obligatorio)", "Precio"], ["15", "Santa", "90.0"]],
    ),
    (
        "mholt/PapaParse#290: decimal commas in most rows of a semicolon file",
        "d;k;v\n08/01/2016;A;-21.419,06\n19/01/2016;A;-53,9\n15/01/2016;A;-116\n",
        [
            ["d", "k", "v"],
            ["08/01/2016", "A", "-21.419,06"],
            ["19/01/2016", "A", "-53,9"],
            ["15/01/2016", "A", "-116"],
        ],
    ),
    (
        "mholt/PapaParse#1005: decimal commas in all rows of a tab file",
        "X\tY\tZ\n120,5\t50,3\t2,35\n",
        [["X", "Y", "Z"], ["120,5", "50,3", "2,35"]],
    ),
    (
        "mholt/PapaParse#930: a list with semicolons in one value",
        "driver_id,exception_dates\n1202071166,01/04/2022;02/04/2022;05/04/2022\n",
        [["driver_id", "exception_dates"], ["1202071166", "01/04/2022;02/04/2022;05/04/2022"]],
    ),
    (
        "mholt/PapaParse#829 and #941: blanks before quotes, and commas within them",
        '"Index", "Item", "Cost"\n5, "Maxwell House Coffee 28 oz", 7.28\n6, "Banana Boat Sunscreen, 8 oz", 6.68\n',
        [
            ["Index", "Item", "Cost"],
            ["5", "Maxwell House Coffee 28 oz", "7.28"],
            ["6", "Banana Boat Sunscreen, 8 oz", "6.68"],
        ],
    ),
    (
        "dbeaver/dbeaver#41361: blanks before quotes, a line end within them, and a delimiter at the end",
        'Col1, Col2, Col3\nRow 1.1, "Row 1.2\n1.3", Val 1.4,\nRow 2.1, Row 2.2, Row 2.3\n',
        [
            ["Col1", "Col2", "Col3"],
            ["Row 1.1", "Row 1.2\n1.3", "Val 1.4"],
            ["Row 2.1", "Row 2.2", "Row 2.3"],
        ],
    ),
    (
        "PowerShell/PowerShell#7776 and shenwei356/csvtk#13: a line sep=",
        "sep=,\na,b,c\n1,2,3\n",
        [["a", "b", "c"], ["1", "2", "3"]],
    ),
    (
        "close2/csv#68: a line sep= in quotes, and delimiters at the end of all lines",
        '"sep=;"\na;b;\n1;2;\n3;4;\n',
        [["a", "b"], ["1", "2"], ["3", "4"]],
    ),
    (
        "alexcaza/export-to-csv#43 and SheetJS/sheetjs#1943: a line sep= with a rare delimiter, CR LF",
        'sep=~\r\n"Column A"~"Column B"\r\n"Line A 1"~"Line A 2"\r\n',
        [["Column A", "Column B"], ["Line A 1", "Line A 2"]],
    ),
    (
        "melihbirim/csvql#103 and dotCMS/core#36508: a byte order mark before the first name",
        "\ufeffid,name\n1,Alice\n",
        [["id", "name"], ["1", "Alice"]],
    ),
    (
        "ckan/datapusher#74 and whitfin/s3-concat#3: concatenated files, each with its header and mark",
        "\ufeffid,name\n1,Alice\n\ufeffid,name\n2,Bob\n",
        [["id", "name"], ["1", "Alice"], ["2", "Bob"]],
    ),
    (
        "whitfin/s3-concat#3: concatenated files, the first without a last line end",
        "\ufeffid,name\n1,Alice\ufeffid,name\n2,Bob",
        [["id", "name"], ["1", "Alice"], ["2", "Bob"]],
    ),
    (
        "mholt/PapaParse#43, BaseXdb/basex#164: CR alone ends the lines of a tab file",
        "id\tname\r1\tAlice\r2\tBob\r",
        [["id", "name"], ["1", "Alice"], ["2", "Bob"]],
    ),
    (
        "duckdb/duckdb#15783: lines that end in CR LF and in LF",
        "profile_id,email\r\n17,a@example.com\n18,b@example.com\r\n",
        [["profile_id", "email"], ["17", "a@example.com"], ["18", "b@example.com"]],
    ),
    (
        "duckdb/duckdb#7706: a line end before the closing quote",
        'id,note,n\n1,"value of forex = 1\n",2\n',
        [["id", "note", "n"], ["1", "value of forex = 1\n", "2"]],
    ),
    (
        "OSGeo/gdal#9172, tidyverse/readr#784, duckdb/duckdb#16760: line ends in names",
        'Column one,"Column with a\nline break"\n1,2\n',
        [["Column one", "Column with a line break"], ["1", "2"]],
    ),
    (
        "wireservice/csvkit#426, votingworks/arlo#525: columns without names and values",
        "h1,h2,,,\na,b,,,\n",
        [["h1", "h2"], ["a", "b"]],
    ),
    (
        "alphagov/notifications-utils#1169: columns without names and values before the others",
        ",,,phone number\n,,,07900900123\n",
        [["phone number"], ["07900900123"]],
    ),
    (
        "n8n-io/n8n#20524, apache/arrow#26743: a delimiter at the end of the rows, and not of the header",
        "GTIN;Marke;VK\n123;testBrand;31.40;\n124;testBrand;;\n",
        [["GTIN", "Marke", "VK"], ["123", "testBrand", "31.40"], ["124", "testBrand", ""]],
    ),
    (
        "rdunlop/unicycling-registration#527, firefly-iii/firefly-iii#691: rows of delimiters only",
        "a,b,c\n1,2,3\n,,\n,,\n",
        [["a", "b", "c"], ["1", "2", "3"]],
    ),
    (
        "mholt/PapaParse#347, octobercms/october#1320: empty lines before the header, between rows and at the end",
        "\n\na,b\n1,2\n\n3,4\n  \n\n",
        [["a", "b"], ["1", "2"], ["3", "4"]],
    ),
    (
        "Unstructured-IO/unstructured#4443, TablePress/TablePress#31: Excel's Unicode text",
        "name\tstadt\r\nJürgen\tKöln\r\n".encode("utf-16"),
        [["name", "stadt"], ["Jürgen", "Köln"]],
    ),
    (
        "duckdb/duckdb#16251: a quote and the delimiter in quotes, after many plain rows",
        "id,value\n" + "1,a\n" * 2_047 + '2048,""","\n',
        [["id", "value"], *[["1", "a"]] * 2_047, ["2048", '",']],
    ),
    (
        "duckdb/duckdb#14883: quotes within a value that is not in quotes",
        'id,stop\n1,the "old" mill\n',
        [["id", "stop"], ["1", 'the "old" mill']],
    ),
    *[
        (f"a column without a name and without values: {header!r} above {row!r}", f"{header}\n{row}\n", [["a", "b"], ["1", "2"]])
        for header, row in [
            ("a,,b", "1,,2"), ("a,b,", "1,2,"), ("a,b,", "1,2"), ("a,b,,", "1,2,"), ('a,"",b', "1,,2"), ("a,  ,b", "1,,2"),
            ("a,b,", "1,2,  "), ('a,b,"\n"', "1,2"), ("\ufeff,a,b", ",1,2"), ("a;;b", "1;;2"), ("a,\u200b,b", "1,,2"),
        ]
    ],
]  # fmt: skip


@pytest.mark.parametrize(("source", "content", "rows"), READ, ids=[case[0] for case in READ])
def test_is_read_as_it_was_meant(
    cursor: Cursor, folder: Path, source: str, content: str | bytes, rows: list[list[str]]
) -> None:
    assert read(cursor, folder, content)[0] == rows, source


REFUSED: list[tuple[str, bytes, str, int | None]] = [
    ("glific/glific#5657: Windows-1252", b"a,b\n1,10 \x96 20\n", "CSV UTF-8", 2),
    ("microsoft/sqltoolsservice#278: UTF-16 without a mark", "a,b\n1,2\n".encode("utf-16-le"), "looks like UTF-16", 1),
    ("BurntSushi/xsv#186: quotes within quotes that are not doubled", b'A|B\n"s"|"x"\n"s"|"A "B"\nA"\n', "text after a closing quote", 3),
    ("quentinsf/icsv2ledger#84: rows without their last cells", b"a,b,c\n1,2,3\n4,5\n", "c is missing", 3),
    ("a value without its name", b"a,b,\n1,2,3\n", "Column 3 of the header has no name", 2),
    ("deephaven/deephaven-core#1561, probcomp/bayeslite#477: an index of pandas", b"\xef\xbb\xbf,a,b\n0,1,2\n", "Column 1 .* index=False", 2),
    ("a name in quotes that is empty", b'a,"",b\n1,,2\n1,3,2\n', "Column 2 .* Give the column a name", 3),
    ("a row without a column that has a name", b"a,,b\n1,2\n", "b is missing", 2),
    ("mithrandie/csvq#18: a second file with its columns in another order", b"id,name,x\n1,A,B\nname,id,x\nC,2,D\n", "second file", 3),
    ("two records before a quote that is not closed", b'a,b\r\n1,2\n3,"4\r\n5,6\n', "closing quote", 3),
    ("a web page of a login instead of the export", b"<!DOCTYPE html>\n<html></html>", "web page", 1),
    ("JSON that is sent as CSV", b'[{"a": 1}, {"a": 2}]', "JSON array", 1),
    ("JSON on several lines that is sent as CSV", b'[\r\n  {\r\n"a": 1}]', "JSON array", 1),
    ("an object on several lines that is sent as CSV", b'{\n"a": 1}', "application/x-ndjson", 1),
    ("Parquet that is sent as CSV", b"PAR1\x15\x04", "Parquet", None),
    ("a bzip2 archive", b"BZh91AY&SY", "bzip2", None),
    ("UTF-16 that was cut", b"\xff\xfea\x00,\x00b\x00\n\x001", "cut off", None),
]  # fmt: skip


@pytest.mark.parametrize(("source", "content", "words", "line"), REFUSED, ids=[case[0] for case in REFUSED])  # fmt: skip
def test_is_refused_by_name(
    cursor: Cursor, folder: Path, source: str, content: bytes, words: str, line: int | None
) -> None:
    with pytest.raises(Invalid, match=words) as caught:
        read(cursor, folder, content)
    assert (caught.value.data or {}).get("row") == line, source


class TestDelimiter:
    def test_two_that_fit_are_asked_for(self, cursor: Cursor, folder: Path) -> None:
        with pytest.raises(Invalid, match="query parameter delimiter") as caught:
            read(cursor, folder, "a;b,c\n1;2,3\n")
        assert caught.value.data == {"row": 1, "delimiters": [",", ";"]}

    @pytest.mark.parametrize("more", [{"delimiter": ";"}, {"usual_delimiter": ";"}])
    def test_the_asked_or_the_usual_one_decides(
        self, cursor: Cursor, folder: Path, more: dict[str, str]
    ) -> None:
        assert read(cursor, folder, "a;b,c\n1;2,3\n", **more)[0] == [["a", "b,c"], ["1", "2,3"]]

    def test_a_usual_one_that_does_not_fit_is_left(self, cursor: Cursor, folder: Path) -> None:
        assert read(cursor, folder, "a,b\n1,2\n", usual_delimiter=";")[0] == [["a", "b"], ["1", "2"]]  # fmt: skip

    def test_an_asked_one_may_be_rare(self, cursor: Cursor, folder: Path) -> None:
        """mholt/PapaParse#425."""
        rows, _ = read(cursor, folder, "CODE}AREA\n600}S. Peo\n", delimiter="}")
        assert rows == [["CODE", "AREA"], ["600", "S. Peo"]]


class TestReport:
    def test_says_how_a_file_was_read(self, cursor: Cursor, folder: Path) -> None:
        text = "\ufeffid;name\r\n1;A\n\nid;name\r\n2;B\x00".replace("\x00", "\ud83d\r\n")
        _, report = read(
            cursor, folder, b"\xff\xfe" + text.lstrip("\ufeff").encode("utf-16-le", "surrogatepass")
        )
        assert (report.dialect.delimiter, report.dialect.encoding) == (";", "utf-16-le")
        assert report.dialect.byte_order_mark
        assert report.dialect.line_ends == ("CRLF", "LF")
        assert report.skipped == {"empty_row": 1, "repeated_header": 1}
        assert report.replaced == {"name": {"half_character": 1}}

    def test_counts_columns_without_name_and_values(self, cursor: Cursor, folder: Path) -> None:
        assert read(cursor, folder, "a,,b,\n1,,2,\n")[1].skipped == {"empty_column": 2}

    def test_a_sample_may_end_within_a_character(self, cursor: Cursor, folder: Path) -> None:
        """The sample is cut by bytes, while a line of two-byte letters has half as many characters."""
        text = "a;b,c\n1;2,3\n" + 'x;"' + "ü" * 999_990 + '"\n' + "y;z\n"
        assert read(cursor, folder, text)[0][2:] == [["x", "ü" * 999_990], ["y", "z"]]
