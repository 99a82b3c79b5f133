"""Citations resolve: rules, sections, documents, paths and modules that a text names exist in the repository."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from checks.source import ROOT, Fault, Source, files, line_of

CHECKED = ("app", "workers", "tests", "benchmarks", "migrations", "docs")
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
RELIABILITY = "docs/reliability.md"
ARCHITECTURE = "docs/architecture.md"

_RULE = re.compile(r"\bR([1-9][0-9]?)\b(?!\.\d)")
_SECTION = re.compile(r"\bsections? (\d+(?:\.\d+)*)")
_DOCUMENT = re.compile(r"(?<![\w:/.<>*{}-])((?:\.{0,2}/)?[\w.-]+(?:/[\w.-]+)*\.md)\b")
_PATH = re.compile(
    r"(?<![\w:/.<>*{}-])((?:app|workers|tests|benchmarks|migrations|docs|openapi|checks)/[\w./-]*\w)(?![\w<>*{}/…]|\.\w)"
)
#: Not ``app.state`` of Starlette.
_MODULE = re.compile(
    r"(?<![\w./-])((?:app|workers|tests|checks)(?!\.state\b)(?:\.[A-Za-z_]\w*)+)(?![\w(*<{]|\.\w)"
)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_ANCHOR = re.compile(r"<a (?:id|name)=\"([\w-]+)\"")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
#: Tests may read documents beside the repository, and are skipped without them.
_SHARED = '"shared"'
#: Sections of published standards are named with their standard.
_STANDARD = re.compile(r"\bRFC \d+|\bISO \d+")


def check(root: Path = ROOT, paths: Sequence[str] = ()) -> list[Fault]:
    """Return the citations in comments, docstrings, strings and documents that lead nowhere."""
    found: list[Fault] = []
    citations = _Citations(root)
    for source in files(root, CHECKED, within=paths):
        for first, text in [*source.comments, *source.docstrings]:
            found += citations.of_text(source, first, text)
        for first, text in source.strings:
            found += citations.of_string(source, first, text)
    documents = [name for name in DOCUMENTS if (root / name).exists()]
    for source in files(root, [*CHECKED, *documents], (".md",), paths):
        found += citations.of_text(source, 1, source.text)
        found += citations.of_string(source, 1, source.text)
        found += citations.of_links(source)
    if not paths:
        found += citations.of_rules()
    return sorted(set(found))


class _Citations:
    """What can be cited, and what of a text cannot be found in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.headings: dict[str, list[str]] = {}

    def of_text(self, source: Source, first: int, text: str) -> Iterator[Fault]:
        """Yield the rules, sections, paths and modules that do not exist."""
        for hit in _RULE.finditer(text):
            if f"r{hit[1]}" not in self._rules():
                yield source.fault(
                    line_of(first, text, hit.start()), f"rule {hit[0]} is not in {RELIABILITY}"
                )
        for hit in _SECTION.finditer(text):
            if not self._has_section(source, text, hit):
                yield source.fault(
                    line_of(first, text, hit.start()),
                    f"{hit[0]} is of no document in this repository",
                )
        for hit in _PATH.finditer(text):
            if not (self.root / hit[1].rstrip("/")).exists():
                yield source.fault(line_of(first, text, hit.start()), f"{hit[1]} does not exist")
        for hit in _MODULE.finditer(text):
            if not self._has_module(hit[1]):
                yield source.fault(
                    line_of(first, text, hit.start()), f"the module {hit[1]} does not exist"
                )

    def of_string(self, source: Source, first: int, text: str) -> Iterator[Fault]:
        """Yield the documents that do not exist, and mentions of folders beside the repository."""
        for hit in _DOCUMENT.finditer(text):
            if source.path.startswith("tests/") and _SHARED in source.line(first):
                continue
            places = [self.root, self.root / "docs", (self.root / source.path).parent]
            if not any((place / hit[1]).exists() for place in places):
                yield source.fault(line_of(first, text, hit.start()), f"{hit[1]} does not exist")
        if not source.path.startswith("tests/"):
            for hit in re.finditer(r"\.\./shared", text):
                yield source.fault(
                    line_of(first, text, hit.start()), f"{hit[0]} is not part of the product"
                )

    def of_links(self, source: Source) -> Iterator[Fault]:
        """Yield the links of a document to files and headings that do not exist."""
        text = _FENCE.sub(lambda fence: "\n" * fence[0].count("\n"), source.text)
        for hit in _LINK.finditer(text):
            if re.match(r"[a-z]+:", hit[1]):
                continue
            path, _, anchor = hit[1].partition("#")
            target = (self.root / source.path).parent / path if path else self.root / source.path
            line = line_of(1, text, hit.start())
            if not target.exists():
                yield source.fault(line, f"the link {hit[1]} leads nowhere")
            elif anchor and target.suffix == ".md" and anchor not in self._anchors(target):
                yield source.fault(line, f"{target.name} has no heading #{anchor}")

    def of_rules(self) -> Iterator[Fault]:
        """Yield the rules that have more than one heading."""
        rules = self._rules()
        for rule in sorted(set(rules)):
            if rules.count(rule) > 1:
                yield Fault(RELIABILITY, 1, f"{rule.upper()} has {rules.count(rule)} headings")

    def _headings(self, path: str) -> list[str]:
        if path not in self.headings:
            file = self.root / path
            text = _FENCE.sub("", file.read_text(encoding="utf-8")) if file.exists() else ""
            self.headings[path] = _HEADING.findall(text)
        return self.headings[path]

    def _rules(self) -> list[str]:
        """Return ``r1`` and so on, once for each heading ``R1. Title``."""
        return [
            found[1].lower()
            for one in self._headings(RELIABILITY)
            if (found := re.match(r"(R\d+)\b", one))
        ]

    def _has_section(self, source: Source, text: str, hit: re.Match[str]) -> bool:
        before = text[max(0, hit.start() - 60) : hit.end() + 40]
        if _STANDARD.search(before):
            return True
        if "rchitecture" in before:
            place = ARCHITECTURE
        elif source.path.endswith(".md"):
            place = source.path
        else:
            return False
        return any(
            re.match(rf"{re.escape(hit[1])}\b", heading) for heading in self._headings(place)
        )

    def _has_module(self, dotted: str) -> bool:
        """Whether a dotted name is a module, a name in a module, or an attribute of that."""
        parts = dotted.split(".")
        for length in range(len(parts), max(len(parts) - 3, 0), -1):
            path = self.root.joinpath(*parts[:length])
            if path.with_suffix(".py").exists():
                return length == len(parts) or parts[length] in path.with_suffix(".py").read_text(
                    encoding="utf-8"
                )
            if (path / "__init__.py").exists():
                face = (path / "__init__.py").read_text(encoding="utf-8")
                return length == len(parts) or bool(re.search(rf"\b{parts[length]}\b", face))
        return False

    def _anchors(self, file: Path) -> set[str]:
        path = file.resolve().relative_to(self.root.resolve()).as_posix()
        slugs = {_slug(heading) for heading in self._headings(path)}
        return slugs | set(_ANCHOR.findall(file.read_text(encoding="utf-8")))


def _slug(heading: str) -> str:
    """Return the anchor that GitHub gives to a heading."""
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", text).strip().replace(" ", "-")
