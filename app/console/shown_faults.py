"""Faults of a form that was sent: which of them a page shows at their fields, and which above its content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser


@dataclass(frozen=True, slots=True)
class FaultsAbove:
    """The faults that are shown above the content, and the number of those that the content shows at their fields."""

    texts: Sequence[str]
    below: int


def faults_above(faults: Mapping[str, Sequence[str]], content: str) -> FaultsAbove:
    """Return the faults above the content of a page: those that the content does not show, so that each is read once.

    A fault in a part that is closed is not seen, so it is shown above, too.
    """
    parser = _Faults()
    parser.feed(content)
    texts = list(dict.fromkeys(text for found in faults.values() for text in found))
    hidden = [text for text in texts if _plain(text) not in parser.seen]
    return FaultsAbove(hidden, len(texts) - len(hidden))


class _Faults(HTMLParser):
    """Collects the texts of the elements ``<p class="fault">`` that are not in a closed ``<details>``."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self._closed: list[bool] = []
        self._text: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "details":
            self._closed.append("open" not in given)
        elif tag == "p" and "fault" in (given.get("class") or "").split():
            self._text = []

    def handle_endtag(self, tag: str) -> None:
        if tag == "details" and self._closed:
            self._closed.pop()
        elif tag == "p" and self._text is not None:
            if not any(self._closed):
                self.seen.add(_plain("".join(self._text)))
            self._text = None

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)


def _plain(text: str) -> str:
    return " ".join(text.split())
