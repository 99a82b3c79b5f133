from __future__ import annotations

from typing import Any

import pytest

from app.mapping import (
    InvalidMapping,
    MappingError,
    MappingFailed,
    compile_mapping,
    resolve,
    resolve_batch,
    validate,
)


def nested(levels: int, innermost: Any = None, key: str = "a") -> Any:
    value = innermost
    for _ in range(levels):
        value = {key: value}
    return value


class TestResolve:
    def test_a_payload_left_out_is_an_empty_object(self) -> None:
        assert resolve({"all": {"@path": ""}}) == {"all": {}}

    def test_names_the_kind_of_a_payload_that_is_no_object(self) -> None:
        with pytest.raises(MappingFailed, match=r"^/ .*array"):
            resolve({}, [])

    def test_looks_at_the_payload_before_the_mapping(self) -> None:
        with pytest.raises(MappingFailed):
            resolve({"@nope": 1}, None)

    def test_says_where_a_run_failed(self) -> None:
        with pytest.raises(MappingFailed) as failed:
            resolve({"a": [{"b": {"@path": {"@path": "x"}}}]}, {"x": 5})
        assert failed.value.location == "/a/0/b/@path"
        assert "number" in str(failed.value)

    def test_says_nothing_of_what_a_payload_holds(self) -> None:
        with pytest.raises(MappingFailed) as failed:
            resolve({"a": {"@path": {"@path": "secret"}}}, {"secret": ["ann@example.com"]})
        assert "ann" not in str(failed.value)

    def test_carries_all_faults(self) -> None:
        with pytest.raises(InvalidMapping) as invalid:
            resolve({"a": {"@path": 1}, "b": {"@nope": 1}}, {})
        assert invalid.value.faults == validate({"a": {"@path": 1}, "b": {"@nope": 1}})
        assert len(invalid.value.faults) == 2

    def test_sees_a_change_to_the_mapping(self) -> None:
        mapping: dict[str, Any] = {"a": {"@path": "x"}, "b": [1]}
        assert resolve(mapping, {"x": 1, "y": 2}) == {"a": 1, "b": [1]}
        mapping["a"]["@path"] = "y"
        mapping["b"].append(True)
        assert resolve(mapping, {"x": 1, "y": 2}) == {"a": 2, "b": [1, True]}

    def test_mappings_that_python_calls_equal_are_not_mixed_up(self) -> None:
        for value in (1, True, 1.0, 0, False, -0.0, None, "", "1", float("inf")):
            assert repr(resolve({"a": value}, {})) == repr({"a": value})
        assert list(resolve({"a": 1, "b": 2}, {})) == ["a", "b"]
        assert list(resolve({"b": 2, "a": 1}, {})) == ["b", "a"]

    def test_many_different_mappings_run(self) -> None:
        assert [resolve({"a": number}, {})["a"] for number in range(1000)] == list(range(1000))


class TestResolveBatch:
    def test_positions_line_up_with_the_payloads(self) -> None:
        assert resolve_batch({"@path": "a"}, [{"a": 1}, {}, {"a": None}]) == [1, None, None]

    def test_an_item_of_another_kind_holds_nothing_to_find(self) -> None:
        assert resolve_batch({"o": {"@path": "a"}}, [5, "x", [], True]) == [{}, {}, {}, {}]

    @pytest.mark.parametrize("payloads", [{}, "x", None, 5])
    def test_needs_a_list(self, payloads: Any) -> None:
        with pytest.raises(MappingError):
            resolve_batch({}, payloads)

    def test_checks_the_mapping_though_there_is_nothing_to_map(self) -> None:
        with pytest.raises(InvalidMapping):
            resolve_batch({"@nope": 1}, [])


class TestCompileMapping:
    def test_refuses_an_invalid_mapping(self) -> None:
        with pytest.raises(InvalidMapping):
            compile_mapping({"a": {"@path": 1}})

    def test_a_malformed_root_directive_fails_every_run(self) -> None:
        compiled = compile_mapping({"__segment_internal_directive": {}})
        with pytest.raises(MappingFailed):
            compiled.resolve({})

    def test_a_result_that_is_changed_does_not_change_the_next(self) -> None:
        compiled = compile_mapping(
            {"a": [], "b": {"c": {}}, "d": {"@if": {"exists": [], "then": []}}}
        )
        first = compiled.resolve({})
        first["a"].append(1)
        first["b"]["c"]["x"] = 1
        first["d"].append(1)
        assert compiled.resolve({}) == {"a": [], "b": {"c": {}}, "d": []}

    def test_keeps_the_order_of_the_keys(self) -> None:
        compiled = compile_mapping(
            {"z": {"@path": "x"}, "b": 1, "n": {"@path": "no"}, "a": {"@path": "x"}}
        )
        assert list(compiled.resolve({"x": 1})) == ["z", "b", "a"]


class TestDepth:
    def test_a_mapping_of_a_hundred_levels_runs(self) -> None:
        assert resolve(nested(100, {"@path": "x"}), {"x": 1}) == nested(100, 1)

    def test_nested_directives_of_ninety_levels_run_at_once(self) -> None:
        mapping: Any = {"@path": "x"}
        for _ in range(90):
            mapping = {"@if": {"exists": 1, "then": mapping}}
        assert validate(mapping) == []
        assert resolve(mapping, {"x": 1}) == 1

    def test_transforms_in_transforms_run_at_once(self) -> None:
        mapping: Any = {"x": {"@path": "x"}}
        for _ in range(40):
            mapping = {"@transform": {"apply": mapping, "mapping": {"x": {"@path": "x"}}}}
        assert resolve(mapping, {"x": 1}) == {"x": 1}

    @pytest.mark.parametrize("levels", [300, 5000, 100_000])
    def test_a_deeper_mapping_is_an_ordinary_error(self, levels: int) -> None:
        mapping = nested(levels)
        assert "deep" in validate(mapping)[0]
        with pytest.raises(InvalidMapping, match="deep"):
            resolve(mapping, {})

    @pytest.mark.parametrize("key", ["@literal", "@path", "@excludeWhenNull"])
    def test_deep_directives_are_an_ordinary_error(self, key: str) -> None:
        with pytest.raises(MappingError, match="deep"):
            resolve(nested(5000, "x", key), {})

    def test_deep_arrays_are_an_ordinary_error(self) -> None:
        mapping: Any = []
        for _ in range(5000):
            mapping = [mapping]
        with pytest.raises(MappingFailed, match="deep"):
            resolve({"a": mapping}, {})

    def test_a_deep_payload_passes_through(self) -> None:
        payload = nested(5000)
        assert resolve({"o": {"@path": "a"}}, payload)["o"] is payload["a"]

    @pytest.mark.parametrize(
        "directive",
        [
            {"@flatten": {"value": {"@path": ""}, "separator": "."}},
            {"@json": {"mode": "encode", "value": {"@path": ""}}},
            {"@excludeWhenNull": {"@path": ""}},
            {"@merge": {"direction": "left", "objects": [{"@path": ""}]}},
        ],
    )
    def test_walking_a_deep_payload_is_an_ordinary_error(self, directive: Any) -> None:
        with pytest.raises(MappingFailed, match="deep"):
            resolve({"o": directive}, nested(5000))

    def test_deep_json_text_is_an_ordinary_error(self) -> None:
        mapping = {"o": {"@json": {"mode": "decode", "value": {"@path": "j"}}}}
        with pytest.raises(MappingFailed, match="deep"):
            resolve(mapping, {"j": "[" * 5000 + "]" * 5000})


class TestSize:
    @pytest.mark.timeout(10)
    @pytest.mark.parametrize(
        "text",
        ["{" * 300_000, "{{a}" * 100_000, "{{{" * 100_000 + "}", "{" * 2_000_000 + "}"],
        ids=["open", "half closed", "closed once", "closed at the end"],
    )
    def test_unclosed_placeholders_take_linear_time(self, text: str) -> None:
        assert resolve({"o": {"@template": {"@path": "t"}}}, {"t": text, "a": 1}) == {"o": text}

    def test_a_template_that_multiplies_the_payload_is_stopped(self) -> None:
        payload = {"t": "{{x}}" * 2000, "x": "y" * 200_000}
        with pytest.raises(MappingFailed, match="units"):
            resolve({"o": {"@template": "{{{t}}}"}}, payload)

    def test_a_replacement_that_multiplies_the_payload_is_stopped(self) -> None:
        mapping = {
            "o": {"@replace": {"pattern": "x", "replacement": "$`$'$`$'", "value": {"@path": "v"}}}
        }
        with pytest.raises(MappingFailed, match="units"):
            resolve(mapping, {"v": "x" * 20_000})
