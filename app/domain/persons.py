"""A person whose data is erased: the texts that name the person, and how they are found in other text.

A text is *distinctive* if it can be searched for anywhere: an e-mail address, a long number, or an id of letters and digits. Any
other text, such as the profile id ``42``, names the person only where an id is expected.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote

from app.domain.text_forms import folded, trimmed

ERASED = "[erased]"
MOST_TEXTS = 200  # names of one person; more would be a group of persons, or a fault of the data
_SHORTEST_MIXED, _SHORTEST_NUMBER = 6, 9  # characters
#: Names of columns whose values are ids of persons, in lower case and without separators.
_ID_COLUMNS = frozenset(
    {
        "anonymousid",
        "clientid",
        "contactid",
        "customerid",
        "externalid",
        "memberid",
        "personid",
        "profileid",
        "userid",
    }
)
#: Names of such values in JSON of the service and of partners.
_ID_KEYS = _ID_COLUMNS | {"email", "entityid", "key", "partnerid", "phone"}
#: Names in JSON of what is known about the person that an id beside them names. An erasure empties them.
_DETAILS = frozenset({"entities", "identifiers", "identity", "properties", "traits"})
_BODY = "body"  # of a logged request or response: it goes as a whole, because it may hold other values of the person
_CONTACT_WORDS = ("mail", "phone", "mobile", "telefon", "msisdn")
_PLAIN_NAME = re.compile(r"[^a-z0-9]")
#: Signs of which a longer name may consist: what follows them is a part of it.
_OF_NAMES = "._%+-"
_SEPARATORS = [
    code for code in range(128) if chr(code) not in _OF_NAMES and not chr(code).isalnum()
]
#: What may precede a name, as an address or JSON has it: ``%3A`` and ``%20``, ``\\n`` and ``\\u003c``. Each of one length.
_ENCODED = (
    f"%(?:{'|'.join(f'{code:02x}' for code in _SEPARATORS)})",
    r"\\[bfnrt]",
    rf"\\u00(?:{'|'.join(f'{code:02x}' for code in _SEPARATORS)})",
)


def is_id_column(name: str) -> bool:
    """Return whether the values of a user's column are ids of persons: ``profile_id``, ``Customer ID``."""
    return _PLAIN_NAME.sub("", name.lower()) in _ID_COLUMNS


def is_contact_column(name: str) -> bool:
    """Return whether the values of a user's column are ids of persons, e-mail addresses or telephone numbers, by its name."""
    plain = _PLAIN_NAME.sub("", name.lower())
    return plain in _ID_COLUMNS or any(word in plain for word in _CONTACT_WORDS)


def _is_id_key(name: str) -> bool:
    return _PLAIN_NAME.sub("", name.lower()) in _ID_KEYS


def is_distinctive(text: str) -> bool:
    """Return whether a text can be searched for anywhere without finding other persons."""
    plain = folded(text)
    if "@" in plain:
        return len(plain) >= _SHORTEST_MIXED
    if plain.lstrip("+").isdigit():
        return len(plain.lstrip("+")) >= _SHORTEST_NUMBER
    return len(plain) >= _SHORTEST_MIXED and any(character.isdigit() for character in plain)


def _encoded(text: bytes) -> Iterable[str]:
    """Yield the SHA-256 and MD5 of a name, and its base64 of both alphabets, without padding. All in lower case."""
    yield hashlib.sha256(text).hexdigest()
    yield hashlib.md5(text, usedforsecurity=False).hexdigest()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(text).decode().rstrip("=").lower()


@dataclass(frozen=True)
class Person:
    """The names of a person: ``ids`` of profiles, and ``values`` of identifiers that no other profile has. Both folded.

    ``spelled`` are names as they were given, of which hashes may have been taken.
    """

    ids: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    spelled: tuple[str, ...] = ()

    @classmethod
    def of(cls, ids: Iterable[str], values: Iterable[str], spelled: Iterable[str] = ()) -> Person:
        """Return the person with these names, each once. Spellings of other names are left out."""
        folds = [{folded(text) for text in texts if folded(text)} for texts in (ids, values)]
        known = folds[0] | folds[1]
        return cls(
            tuple(sorted(folds[0])),
            tuple(sorted(folds[1])),
            tuple(sorted({text for text in spelled if folded(text) in known})),
        )

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """All names."""
        return tuple(sorted({*self.ids, *self.values}))

    @cached_property
    def distinctive(self) -> frozenset[str]:
        """The distinctive names. Telephone numbers also without their plus, and with zeros in its place."""
        named = {text for text in self.texts if is_distinctive(text)}
        bare = {text[1:] for text in named if text[0] == "+"}
        return frozenset(
            named | {text for text in bare if is_distinctive(text)} | {f"00{text}" for text in bare}
        )

    @cached_property
    def anywhere(self) -> tuple[str, ...]:
        """The distinctive names, also as they are written in addresses, in base64, and as hashes that partners take."""
        named = self.distinctive
        spelled = {trimmed(text).encode() for text in self.spelled if is_distinctive(text)}
        spelled |= {text.encode() for text in named}
        return tuple(
            sorted(
                named
                | {quote(text, safe="").lower() for text in named}
                | {form for text in spelled for form in _encoded(text)}
            )
        )

    @cached_property
    def pattern(self) -> str:
        """A regular expression of a distinctive name inside a folded text. Python and the engine read it alike.

        ``joann@example.com`` does not contain ``ann@example.com``. Without distinctive names it matches nothing.
        """
        if not self.anywhere:
            return "[^\\s\\S]"
        names = "|".join(re.escape(text) for text in self.anywhere)
        before = "|".join(("^", r"[^\pL\pN._%+-]", *_ENCODED))
        return rf"(?:{before})(?:{names})($|[^\pL\pN._-]|\.($|[^\pL\pN]))"

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        names = "|".join(re.escape(text) for text in sorted(self.anywhere, key=len, reverse=True))
        encoded = "|".join(f"(?<={one})" for one in _ENCODED)
        inside = rf"(?:(?<![\w.%+-])|{encoded})(?:{names})(?![\w-]|\.[^\W_])"
        return re.compile(inside if names else r"[^\s\S]", re.IGNORECASE)

    def is_named(self, value: object) -> bool:
        """Return whether a value is one of the names."""
        return isinstance(value, str | int) and folded(str(value)) in self.texts

    def is_mentioned(self, text: str) -> bool:
        """Return whether a text contains a distinctive name."""
        return self._compiled.search(text) is not None

    def scrubbed(self, value: Any, name: str = "") -> Any:
        """Return a JSON value in which the names are replaced by ``[erased]``; the same object if it has none.

        A name that is not distinctive is replaced where a key that means an id has it: ``{"profileId": "42"}``. Traits and
        identifiers beside such an id go, too, and the body of a request that mentions the person.
        """
        if isinstance(value, str):
            if name == _BODY and self.is_mentioned(value):
                return ERASED
            if self.is_named(value) and (is_distinctive(value) or _is_id_key(name)):
                return ERASED
            return self._compiled.sub(ERASED, value) if self.is_mentioned(value) else value
        if isinstance(value, int) and not isinstance(value, bool):
            named = self.is_named(value) and (is_distinctive(str(value)) or _is_id_key(name))
            return ERASED if named else value
        if isinstance(value, Mapping):
            found = {self.scrubbed(key): self.scrubbed(item, key) for key, item in value.items()}
            if any(_is_id_key(key) and self.is_named(item) for key, item in value.items()):
                found |= {key: type(value[key])() for key in _DETAILS & value.keys() if value[key]}
            return found if found != value else value
        if isinstance(value, list):
            items = [self.scrubbed(item, name) for item in value]
            return items if items != value else value
        return value
