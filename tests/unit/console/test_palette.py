"""The colours of the style sheet: each pair that pages use has enough contrast, light and dark (WCAG 2.2, 1.4.3 and 1.4.11)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

_CSS = (Path(__file__).parents[3] / "app" / "console" / "static" / "console.css").read_text()
_DARK = "@media (prefers-color-scheme: dark) {\n  :root:root {"
_GROUNDS = ("ground", "side", "surface", "hover")
_MESSAGES = ("good-soft", "bad-soft", "warn-soft", "live-soft")
_TEXTS = ("text", "quiet", "accent", "good", "bad", "warn", "live")
_CODE = ("code-keyword", "code-string", "code-number", "code-comment", "code-name")
_GRAPHICS = (
    "control",
    "bar-delivered",
    "bar-rejected",
    "bar-skipped",
    "bar-pending",
    "bar-entered",
)
_WHITE = "#ffffff"


def _palettes() -> Mapping[str, Mapping[str, str]]:
    """Return the colours by name of each scheme. The dark one replaces those that it names."""
    light, dark = _CSS.split(_DARK, 1)
    plain = _colours(light)
    return {"light": plain, "dark": {**plain, **_colours(dark.partition("}")[0])}}


def _colours(text: str) -> Mapping[str, str]:
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6}|#[0-9a-f]{3})\b", text))


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * one for one in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_are_readable(scheme: str) -> None:
    colours = _palettes()[scheme]
    pairs = [(text, ground) for text in _TEXTS for ground in (*_GROUNDS, *_MESSAGES)]
    pairs += [(text, ground) for text in _CODE for ground in ("surface", "selected")]
    found = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    assert {pair: ratio for pair, ratio in found.items() if ratio < 4.5} == {}
    for name in ("accent-fill", "accent-hover"):
        assert contrast(_WHITE, colours[name]) >= 4.5, f"text of buttons on {name}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_borders_of_controls_and_charts_are_seen(scheme: str) -> None:
    colours = _palettes()[scheme]
    pairs = [(one, ground) for one in _GRAPHICS for ground in _GROUNDS]
    found = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    assert {pair: ratio for pair, ratio in found.items() if ratio < 3} == {}


def test_controls_have_the_border_that_is_seen() -> None:
    assert "--pico-form-element-border-color: var(--control)" in _CSS
    for rule in ("button.second", 'input[type="file"]', ".editor"):
        (found, *_) = re.findall(rf"^{re.escape(rule)}[ ,][^{{]*\{{([^}}]*)\}}", _CSS, re.MULTILINE)
        assert "var(--control)" in found, rule
