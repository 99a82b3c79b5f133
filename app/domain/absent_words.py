"""Words that mean "no value". Programs write them when they export an empty value.

A word is compared with the whole trimmed value, in any case. docs/identifiers.md lists them for users. A space can have
more words.
"""

from __future__ import annotations

from collections.abc import Collection

from app.domain.text_forms import folded, lowered

#: Absent in every identifier. All are ASCII and in lower case.
ABSENT_WORDS = frozenset(
    {
        "null",
        "(null)",
        "<null>",
        "[null]",
        "\\n",
        "n/a",
        "#n/a",
        "<na>",
        "undefined",
        "(undefined)",
        "(not set)",
        "(none)",
        "#null!",
        "#ref!",
        "#value!",
        "#name?",
        "#num!",
        "#div/0!",
        "[object object]",
        '""',
        "''",
        "00000000-0000-0000-0000-000000000000",
    }
)


#: Absent in ids if two rows share them: each alone may be a real id. In lower case.
SHARED_WORDS = ("-", "nan", "none")

#: Forms of one letter in lower case, of which a word has either: programs make them of ``Σ`` and ``İ``.
ONE_LETTER = {"\u03c2": "\u03c3", "i\u0307": "i"}

MOST_WORDS = 100  # of a space
LONGEST_WORD = 100  # characters


def is_absent(text: str, words: Collection[str] = ()) -> bool:
    """Report whether a trimmed value is empty or a word that means "no value". ``words`` are more of them, in lower case."""
    if text == "" or lowered(text) in ABSENT_WORDS:
        return True
    return bool(words) and word_of(text) in set(map(word_of, words))


def word_of(text: str) -> str:
    """Return a word of a space's option ``absentWords`` in the form in which it is compared."""
    text = folded(text)
    for letter, plain in ONE_LETTER.items():
        text = text.replace(letter, plain)
    return text
