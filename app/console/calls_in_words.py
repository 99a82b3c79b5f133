"""Calls of the API in sentences of the service, written for pages: as the button or the part of a page that does the same."""

from __future__ import annotations

import re

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
        (r"PATCH with enabled: true", "“Enable” on its page, under “More”"),
    )
]
#: The line of SQL that an engine repeats below its message, with the marks below it.
_REPEATED_LINE = re.compile(r"\s*LINE (\d+): .*?\^+\s*", re.DOTALL)


def on_page(sentence: str) -> str:
    """Return a sentence of the service as a page shows it. Example: ``To send them: POST …/syncs with {"kind": "resync"}.``"""
    sentence = _REPEATED_LINE.sub(r" (line \1). ", sentence).rstrip()
    for call, words in _ON_PAGES:
        sentence = call.sub(words, sentence)
    return sentence
