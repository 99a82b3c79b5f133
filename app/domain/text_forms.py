"""Forms of text that people cannot distinguish: blanks, invisible characters and other widths of a character."""

from __future__ import annotations

import string
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

_ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_NO_INVISIBLE = str.maketrans("", "", _INVISIBLE)


def trimmed(text: str) -> str:
    """Return the text without blanks and invisible characters at its ends."""
    return text.strip(BLANKS)


def lowered(text: str) -> str:
    """Return the text in lower case, one character at a time, as ``lower`` of the engine has it.

    Python's own ``lower`` makes two characters of ``İ``, and another letter of a Greek ``Σ`` at the end of a word: ``KİRA`` and
    ``ΝΙΚΟΣ`` would be other texts there than in the engine.
    """
    return text.replace("\u0130", "i").replace("\u03a3", "\u03c3").lower()


def ascii_lowered(text: str) -> str:
    """Return the text with ASCII letters in lower case: two columns with one such name are one column for the engine."""
    return text.translate(_ASCII_LOWER)


def folded(text: str) -> str:
    """Return the text as it is compared in any case: without blanks at its ends, in lower case. ``folded_sql`` is its SQL."""
    return lowered(trimmed(text))


def visible(text: str) -> str:
    """Return the text in NFKC (full-width letters become plain ones), without invisible characters and outer blanks."""
    return unicodedata.normalize("NFKC", text.translate(_NO_INVISIBLE)).strip(BLANKS)
