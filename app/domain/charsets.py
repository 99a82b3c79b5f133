"""Encodings of text that an upload can name, beside UTF-8 and UTF-16. One is detected only if an upload asks for it."""

from __future__ import annotations

from collections.abc import Mapping

#: In place of an encoding: UTF-8 if all bytes are, else the encoding that the letters of the file fit.
DETECT = "detect"

#: Encodings that an upload can name, with their decoder. As in browsers, ISO 8859-1 is read as windows-1252, which contains it.
CHARSETS: Mapping[str, str] = {
    **{f"windows-{number}": f"cp{number}" for number in range(1250, 1259)},
    **{f"iso-8859-{number}": f"iso8859_{number}" for number in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)},
    "iso-8859-1": "cp1252",
    "iso-8859-9": "cp1254",
    "ibm850": "cp850",
    "macintosh": "mac_roman",
    "koi8-r": "koi8_r",
    "koi8-u": "koi8_u",
    "shift_jis": "cp932",
    "euc-jp": "euc_jp",
    "gb18030": "gb18030",
    "big5": "cp950",
    "euc-kr": "cp949",
}  # fmt: skip
