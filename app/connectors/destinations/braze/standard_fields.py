"""Standard fields of a Braze profile in the form that Braze reads. Braze ignores values of another form."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import available_timezones

# https://www.braze.com/docs/user_guide/data/activation/attributes/standard_attributes/
_GENDERS: Mapping[str, str] = {
    **dict.fromkeys(("m", "male", "man", "boy", "mann", "männlich", "homme", "masculin", "hombre"), "M"),
    **dict.fromkeys(("f", "w", "female", "woman", "girl", "frau", "weiblich", "femme", "féminin", "mujer"), "F"),
    **dict.fromkeys(("o", "x", "d", "other", "non binary", "nonbinary", "diverse", "divers"), "O"),
    **dict.fromkeys(("n", "not applicable"), "N"),
    **dict.fromkeys(("p", "prefer not to say", "not disclosed", "undisclosed"), "P"),
}  # fmt: skip
# Codes of ISO 639-1.
_LANGUAGES = frozenset((
    "aa", "ab", "ae", "af", "ak", "am", "an", "ar", "as", "av", "ay", "az", "ba", "be", "bg", "bh", "bi", "bm",
    "bn", "bo", "br", "bs", "ca", "ce", "ch", "co", "cr", "cs", "cu", "cv", "cy", "da", "de", "dv", "dz", "ee",
    "el", "en", "eo", "es", "et", "eu", "fa", "ff", "fi", "fj", "fo", "fr", "fy", "ga", "gd", "gl", "gn", "gu",
    "gv", "ha", "he", "hi", "ho", "hr", "ht", "hu", "hy", "hz", "ia", "id", "ie", "ig", "ii", "ik", "io", "is",
    "it", "iu", "ja", "jv", "ka", "kg", "ki", "kj", "kk", "kl", "km", "kn", "ko", "kr", "ks", "ku", "kv", "kw",
    "ky", "la", "lb", "lg", "li", "ln", "lo", "lt", "lu", "lv", "mg", "mh", "mi", "mk", "ml", "mn", "mr", "ms",
    "mt", "my", "na", "nb", "nd", "ne", "ng", "nl", "nn", "no", "nr", "nv", "ny", "oc", "oj", "om", "or", "os",
    "pa", "pi", "pl", "ps", "pt", "qu", "rm", "rn", "ro", "ru", "rw", "sa", "sc", "sd", "se", "sg", "si", "sk",
    "sl", "sm", "sn", "so", "sq", "sr", "ss", "st", "su", "sv", "sw", "ta", "te", "tg", "th", "ti", "tk", "tl",
    "tn", "to", "tr", "ts", "tt", "tw", "ty", "ug", "uk", "ur", "uz", "ve", "vi", "vo", "wa", "wo", "xh", "yi",
    "yo", "za", "zh", "zu",
))  # fmt: skip
_TAG = re.compile(r"([A-Za-z]{2})(?:[-_.@][A-Za-z0-9-_.@]*)?")
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ].*)?")
# Names that the list of countries writes in another way.
_OTHER_NAMES: Mapping[str, str] = {
    "deutschland": "DE", "osterreich": "AT", "schweiz": "CH", "uk": "GB", "united kingdom": "GB", "great britain": "GB",
    "england": "GB", "usa": "US", "united states of america": "US", "czechia": "CZ", "south korea": "KR",
    "republic of korea": "KR", "viet nam": "VN", "russian federation": "RU", "the netherlands": "NL", "holland": "NL",
    "turkiye": "TR", "ivory coast": "CI", "macedonia": "MK",
}  # fmt: skip


def in_form(name: str, value: Any) -> Any:
    """Return a value in Braze's form; None if it has none, and unchanged for other fields."""
    form = _FORMS.get(name)
    return value if form is None or value is None else form(value)


def _gender(value: Any) -> str | None:
    return _GENDERS.get(" ".join(str(value).lower().replace("-", " ").replace("_", " ").split()))


def _birthday(value: Any) -> str | None:
    """Return the day as YYYY-MM-DD. Days that could be read in two ways (03/04/1990) have no form."""
    if isinstance(value, datetime | date):
        return value.isoformat()[:10]
    match = _DAY.fullmatch(str(value).strip())
    try:
        return date(*map(int, match.groups())).isoformat() if match else None
    except ValueError:
        return None


def _country(value: Any) -> str | None:
    text = str(value).strip()
    if text.upper() in _country_codes():
        return text.upper()
    return _countries().get(_folded(text))


@cache
def _countries() -> Mapping[str, str]:
    """Return ``{name: code}`` of ISO 3166-1, with folded English names."""
    lines = (files("tzdata") / "zoneinfo" / "iso3166.tab").read_text("utf-8").splitlines()
    pairs = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return {**{_folded(name): code for code, name in pairs}, **_OTHER_NAMES}


@cache
def _country_codes() -> frozenset[str]:
    return frozenset(_countries().values())


def _folded(name: str) -> str:
    """Return a name in lower case, without accents and signs."""
    plain = unicodedata.normalize("NFKD", name.lower().replace("&", " and "))
    letters = "".join(
        one if one.isalnum() else " " for one in plain if not unicodedata.combining(one)
    )
    return " ".join(letters.split())


def _language(value: Any) -> str | None:
    """Return the language of a tag such as de-DE, as two letters."""
    match = _TAG.fullmatch(str(value).strip())
    code = match[1].lower() if match else None
    return code if code in _LANGUAGES else None


def _time_zone(value: Any) -> str | None:
    return _zones().get(str(value).strip().lower())


@cache
def _zones() -> Mapping[str, str]:
    return {name.lower(): name for name in available_timezones()}


_FORMS: Mapping[str, Callable[[Any], str | None]] = {
    "gender": _gender,
    "dob": _birthday,
    "country": _country,
    "language": _language,
    "time_zone": _time_zone,
}
#: What each field must be.
EXPECTED: Mapping[str, str] = {
    "gender": "Braze takes M, F, O (other), N (not applicable) or P (prefer not to say)",
    "dob": "Braze takes a day as YYYY-MM-DD",
    "country": "Braze takes a code of two letters, such as DE; an English name works too",
    "language": "Braze takes a code of two letters, such as de",
    "time_zone": "Braze takes a name of the IANA database, such as Europe/Berlin",
}
