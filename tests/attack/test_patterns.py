"""Texts for which a regular expression would try each of n places n times."""

from __future__ import annotations

import importlib
import pkgutil
import re
import signal
import time
from types import FrameType

import app
from app.connectors.destinations.file_export import s3
from app.mapping import compile_mapping
from app.snapshots.reading import csv_records
from tests.attack.accounts import attack, figures

LENGTH = 8000
SECONDS = 0.5
PIECES = (
    " ", "\n", "\t", "\r", "1", "a", "A", "0", ".", "-", ",", '"', '""', "\\", "(", "/*", "--", "'", "$", "$a$", "@", "a.", ".a",
    "1.", "://", "<", "bearer ", "=", "[", "{", "_", "e1", "*", "a@", "a-", "+", '"a",', '" "', "1e", "0.", ";", "|", "E", "\\u",
)  # fmt: skip
BEGINNINGS = ("", "a", "a@", '"', "/*", "-")
_SKIPPED = ("app.cli", "app.main")  # these start the service


def patterns() -> dict[str, re.Pattern[str]]:
    """Return the regular expressions for text that the modules of the service keep, by module and name."""
    found = {}
    for module in pkgutil.walk_packages(app.__path__, "app."):
        if module.name.startswith(_SKIPPED) or module.name.endswith("__main__"):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
                found[f"{module.name}.{name}"] = value
    return found


def _too_long(signum: int, frame: FrameType | None) -> None:
    raise TimeoutError


@attack
def test_no_pattern_takes_long_where_it_begins() -> None:
    signal.signal(signal.SIGALRM, _too_long)
    texts = [b + p * (LENGTH // len(p)) + end for p in PIECES for b in BEGINNINGS for end in "x!"]
    slow, tried = [], patterns()
    for name, pattern in tried.items():
        signal.setitimer(signal.ITIMER_REAL, 20 * SECONDS)
        try:
            slow += [(name, text[:9]) for text in texts if _seconds(pattern, text) > SECONDS]
        except TimeoutError:
            slow.append((name, "all"))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    figures(f"patterns: {len(tried)}, {len(texts)} texts each, {len(slow)} slow: {slow[:5]}")
    assert not slow


def _seconds(pattern: re.Pattern[str], text: str) -> float:
    began = time.process_time()
    pattern.match(text)
    pattern.fullmatch(text)
    return time.process_time() - began


@attack
def test_values_that_are_searched_take_no_longer_than_they_are_long() -> None:
    digits = "1" * 200_000 + "x"
    began = time.process_time()
    for source in ("{{ a | floor }}", "{{ a | plus: 1 }}", "{% if a > 1 %}x{% endif %}"):
        compile_mapping({"o": {"@liquid": source}}).resolve({"a": digits})
    csv_records._names(["a" + " " * 200_000 + "b"])
    s3._uploads("<Upload>" * 200_000)
    seconds = time.process_time() - began
    figures(f"searched: 5 long values, {seconds:.2f} s")
    assert seconds < 2
