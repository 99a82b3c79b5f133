from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest
from referencing import Registry
from referencing.jsonschema import DRAFT202012

import app.sandbox
from app.sandbox.schema import Document

PATH = Path(app.sandbox.__file__).with_name("schemas") / "klaviyo.json"
DOCUMENT = Document(PATH)

GOOD: dict[str, Any] = {
    "data": {
        "type": "profile-bulk-import-job",
        "attributes": {
            "profiles": {
                "data": [
                    {
                        "type": "profile",
                        "attributes": {
                            "email": "a@example.com",
                            "phone_number": None,
                            "location": {"city": "Bonn", "latitude": 1.5, "longitude": "2"},
                            "properties": {"any": [1, None]},
                        },
                    }
                ]
            }
        },
        "relationships": {"lists": {"data": [{"type": "list", "id": "AbCdEf"}]}},
    }
}


def mutated(value: Any, random_: random.Random) -> Any:
    """Return the value with one part of it replaced or removed."""
    result = copy.deepcopy(value)
    node: Any = result
    parent: Any = None
    key: Any = None
    while isinstance(node, dict | list) and node and (parent is None or random_.random() < 0.85):
        parent = node
        key = random_.choice(list(node)) if isinstance(node, dict) else random_.randrange(len(node))
        node = node[key]
    if parent is not None:
        if isinstance(parent, dict) and random_.random() < 0.4:
            del parent[key]
        else:
            parent[key] = random_.choice([None, 1, 1.5, True, "x", [], {}, [1], "profile"])
    return result


class TestDocument:
    def test_every_operation_is_found(self) -> None:
        assert len(DOCUMENT.operations) == 23
        operation, parameters, known = DOCUMENT.find(
            "DELETE", "/api/lists/AbCdEf/relationships/profiles"
        )
        assert operation is not None
        assert (operation.operation_id, parameters, known) == (
            "remove_profiles_from_list",
            {"id": "AbCdEf"},
            True,
        )
        assert DOCUMENT.find("PUT", "/api/lists")[::2] == (None, True)
        assert DOCUMENT.find("GET", "/api/other")[::2] == (None, False)

    @pytest.mark.walk
    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    def test_agrees_with_an_independent_validator(self) -> None:
        from openapi_schema_validator import OAS30Validator  # its import compiles grammars

        content = json.loads(PATH.read_text())
        registry: Any = Registry().with_resource("", DRAFT202012.create_resource(content))
        schema = {"$ref": "#/components/schemas/ProfileImportJobCreateQuery", **content}
        oracle = OAS30Validator(schema, registry=registry)
        operation, _, _ = DOCUMENT.find("POST", "/api/profile-bulk-import-jobs")
        assert operation is not None
        assert operation.faults("", GOOD, has_body=True) == []
        assert oracle.is_valid(GOOD)
        random_ = random.Random(1)
        bad = 0
        for _ in range(500):
            body = mutated(GOOD, random_)
            ours = operation.faults("", body, has_body=True)
            assert (not ours) == oracle.is_valid(body), (body, ours)
            bad += bool(ours)
        assert 100 < bad < 450

    @pytest.mark.parametrize(
        ("query", "where"),
        [
            ("page[size]=10", None),
            ("page[size]=11", "page[size]"),
            ("page[size]=0", "page[size]"),
            ("page[size]=x", "page[size]"),
            ("sort=name", None),
            ("sort=size", "sort"),
            ("fields[list]=name,created", None),
            ("fields[list]=name,size", "fields[list]"),
            ("limit=10", "limit"),
        ],
    )
    def test_parameters(self, query: str, where: str | None) -> None:
        operation, _, _ = DOCUMENT.find("GET", "/api/lists")
        assert operation is not None
        found = operation.faults(query, None, has_body=False)
        assert [fault.where for fault in found] == ([where] if where else [])

    def test_a_field_that_is_not_declared_is_a_fault(self) -> None:
        body = copy.deepcopy(GOOD)
        body["data"]["attributes"]["profiles"]["data"][0]["attributes"]["plan"] = "gold"
        operation, _, _ = DOCUMENT.find("POST", "/api/profile-bulk-import-jobs")
        assert operation is not None
        (fault,) = operation.faults("", body, has_body=True)
        assert fault.where == "/data/attributes/profiles/data/0/attributes/plan"

    def test_faults_follow_the_body_and_missing_fields_come_first(self) -> None:
        body = {
            "more": 1,
            "data": {
                "type": 7,
                "attributes": {
                    "profiles": {"data": [{"attributes": {"email": 1}, "type": "list"}]}
                },
                "relationships": {"lists": {"data": {}}},
            },
        }
        operation, _, _ = DOCUMENT.find("POST", "/api/profile-bulk-import-jobs")
        assert operation is not None
        found = operation.faults("", body, has_body=True)
        first = "/data/attributes/profiles/data/0"
        assert [(fault.where, fault.message) for fault in found] == [
            ("/more", "is not a valid field here"),
            ("/data/type", "must be of type string"),
            (f"{first}/attributes/email", "must be of type string"),
            (f"{first}/type", "must be one of profile"),
            ("/data/relationships/lists/data", "must be an array"),
        ]
        assert [
            (fault.where, fault.message)
            for fault in operation.faults("", {"data": {"attributes": None}}, has_body=True)
        ] == [("/data/type", "is required"), ("/data/attributes", "must be an object")]

    def test_a_value_that_is_nested_too_deeply_is_a_fault(self) -> None:
        deep: dict[str, Any] = {}
        for _ in range(1000):
            deep = {"a": deep}
        body = copy.deepcopy(GOOD)
        profile = body["data"]["attributes"]["profiles"]["data"][0]["attributes"]
        operation, _, _ = DOCUMENT.find("POST", "/api/profile-bulk-import-jobs")
        assert operation is not None
        profile["properties"] = deep
        assert operation.faults("", body, has_body=True) == []
        profile["email"] = deep
        assert operation.faults("", body, has_body=True)
