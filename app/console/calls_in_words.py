"""Sentences of the service as pages write them: calls of the API as buttons and parts of pages, counts and times in words."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from app.console.words import short_time

_ON_PAGES = [
    (re.compile(pattern), words)
    for pattern, words in (
        (
            r'since then: POST \S*/syncs with \{"kind": "incremental"\}',
            "since then: “Send again”",
        ),
        (r'POST \S*/syncs with \{"kind": "incremental"\}', "“Sync now”"),
        (r'POST \S*/syncs with \{"kind": "resync"\}', "“Send them”"),
        (
            r'PATCH \S*/datasets/\S+ with \{"file": \{"allowBreaking": true\}\}',
            "“A new file may empty or reshape what audiences read” in the tab “File” of the dataset",
        ),
        (r"PUT \S*/datasets/\S+/content\b", "“Upload the content” on its page"),
        (r"POST \S*/datasets, kind postgres", "“Add a dataset” on the page Datasets"),
        (r"POST \S*/checks\b", "“Check now” on the page of the dataset"),
        (r"GET \S*/checks of the activation", "The tab “Options” of the activation"),
        (r"GET \S*/destinations/\S+/lists returns", "The tab “Lists” of the destination shows"),
        (r"PUT \S*/members\b", "“Upload all members” on its page"),
        (r"POST \S*/runs\b", "“Compute now” on its page"),
        (r"POST \S*/schedules\b", "the tab “Schedule” on its page"),
        (r"PATCH \S*/audiences/\w+", "“Enable” on its page, under “More”"),
        (r"Approve or cancel the sync syn_\w+", "Approve or reject the plan"),
        (r"The schedule sch_\w+ computes", "A schedule computes"),
        (r"approve or cancel it\b", "approve or reject its plan"),
        (r"([\d,]+ of [\d,]+) held would", r"\1 members at the destination would"),
        (r"([\d,]+ of [\d,]+) wanted would", r"\1 members of the audience would"),
        (r"All ([\d,]+) that are held would", r"All \1 members at the destination would"),
        (
            r"The plan has ([\d,]+) exits, not ([\d,]+);",
            r"The number of members that leave is \1, not \2;",
        ),
        (r"PATCH with enabled: true", "“Enable” on its page, under “More”"),
    )
]
_TIME = re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d(?= UTC\b)")
_PERCENT = re.compile(r"(?<=\d) %")
#: The line of SQL that an engine repeats below its message, with the marks below it.
_REPEATED_LINE = re.compile(r"\s*LINE (\d+): .*?\^+\s*", re.DOTALL)


def on_page(sentence: str) -> str:
    """Return a sentence of the service as a page shows it. Example: ``To send them: POST …/syncs with {"kind": "resync"}.``"""
    sentence = _REPEATED_LINE.sub(r" (line \1). ", sentence).rstrip()
    for call, words in _ON_PAGES:
        sentence = call.sub(words, sentence)
    sentence = _TIME.sub(_time_in_words, sentence)
    return _PERCENT.sub("\N{NO-BREAK SPACE}%", sentence)


def _time_in_words(found: re.Match[str]) -> str:
    moment = datetime.fromisoformat(found[0]).replace(tzinfo=UTC)
    return short_time(moment).removesuffix(" UTC")
