"""What columns of files are usually called, in English and German: ``Vorname`` is a first name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from app.domain.column_names import squashed

#: Names by meaning, all squashed. A name that is equal to the meaning belongs to it, too.
_NAMES: Mapping[str, tuple[str, ...]] = {
    "email": ("mail", "mailaddress", "emailadresse", "mailadresse"),
    "phone": (
        *("tel", "telephone", "telephonenumber", "mobile", "mobilephone", "mobilenumber"),
        *("cell", "cellphone", "telefon", "telefonnummer", "handy", "handynummer"),
        *("mobil", "mobiltelefon", "mobilnummer", "rufnummer"),
    ),
    "firstname": ("givenname", "forename", "vorname", "rufname"),
    "lastname": ("surname", "familyname", "nachname", "familienname", "zuname"),
    "title": ("jobtitle", "titel"),
    "organization": ("organisation", "company", "companyname", "firma", "unternehmen"),
    "image": ("imageurl", "avatar", "picture", "photo", "bild", "foto"),
    "city": ("homecity", "town", "hometown", "stadt", "ort", "wohnort"),
    "country": ("countrycode", "land", "ländercode"),
    "gender": ("sex", "geschlecht"),
    "dob": ("dateofbirth", "birthdate", "birthday", "geburtsdatum", "geburtstag"),
    "language": ("lang", "locale", "sprache"),
    "timezone": ("zeitzone",),
}
_MEANINGS: Mapping[str, str] = {
    name: meaning for meaning, names in _NAMES.items() for name in (meaning, *names)
}


def meaning_of(name: str) -> str | None:
    """Return what a column of this name usually contains, such as ``firstname``; None if that is not known."""
    return _MEANINGS.get(squashed(name))


def columns_meaning(names: Iterable[str], columns: Iterable[str]) -> list[str]:
    """List the columns that usually contain what a field with one of these names contains."""
    wanted = {meaning_of(name) for name in names} - {None}
    return [column for column in columns if meaning_of(column) in wanted]
