"""Phrases that are always wrong in comments, strings and documents, each with what to write in its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from checks.source import ROOT, Fault, Source, files, line_of

CHECKED = ("app", "workers", "tests", "benchmarks", "migrations", "docs")
CHECKED_FILES = (
    "README.md",
    "SECURITY.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "Makefile",
    ".env.example",
    "pyproject.toml",
)
_QUOTE = re.compile(r"(?m)^>.*$")
_TEXT = (".md", ".html", ".js", ".ts", ".toml", ".example", "")

#: Pattern, and what to write. Only phrases that no sentence needs; the rest is for review.
PHRASES = {
    r"mend(s|ed|ing)?": "fix",
    r"meanwhile": "while …, or: during this time",
    r"(in the )?mean time|meantime": "while …, or: during this time",
    r"who(m)?ever": "the name of the caller, worker or user",
    r"by (itself|themselves)": "automatically, or: alone",
    r"of its own accord": "automatically",
    r"as (above|below|before that)": "a name or a link",
    r"stand(s|ing)? twice": "duplicate …",
    r"somebody|some ?one else": "the name of the caller, worker or user",
    r"of (yours|ours|theirs|its own making)": "your …, our …, their …",
    r"(is|are|was|were) to be had": "is available",
    r"the like of which|thereof|therein|herein|whereupon|lest": "plain words",
}
_ALL = {
    re.compile(rf"\b({pattern.replace(' ', chr(92) + 's+')})\b", re.IGNORECASE): better
    for pattern, better in PHRASES.items()
}


def check(root: Path = ROOT, paths: Sequence[str] = ()) -> list[Fault]:
    """Return the wrong phrases in the code's comments and strings, and in the documents."""
    found = []
    for source in files(root, CHECKED, within=paths):
        for first, text in _python(source):
            found += faults_of(source, first, text)
    here = [name for name in CHECKED_FILES if (root / name).exists()]
    for source in [*files(root, CHECKED, _TEXT, paths), *files(root, here, _TEXT, paths)]:
        found += faults_of(source, 1, _own_words(source))
    return sorted(set(found))


def faults_of(source: Source, first: int, text: str) -> list[Fault]:
    """Return the wrong phrases of a text that begins on line ``first``."""
    return [
        source.fault(
            line_of(first, text, hit.start()), f"“{' '.join(hit[0].split())}”: write {better}"
        )
        for pattern, better in _ALL.items()
        for hit in pattern.finditer(text)
    ]


def _own_words(source: Source) -> str:
    """Return the text of a file; of a document without its quotations, such as a licence."""
    return _QUOTE.sub("", source.text) if source.path.endswith(".md") else source.text


def _python(source: Source) -> Iterator[tuple[int, str]]:
    yield from source.comments
    yield from source.strings
