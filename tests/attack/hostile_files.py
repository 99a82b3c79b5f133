"""Files that an uploader makes to mislead or to exhaust a reader: name, content type, coding, bytes, and what may be said."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from tests.attack import bombs

CSV, PARQUET, NDJSON = "text/csv", "application/vnd.apache.parquet", "application/x-ndjson"
GOOD = b"profile_id\n1\n"


@dataclass(frozen=True)
class HostileFile:
    """An upload, and the statuses that are right for it."""

    name: str
    content_type: str
    data: bytes
    statuses: tuple[int, ...] = (422,)
    coding: str = ""

    @property
    def headers(self) -> dict[str, str]:
        coding = {"Content-Encoding": self.coding} if self.coding else {}
        return {"Content-Type": self.content_type, **coding}


def parquet(table: pa.Table, compression: str = "snappy") -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, compression=compression)
    return out.getvalue()


def archive(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name in names:
            file.writestr(name, b"0" * 20_000_000)
    return out.getvalue()


def all_files() -> Iterator[HostileFile]:
    yield from compressed()
    yield from texts()
    yield from parquet_files()
    yield from ndjson_files()


def compressed() -> Iterator[HostileFile]:
    squeezed = gzip.compress(GOOD)
    window = b"\x28\xb5\x2f\xfd\x00\xf8" + bytes(20)  # a frame that wants a window of 2 TiB
    skippable = struct.pack("<II", 0x184D2A50, 2**32 - 1)  # a frame to skip, of 4 GiB
    for kind in (CSV, PARQUET):
        yield HostileFile("zip", kind, archive("x.csv"))
    yield HostileFile("zip of ../..", CSV, archive("../../../tmp/x", "/etc/passwd"))
    yield HostileFile("gzip in gzip", CSV, gzip.compress(squeezed), coding="gzip")
    yield HostileFile("gzip named zstd", CSV, squeezed, coding="zstd")
    yield HostileFile("chain of codings", CSV, squeezed, (415,), "gzip, gzip")
    yield HostileFile("br", CSV, b"x", (415,), "br")
    yield HostileFile("deflate", CSV, b"x", (415,), "deflate")
    yield HostileFile("gzip, cut", CSV, gzip.compress(b"profile_id\n" + b"a\n" * 9999)[:-9], coding="gzip")  # fmt: skip
    yield HostileFile("gzip with another end", CSV, squeezed + b"garbage", coding="gzip")
    yield HostileFile("gzip with a wrong sum", CSV, squeezed[:-8] + bytes(4) + squeezed[-4:], coding="gzip")  # fmt: skip
    yield HostileFile("gzip with a wrong length", CSV, squeezed[:-4] + b"\xff" * 4, coding="gzip")
    yield HostileFile("gzip with a name without an end", CSV, b"\x1f\x8b\x08\x08" + b"\0" * 6 + b"x" * 300_000, coding="gzip")  # fmt: skip
    yield HostileFile("100,000 empty parts of gzip", CSV, gzip.compress(b"") * 100_000, coding="gzip")  # fmt: skip
    yield HostileFile("zstd with a huge window", CSV, window, coding="zstd")
    yield HostileFile("zstd that skips 4 GiB", CSV, skippable, coding="zstd")
    yield HostileFile("100,000 empty frames of zstd", CSV, zstandard.compress(b"") * 100_000, coding="zstd")  # fmt: skip
    yield HostileFile("zstd, cut", CSV, zstandard.compress(GOOD * 9999)[:-3], coding="zstd")


def texts() -> Iterator[HostileFile]:
    yield HostileFile("a quote without its end", CSV, b'profile_id,a\n1,"' + b"x\n" * 500_000)
    yield HostileFile("quotes only", CSV, b'"' * 100_000, (200, 422))
    yield HostileFile("NUL", CSV, b"profile_id\na\0b\n")
    yield HostileFile("NUL in a header", CSV, b"profile_id,a\0b\n1,2\n")
    yield HostileFile("two byte order marks", CSV, b"\xef\xbb\xbf" * 2 + GOOD, (200, 422))
    yield HostileFile("UTF-16, cut", CSV, b"\xff\xfep\0r\0o")
    yield HostileFile("UTF-32", CSV, b"\xff\xfe\0\0" + "profile_id\n1\n".encode("utf-32-le"), (200, 422))  # fmt: skip
    yield HostileFile("UTF-7", "text/csv; charset=utf-7", GOOD, (415,))
    yield HostileFile("half surrogates", CSV, b"profile_id\n\xed\xa0\x80\n")
    yield HostileFile("overlong UTF-8", CSV, b"profile_id\n\xc0\xaf\n")
    yield HostileFile("delimiters only", CSV, b"," * 900_000 + b"\n")
    yield HostileFile("one line of 5 MB", CSV, b"x" * 5_000_000)
    yield HostileFile("empty", CSV, b"")
    yield HostileFile("line ends only", CSV, b"\r\n" * 500_000)
    yield HostileFile("lone carriage returns", CSV, b"profile_id\r1\r2\r", (200, 422))
    yield HostileFile("the same name, three times", CSV, b"profile_id,a,A,a\n1,2,3,4\n")
    yield HostileFile("names of SQL and folders", CSV, b'profile_id,"a"");DROP TABLE x;--","../../x","a\'b"\n1,2,3,4\n', (200, 422))  # fmt: skip
    yield HostileFile("names of the engine", CSV, b"profile_id,rowid,__index_level_0__,filename,__proto__,constructor\n1,2,3,4,5,6\n", (200, 422))  # fmt: skip
    yield HostileFile("a name of 100 KB", CSV, b"profile_id," + b"n" * 100_000 + b"\n1,2\n")
    yield HostileFile("names that only differ in invisible characters", CSV, "profile_id,a,a\u200b,a\u00ad\n1,2,3,4\n".encode(), (200, 422))  # fmt: skip
    yield HostileFile("a name of control characters", CSV, b"profile_id,\x1b[31m\x07\n1,2\n", (200, 422))  # fmt: skip
    yield HostileFile("cells of formulas", CSV, b"profile_id\n=1+1\n@SUM(A1)\n", (200,))
    yield HostileFile("2,000 columns", CSV, bombs.columns(2000))
    yield HostileFile("a number of 100,000 digits", CSV, b"profile_id,n\n1," + b"9" * 100_000 + b"\n", (200, 422))  # fmt: skip
    yield HostileFile("dates of the year 999999999", CSV, b"profile_id,d\n1,999999999-12-31\n2,0000-00-00\n", (200,))  # fmt: skip
    yield HostileFile("HTML", CSV, b"<html><script>alert(1)</script></html>")
    yield HostileFile("a program", CSV, b"\x7fELF\x02\x01\x01" + bytes(5000))


def parquet_files() -> Iterator[HostileFile]:
    good = parquet(pa.table({"profile_id": ["a", "b"]}))
    body = good[:-8]
    for name, length in (("2 GiB", 2**31 - 1), ("nothing", 0), ("4 GiB", 2**32 - 1), ("more", len(good))):  # fmt: skip
        yield HostileFile(f"a footer of {name}", PARQUET, body + struct.pack("<I", length) + b"PAR1")  # fmt: skip
    yield HostileFile("nothing but the name", PARQUET, b"PAR1PAR1")
    yield HostileFile("an encrypted footer", PARQUET, b"PARE" + good[4:-4] + b"PARE")
    yield HostileFile("lists without an end", PARQUET, b"PAR1" + b"\x19" * 5000 + struct.pack("<I", 5000) + b"PAR1")  # fmt: skip
    huge = b"\x15\x02\x19\xfc\xff\xff\xff\xff\x0f"
    yield HostileFile("a list of 4,294,967,295", PARQUET, b"PAR1" + huge + struct.pack("<I", len(huge)) + b"PAR1")  # fmt: skip
    yield HostileFile("lists in 60 lists", PARQUET, bombs.nested_parquet())
    yield HostileFile("3,000 columns", PARQUET, parquet(pa.table({f"c{n}": [1] for n in range(3000)})))  # fmt: skip
    for step in (7, 37, 101):
        flipped = bytes(byte ^ (number % step == 0) for number, byte in enumerate(good))
        yield HostileFile(f"each {step}th byte changed", PARQUET, flipped)
        inside = good[:4] + flipped[4 : len(good) // 2] + good[len(good) // 2 :]
        yield HostileFile(f"each {step}th byte of the data changed", PARQUET, inside, (200, 422))
    yield HostileFile("CSV as Parquet", PARQUET, GOOD)
    yield HostileFile("a name with NUL", PARQUET, parquet(pa.table({"profile_id": ["a"], "a\0b": [1]})))  # fmt: skip
    yield HostileFile("two columns of one name", PARQUET, parquet(pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["profile_id", "profile_id"])))  # fmt: skip
    yield HostileFile("binary that is no text", PARQUET, parquet(pa.table({"profile_id": pa.array([b"\xff\xfe"], pa.binary())})), (200, 422))  # fmt: skip


def ndjson_files() -> Iterator[HostileFile]:
    yield HostileFile("50,000 brackets", NDJSON, b'{"profile_id":"1","a":' + b"[" * 50_000 + b"]" * 50_000 + b"}\n")  # fmt: skip
    yield HostileFile("an id of 500,000 digits", NDJSON, b'{"profile_id":' + b"9" * 500_000 + b"}\n")  # fmt: skip
    yield HostileFile("NaN", NDJSON, b'{"profile_id":"1","a":NaN}\n', (200, 422))
    yield HostileFile("the same key twice", NDJSON, b'{"profile_id":"1","profile_id":"2"}\n', (200, 422))  # fmt: skip
    yield HostileFile("half a surrogate", NDJSON, b'{"profile_id":"\\ud800"}\n', (200, 422))
    yield HostileFile("an escaped NUL", NDJSON, b'{"profile_id":"a\\u0000b"}\n', (200, 422))
    yield HostileFile("an array", NDJSON, b'[{"profile_id":"1"}]', (200, 422))
    yield HostileFile("100,000 keys", NDJSON, b"{" + b",".join(b'"k%d":1' % n for n in range(100_000)) + b"}\n")  # fmt: skip
    yield HostileFile("another key in each row", NDJSON, b"".join(b'{"profile_id":"%d","k%d":1}\n' % (n, n) for n in range(3000)))  # fmt: skip
    yield HostileFile("a brace without its end", NDJSON, b'{"profile_id":"1","a":"' + b"x" * 3_000_000)  # fmt: skip
    yield HostileFile("1e400", NDJSON, b'{"profile_id":"1","a":1e400,"b":-1e400}\n', (200, 422))
    yield HostileFile("keys of prototypes", NDJSON, b'{"profile_id":"1","__proto__":{"x":1},"constructor":2}\n', (200, 422))  # fmt: skip
