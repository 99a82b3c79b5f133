"""Checks the SQL that is sent to PostgreSQL: one SELECT, whose result depends on the data and ``$as_of`` alone.

The check gives early and clear messages. The server prevents writing: by a read-only transaction, by the extended
protocol (which accepts one statement), and by the privileges of the role.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.domain.clock_words import has_clock_word
from app.sources.postgres.clock_texts import content, reads_clock

MAX_LENGTH = 64 * 1024
PARAMETER = "($1::timestamp)"  # replaces $as_of

# PostgreSQL's lexical structure, except nested comments, which a regular expression cannot match.
_TOKEN = re.compile(
    r"""
      (?P<space>\s+|--[^\r\n]*)
    | (?P<comment>/\*)
    | (?P<dollar>\$(?:[^\W\d]\w*)?\$)
    | (?P<text>[eE]'(?:[^'\\]|\\.|'')*'|(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*')
    | (?P<quoted>(?:[uU]&)?"(?:[^"]|"")*")
    | (?P<parameter>\$\w+)
    | (?P<number>\.?\d(?:[eE][+-]|[\w.])*)
    | (?P<word>[^\W\d][\w$]*)
    | (?P<mark>::|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_MARK = re.compile(r"/\*|\*/")

_CLOCK_WORDS = {"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"}
_CLOCK = {"now", "clock_timestamp", "statement_timestamp", "transaction_timestamp", "timeofday"}
_CHANCE = {
    "random",
    "random_normal",
    "setseed",
    "gen_random_uuid",
    "uuidv4",
    "uuidv7",
    "uuid_generate_v1",
    "uuid_generate_v4",
    "nextval",
}


class StatementRejected(Exception):
    """A text that is not sent. ``reasons`` are for its author."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = tuple(reasons)


@dataclass(frozen=True, slots=True)
class Statement:
    """A text that may be sent. ``sql`` has PostgreSQL's form of the parameter and no semicolon at the end."""

    text: str
    sql: str
    parameters: tuple[int, ...]  # positions of the parameters in ``sql``
    clock_texts: tuple[tuple[int, int], ...] = ()  # where in ``sql`` texts such as 'today' are

    def at(self, moment: str) -> str:
        """Return the SQL with a moment (ISO, without a zone) in the place of each parameter, for a server that binds none."""
        parts, done = [], 0
        for place in self.parameters:
            parts += [self.sql[done:place], f"('{moment}'::timestamp)"]
            done = place + len(PARAMETER)
        return "".join([*parts, self.sql[done:]])

    def line_and_column(self, position: int) -> tuple[int, int]:
        """Return line and column in the original text for a position (from 1) that the server reported."""
        at = position - 1
        grown = len(PARAMETER) - len("$as_of")
        at -= grown * sum(1 for parameter in self.parameters if parameter < at)
        before = self.text[: max(at, 0)]
        return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int


def read_statement(text: str) -> Statement:
    """Check a text and insert the parameter. Raises StatementRejected with all reasons."""
    if len(text) > MAX_LENGTH:
        raise StatementRejected([f"The query is longer than {MAX_LENGTH} characters."])
    if "\0" in text:
        raise StatementRejected(["The query contains NUL characters."])
    tokens = list(_tokens(text))
    while tokens and tokens[-1].text == ";":
        tokens.pop()
    reasons = list(dict.fromkeys(_faults(tokens)))
    if reasons:
        raise StatementRejected(reasons)
    end = tokens[-1].start + len(tokens[-1].text)
    return _with_parameter(text[:end], tokens)


def _with_parameter(text: str, tokens: Sequence[_Token]) -> Statement:
    parts, places, done, length = [], [], 0, 0
    clock_texts = []
    for token in tokens:
        if token.kind == "parameter":
            parts += [text[done : token.start], PARAMETER]
            length += token.start - done
            places.append(length)
            length += len(PARAMETER)
            done = token.start + len(token.text)
        elif token.kind == "text" and has_clock_word(content(token.text)):
            start = length + token.start - done
            clock_texts.append((start, start + len(token.text)))
    parts.append(text[done:])
    return Statement(text, "".join(parts), tuple(places), tuple(clock_texts))


def _tokens(text: str) -> Iterator[_Token]:
    """Yield the tokens of the text, without whitespace and comments."""
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        assert found is not None  # noqa: S101  the last alternative matches any character
        kind, start = found.lastgroup, place
        place = found.end()
        match kind:
            case "space":
                pass
            case "comment":
                place = _end_of_comment(text, place)
            case "dollar":
                end = text.find(found.group(), place)
                if end < 0:
                    raise _unclosed()
                place = end + len(found.group())
                yield _Token("text", text[start:place], start)
            case "mark" if found.group() in {"'", '"'}:
                raise _unclosed()
            case _:
                yield _Token(str(kind), found.group(), start)


def _unclosed() -> StatementRejected:
    return StatementRejected(["A quote is not closed."])


def _end_of_comment(text: str, place: int) -> int:
    depth = 1
    for mark in _COMMENT_MARK.finditer(text, place):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return mark.end()
    raise StatementRejected(["A comment is not closed."])


def _faults(tokens: Sequence[_Token]) -> Iterator[str]:
    words = [token.text.lower() for token in tokens]
    lists = _brackets_with_commas(words)
    first = next((word for word in words if word != "("), "")
    if first not in {"select", "with"}:
        yield "The query must be one SELECT (or WITH … SELECT)."
    if ";" in words:
        yield "The query must be one statement, without a semicolon inside it."
    for place, token in enumerate(tokens):
        called = words[place + 1 : place + 2] == ["("]
        member = place > 0 and words[place - 1] == "." and words[place - 2] != "pg_catalog"
        if token.kind == "parameter" and words[place] != "$as_of":
            yield f"The only parameter is $as_of, not {token.text[:80]}."
        elif token.kind in {"word", "quoted"} and not member:
            quoted = token.kind == "quoted"
            single = called and place + 1 not in lists
            yield from _fault_of_word(words[place], called=called, quoted=quoted, single=single)
        elif token.kind == "text" and reads_clock(words, place):
            yield f"{token.text} depends on when the query runs; use $as_of, the time of the run."


def _fault_of_word(word: str, *, called: bool, quoted: bool, single: bool) -> Iterator[str]:
    """Yield the fault of a word. ``called``: a bracket follows it; ``single``: this bracket has no comma."""
    if quoted:
        word = word.strip('"')
    if (word in _CLOCK_WORDS and not quoted) or (word in _CLOCK and called):
        yield f"{word} depends on when the query runs; use $as_of, the time of the run."
    elif word in _CHANCE and called:
        yield f"{word}() returns another result each time; a repeated run must return equal results."
    elif word == "tablesample" and not quoted:
        yield "A sample differs each time; a repeated run must return equal results."
    elif word == "age" and single:
        yield "age(x) depends on when the query runs; use age($as_of, x)."


def _brackets_with_commas(words: Sequence[str]) -> set[int]:
    """Return the positions of the brackets that contain a comma directly. One pass, at any depth."""
    found, opened = set(), []
    for place, word in enumerate(words):
        if word in {"(", "["}:
            opened.append(place)
        elif word in {")", "]"} and opened:
            opened.pop()
        elif word == "," and opened:
            found.add(opened[-1])
    return found
