"""Random mappings and payloads: mostly valid, always JSON."""

from __future__ import annotations

from random import Random
from typing import Any

TEXTS = [
    "",
    "a",
    "$.a",
    "a.b[0]",
    "l[1].x",
    "n.x",
    "s.0",
    "l.length",
    "['k']",
    "{{a}}",
    "{{{s}}}{{l}}",
    "{{ a.b }}-{{n}}",
    "lower",
    "upper",
    "encode",
    "ENCODE",
    "left",
    "right",
    '{"a":[1,null]}',
    "NaN",
    "{{ a | upcase }}",
    "{% if a %}x{% endif %}",
    "{% for %}",
    "{{ l | sort }}",
    "😀",
    "\ud83d",
    "ſß",
]
KEYS = [
    "a",
    "b",
    "k",
    "l",
    "n",
    "s",
    "",
    "0",
    "10",
    "a.b",
    "length",
    "_metadata",
    "__segment_internal_directive",
]
SCALARS = [None, True, False, 0, 1, -1, 0.5, -0.0, 1e21, 1e-7, 2**53 + 1, 10**400]
OPTIONS = {
    "@case": ["operator", "value"],
    "@flatten": ["value", "separator", "omitArrays"],
    "@if": ["exists", "blank", "then", "else"],
    "@json": ["mode", "value"],
    "@merge": ["objects", "direction"],
    "@replace": [
        "pattern",
        "replacement",
        "value",
        "ignorecase",
        "global",
        "pattern2",
        "replacement2",
    ],
    "@transform": ["apply", "mapping"],
}
WHOLE = ["@path", "@template", "@literal", "@excludeWhenNull", "@liquid", "@arrayPath", "@nope"]


def random_payload(random: Random, depth: int = 3) -> dict[str, Any]:
    return {key: random_value(random, depth) for key in random.sample(KEYS, random.randint(0, 6))}


def random_value(random: Random, depth: int) -> Any:
    choice = random.random()
    if depth > 0 and choice < 0.25:
        return random_payload(random, depth - 1)
    if depth > 0 and choice < 0.45:
        return [random_value(random, depth - 1) for _ in range(random.randint(0, 3))]
    return random.choice(TEXTS) if choice < 0.75 else random.choice(SCALARS)


def random_mapping(random: Random, depth: int = 4) -> Any:
    choice = random.random()
    if depth > 0 and choice < 0.5:
        return random_directive(random, depth - 1)
    if depth > 0 and choice < 0.65:
        return {
            key: random_mapping(random, depth - 1)
            for key in random.sample(KEYS, random.randint(0, 4))
        }
    if depth > 0 and choice < 0.75:
        return [random_mapping(random, depth - 1) for _ in range(random.randint(0, 3))]
    return random.choice(TEXTS) if choice < 0.9 else random.choice(SCALARS)


def random_directive(random: Random, depth: int) -> dict[str, Any]:
    name = random.choice([*OPTIONS, *WHOLE])
    node = {name: random_argument(random, name, depth)}
    if random.random() < 0.03:
        node[random.choice(["k", "_metadata", "@path"])] = random_mapping(random, depth)
    return node


def random_argument(random: Random, name: str, depth: int) -> Any:
    if random.random() < 0.03:
        return random_mapping(random, depth)
    if name in OPTIONS:
        return {
            option: random_option(random, option, depth)
            for option in OPTIONS[name]
            if random.random() < 0.85
        }
    if name == "@arrayPath":
        return [random_mapping(random, depth) for _ in range(random.randint(1, 2))]
    return random.choice(TEXTS) if random.random() < 0.6 else random_mapping(random, depth)


def random_option(random: Random, option: str, depth: int) -> Any:
    if random.random() < 0.05:
        return random_mapping(random, depth)
    match option:
        case "operator":
            return random.choice(["lower", "upper", "title"])
        case "mode":
            return random.choice(["encode", "decode", "Decode"])
        case "direction":
            return random.choice(["left", "right", "LEFT"])
        case "separator":
            return random.choice([".", "_", ""])
        case "ignorecase" | "global":
            return random.random() < 0.5
        case "pattern" | "replacement" | "pattern2" | "replacement2":
            return random.choice(["a", "s", "😀", "$&$`", "$'$$", "\ud83d", "", "elevenchars"])
        case "objects":
            return [random_directive(random, depth - 1) if depth > 0 else {} for _ in range(2)]
        case "apply" | "mapping":
            return random_mapping(random, depth) if depth > 0 else {}
        case _:
            return random_mapping(random, depth)
