"""Forms of text that people cannot distinguish: blanks, invisible characters and other widths of a character."""

from __future__ import annotations

import unicodedata

_INVISIBLE = (
    "\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\ufe0e\ufe0f\ufeff"
)
_SPACES = (
    "\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)

#: Characters that are removed from both ends of a value.
BLANKS = " \t\n\r\x0b\x0c" + _SPACES + _INVISIBLE

_NO_INVISIBLE = str.maketrans("", "", _INVISIBLE)


def trimmed(text: str) -> str:
    """Return the text without blanks and invisible characters at its ends."""
    return text.strip(BLANKS)


def visible(text: str) -> str:
    """Return the text in NFKC (full-width letters become plain ones), without invisible characters and outer blanks."""
    return unicodedata.normalize("NFKC", text.translate(_NO_INVISIBLE)).strip(BLANKS)
