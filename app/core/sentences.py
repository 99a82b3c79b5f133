"""The style of messages: a full sentence that begins with the field at fault, says what is wrong, and the way out.

``validation_words`` turns a fault of pydantic into the second half of such a sentence (``must be text, not a number``), and
``sentence`` completes it: ``"name" must be text, not a number.``
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from app.core.suggestions import did_you_mean, listed, shown_name

_PREDICATE = re.compile(
    r"(?:must|is|are|has|have|may|cannot|can|should|contains|names|needs|takes|does|lies)\b"
)
_WORD = re.compile(r"[a-z]+(?=[ ,.:;]|$)")
_CHOICE = re.compile(
    r"'((?:[^'\\]|\\.)*)'|\b(?!or\b)([^\s,']+)"
)  # of pydantic's list: 'a', 'b' or False
_WORDS = {"False": "false", "True": "true", "None": "null"}


def sentence(message: str, field: str | None = None) -> str:
    """Return a message as a full sentence. A message without its subject gets ``field`` as its subject, in quotation marks.

    Example: ``sentence("must be text", "name")`` is ``'"name" must be text.'``
    """
    text = message.strip()
    if not text:
        return text
    if field:
        text = _with_subject(text, field)
    if _WORD.match(text):
        text = text[0].upper() + text[1:]
    return text if text[-1] in ".!?…" else f"{text}."


def _with_subject(text: str, field: str) -> str:
    for written in (f'"{field}": ', f'"{field}" ', f"{field}: ", f"{field} "):
        if text.startswith(written):
            text = text[len(written) :]
            break
    else:
        return f'"{field}" {text}' if _PREDICATE.match(text) else text
    return f'"{field}" {text}' if _PREDICATE.match(text) else f'"{field}": {text}'


_JSON_KINDS: Mapping[type, str] = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "an object",
    type(None): "null",
}
_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "list_type": "a list",
    "is_instance_of": "text",
    "int_parsing": "a whole number",
    "float_parsing": "a number",
    "bool_parsing": "true or false",
    "time_delta_type": "a duration: seconds such as 30, or ISO 8601 such as PT30S",
    "time_delta_parsing": "a duration: seconds such as 30, or ISO 8601 such as PT30S",
}
_BOUNDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "string_too_short": lambda of: f"must have at least {_characters(of['min_length'])}",
    "string_too_long": lambda of: f"must have at most {_characters(of['max_length'])}",
    "too_short": lambda of: f"must have at least {_entries(of['min_length'])}",
    "too_long": lambda of: f"must have at most {_entries(of['max_length'])}",
    "greater_than": lambda of: f"must be above {of['gt']}",
    "greater_than_equal": lambda of: f"must be {of['ge']} or more",
    "less_than": lambda of: f"must be below {of['lt']}",
    "less_than_equal": lambda of: f"must be {of['le']} or less",
    "multiple_of": lambda of: f"must be a multiple of {of['multiple_of']}",
    "string_pattern_mismatch": lambda of: f"must match the pattern {of['pattern']}",
    "union_tag_not_found": lambda of: f"must have the field {of['discriminator'].strip(chr(39))}",
}


def validation_words(
    fault: Mapping[str, Any], known: Collection[str] = (), description: str | None = None
) -> str:
    """Return what a fault of pydantic says about its field, as in ``must be one of daily, cron. Did you mean cron?``

    ``known`` are the fields that are allowed beside an unknown one. ``description`` of the field takes the place of a pattern
    that its value does not match. A value that may be a secret must not be in ``fault``
    (``errors(include_input=False)``).
    """
    kind, of = str(fault["type"]), fault.get("ctx") or {}
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        return _unknown(str(fault["loc"][-1]), known)
    if kind in _WANTED:
        return f"must be {_WANTED[kind]}{_found(kind, fault)}"
    if kind in ("literal_error", "enum"):
        return _choices(fault, str(of.get("expected", "")))
    if kind == "union_tag_invalid":
        return _choices({"input": of.get("tag")}, str(of.get("expected_tags", "")))
    if kind == "string_pattern_mismatch" and description:
        return f"is not in the right form. {description}"
    if kind in _BOUNDS:
        return _BOUNDS[kind](of)
    message = str(fault["msg"]).removeprefix("Value error, ")
    message = message.replace("Input should be", "must be", 1)
    return f"{message[:1].lower()}{message[1:]}" if _is_plain(message) else message


def _is_plain(message: str) -> bool:
    """Return whether the first letter of a message is a capital because it begins the sentence only."""
    return message[1:2].islower() or message[1:2] == " "


def _unknown(name: str, known: Collection[str]) -> str:
    words = f"is not a field here.{did_you_mean(name, known)}"
    return f"{words} The fields are {listed(known)}." if known else words


def _found(kind: str, fault: Mapping[str, Any]) -> str:
    """Return the kind of the value that was found, if it is another one than is wanted."""
    if "input" not in fault:
        return ""
    found = _JSON_KINDS.get(type(fault["input"]))
    if found is None or found == _WANTED[kind] or kind == "int_from_float":
        return ""
    return f", not {found}"


def _choices(fault: Mapping[str, Any], expected: str) -> str:
    choices = [quoted or _WORDS.get(plain, plain) for quoted, plain in _CHOICE.findall(expected)]
    given = fault.get("input")
    hint = did_you_mean(given, choices) if isinstance(given, str) else ""
    named = f', not "{shown_name(given)}"' if isinstance(given, str) and given else ""
    return f"must be one of {listed(list(map(_shown_choice, choices)))}{named}.{hint}"


def _shown_choice(choice: str) -> str:
    """Return a choice as a message shows it: signs in quotation marks, because a list of them cannot be read."""
    return choice if choice[:1].isalnum() else f'"{choice}"'


def _characters(number: int) -> str:
    return f"{number} character" if number == 1 else f"{number} characters"


def _entries(number: int) -> str:
    return f"{number} entry" if number == 1 else f"{number} entries"
