"""Every example file, and every example of the written contract if it is available."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

import pytest

from app.mapping import (
    InvalidMapping,
    MappingFailed,
    compile_mapping,
    resolve,
    resolve_batch,
    validate,
)
from tests.unit.mapping.examples import Example, canonical, example_from, examples_in

CONTRACT = Path(__file__).parents[4] / "shared" / "contract" / "mapping.md"


def check(example: Example) -> None:
    mapping, payload = deepcopy(example.mapping), deepcopy(example.payload)
    faults = validate(mapping)
    if example.error == "validate":
        assert faults
        with pytest.raises(InvalidMapping) as refused:
            resolve(mapping, payload)
        assert refused.value.faults == faults
    else:
        assert faults == []
    if example.error == "run":
        with pytest.raises(MappingFailed):
            resolve(mapping, payload)
    if example.error is None:
        assert canonical(resolve(mapping, payload)) == canonical(example.result)
        assert canonical(compile_mapping(mapping).resolve(payload)) == canonical(example.result)
        assert canonical(resolve_batch(mapping, [payload])) == canonical([example.result])
    if example.locations is not None:
        assert [fault.split(" ")[0] for fault in faults] == list(example.locations)
    assert canonical([mapping, payload]) == canonical([example.mapping, example.payload])


class TestExampleFiles:
    @pytest.mark.parametrize("example", examples_in("valid"), ids=lambda example: example.name)
    def test_gives_the_result(self, example: Example) -> None:
        assert example.error is None
        check(example)

    @pytest.mark.parametrize("example", examples_in("invalid"), ids=lambda example: example.name)
    def test_is_refused(self, example: Example) -> None:
        assert example.error in ("validate", "run")
        check(example)


class TestContract:
    def test_every_example_holds(self) -> None:
        if not CONTRACT.exists():
            pytest.skip("the written contract is not beside this checkout")
        lines = [
            line for line in CONTRACT.read_text().splitlines() if line.startswith('{"mapping"')
        ]
        assert len(lines) >= 74
        for line in lines:
            check(example_from(line, json.loads(line)))
