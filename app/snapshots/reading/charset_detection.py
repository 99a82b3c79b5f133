"""The encoding that a text probably has which is not UTF-8: the one in which its letters are those of one language.

Many bytes are text in several encodings. So an encoding is found only if the others read the same text, or clearly worse.
"""

from __future__ import annotations

import codecs
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import Invalid
from app.domain.charsets import CHARSETS

_CHUNK = 4 * 1024 * 1024
_LINE = 64 * 1024
_SAMPLE = 16 * 1024  # bytes of lines with characters that are not ASCII
_ODD = 0.1  # share of odd characters from which a text is in another encoding
_COVERED = 0.3  # least share of usual letters
_HALF_WIDTH = 0.7
_MARGIN = 0.1  # by which the best encoding has more usual letters than the next one
_MOST_NAMED = 4
_MOST_LETTERS = 6
_WITHIN_WORDS = "\u2018\u2019\u2010\u2011"  # apostrophes and hyphens
_BESIDE_WORDS = "®©™°"

_WESTERN = "äöüßéèêëàâçñáíóúãõåøæîïôûùœìòªº"
_CYRILLIC = "оеаинтсрвл"  # the most frequent ones
_LANGUAGES: Mapping[str, Sequence[str]] = {
    "windows-1252": (_WESTERN, "áðéíóúýþæö", "äöåõšž"),
    "windows-1250": (
        "äöüß",
        "ąćęłńóśźż",
        "áčďéěíňóřšťúůýžäľô",
        "áéíóöőúüű",
        "ăâîşţ",
        "čćđšž",
    ),
    "windows-1254": ("çğıöşüâîû", _WESTERN),
    "windows-1257": ("ąčęėįšųūž", "āčēģīķļņšūž", "äöüõšž"),
    "windows-1251": (_CYRILLIC,),
    "windows-1253": ("αοιτεσνηυρςάέίόήύώ",),
    "koi8-r": (_CYRILLIC,),
    "macintosh": (_WESTERN,),
    "ibm850": (_WESTERN,),
    "shift_jis": (),
    "gb18030": (),
    "euc-kr": (),
}
#: Encodings of other systems than Windows are rare. If one of Windows fits as well, it is preferred.
_RARE = {"macintosh": 0.15, "ibm850": 0.15}
#: First bytes of the usual characters of encodings with two bytes for a character.
_USUAL_BYTES = {
    "shift_jis": range(0x81, 0x98),
    "gb18030": range(0xA1, 0xD8),
    "euc-kr": range(0xB0, 0xC9),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """A sample of a text as an encoding reads it. ``usual``: the share of its letters that are usual in one language."""

    charset: str
    text: str
    usual: float

    @property
    def letters(self) -> str:
        """The letters outside ASCII that the sample has, most frequent first, as ``ö, ü``.

        Empty for Chinese, Japanese and Korean: few characters are a name there, and reports are stored.
        """
        if self.charset in _USUAL_BYTES:
            return ""
        return ", ".join(_letters(self.text)[:_MOST_LETTERS])


def is_utf8(path: Path) -> bool:
    """Report whether all bytes of a file are UTF-8; half surrogates count as characters."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogatepass")
    with path.open("rb") as file:
        try:
            while piece := file.read(_CHUNK):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def find_charset(path: Path) -> Reading:
    """Return the encoding of a file that is not UTF-8. Raises Invalid, with those in question, if several fit, or none."""
    found = probable_charsets(path)
    if len(found) == 1:
        return found[0]
    raise Invalid(
        f"The file is not UTF-8.{likely_words(found) or ' Its encoding is not recognised.'} "
        'Choose its encoding, or save the file as UTF-8 (in spreadsheets "CSV UTF-8").',
        field="charset",
    )


def likely_words(found: Sequence[Reading]) -> str:
    """Return which encodings a file may have, as a sentence with a blank before it; nothing if none fits."""
    named = [
        f"{one.charset} (its letters are then {one.letters})" if one.letters else one.charset
        for one in found
    ]
    if not named:
        return ""
    if len(named) == 1:
        return f" It looks like {named[0]}."
    return f" It may be {', '.join(named[:-1])} or {named[-1]}."


def probable_charsets(path: Path) -> Sequence[Reading]:
    """Return the encodings that fit a file, best first: one, unless the next one fits nearly as well; none if none fits."""
    sample = _sample(path)
    readings = [one for charset in _LANGUAGES if (one := _read(sample, charset)) is not None]
    found: dict[str, Reading] = {}
    for one in readings:  # of those that read the same text, the first
        found.setdefault(one.text, one)
    best = sorted(found.values(), key=lambda one: -one.usual)
    return [one for one in best if one.usual > best[0].usual - _MARGIN][:_MOST_NAMED]


def _sample(path: Path) -> bytes:
    found = bytearray()
    with path.open("rb") as file:
        for line in iter(lambda: file.readline(_LINE), b""):
            if not line.isascii():
                found += line
            if len(found) >= _SAMPLE:
                break
    return bytes(found[:_SAMPLE])


def _read(sample: bytes, charset: str) -> Reading | None:
    """Return how an encoding reads a sample; None if it is not text in it."""
    try:
        text = codecs.getincrementaldecoder(CHARSETS[charset])().decode(sample)
    except UnicodeDecodeError:
        return None
    places = [place for place, letter in enumerate(text) if not letter.isascii()]
    odd = sum(_is_odd(text, place) for place in places)
    if not places or odd > _ODD * len(places):
        return None
    letters = [text[place].lower() for place in places if text[place].isalpha()]
    usual = _usual_share(letters, charset) - _RARE.get(charset, 0)
    return Reading(charset, text, usual) if usual >= _COVERED else None


def _usual_share(letters: Sequence[str], charset: str) -> float:
    if not letters:  # only signs, such as those of prices
        return 1.0 if charset.startswith("windows") else 0.5
    if (first := _USUAL_BYTES.get(charset)) is not None:
        codec = CHARSETS[charset]
        return sum(_usual_bytes(one.encode(codec), first) for one in letters) / len(letters)
    return max(
        sum(one in language for one in letters) / len(letters) for language in _LANGUAGES[charset]
    )


def _usual_bytes(raw: bytes, first: range) -> float:
    """Return how usual a character is by its bytes: 1, 0, and between for half-width kana, of which each is one byte."""
    return _HALF_WIDTH if len(raw) == 1 else float(raw[0] in first)


def _is_odd(text: str, place: int) -> bool:
    """Report whether a character does not fit between its neighbours: a symbol or a capital in a word, letters of two scripts."""
    letter = text[place]
    before, after = text[place - 1 : place], text[place + 1 : place + 2]
    if not letter.isalpha():
        return _is_odd_sign(letter, before, after)
    if letter.isupper() and (before.islower() or (before.isalpha() and after.islower())):
        return True
    if _is_latin(letter):
        return place >= 3 and all(_is_accented(one) for one in text[place - 3 : place])
    return _is_ascii_letter(before) or _is_ascii_letter(after)


def _is_odd_sign(sign: str, before: str, after: str) -> bool:
    category = unicodedata.category(sign)
    if category in ("Cc", "Co", "Cn", "Cs"):
        return True
    if category == "Zs" or sign in _WITHIN_WORDS or unicodedata.east_asian_width(sign) in "WF":
        return False
    if category in ("Sk", "Sm", "So") and sign not in _BESIDE_WORDS:
        return before.isalpha() or after.isalpha()
    return before.isalpha() and (after.isalpha() or category == "No")


def _is_accented(letter: str) -> bool:
    return not letter.isascii() and letter.isalpha() and _is_latin(letter)


def _is_latin(letter: str) -> bool:
    return letter in "ªº" or unicodedata.name(letter, "").startswith("LATIN")


def _is_ascii_letter(text: str) -> bool:
    return text.isascii() and text.isalpha()


def _letters(text: str) -> list[str]:
    counts: dict[str, int] = {}
    for letter in text:
        if not letter.isascii() and letter.isalpha():
            counts[letter] = counts.get(letter, 0) + 1
    return sorted(counts, key=lambda letter: -counts[letter])
