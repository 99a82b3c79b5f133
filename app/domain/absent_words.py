"""Words that mean "no value". Programs write them when they export an empty value.

A word is compared with the whole trimmed value, in any case. docs/identifiers.md lists them for users.
"""

from __future__ import annotations

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


def is_absent(text: str) -> bool:
    """Report whether a trimmed value is empty or a word that means "no value"."""
    return text == "" or (text.isascii() and text.lower() in ABSENT_WORDS)
