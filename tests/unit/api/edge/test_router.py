"""The routing table: raw paths, fixed before variable."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import Response
from fastapi.routing import APIRoute

from app.api.edge.router import RouteTable, segments_of

PATHS = (
    "/spaces",
    "/spaces/{spaceId}",
    "/spaces/{spaceId}/audiences/previews",
    "/spaces/{spaceId}/audiences/previews/{id}",
    "/spaces/{spaceId}/audiences/{id}",
    "/spaces/{spaceId}/audiences/{id}/schedules",
    "/spaces/{spaceId}/audiences/{audienceId}/activations/{id}",
)


async def endpoint() -> Response:
    return Response()


@pytest.fixture(scope="module")
def table() -> RouteTable:
    found = RouteTable()
    for path in PATHS:
        found.add(APIRoute(path, endpoint))
    return found


def scope(raw: str, root: str = "") -> dict[str, Any]:
    return {"raw_path": raw.encode(), "path": raw, "root_path": root}


class TestFind:
    @pytest.mark.parametrize(
        ("raw", "path", "values"),
        [
            ("/spaces", "/spaces", []),
            ("//spaces", "/spaces", []),
            ("/spaces/spa%2F1", "/spaces/{spaceId}", ["spa/1"]),
            ("/spaces/a%20b", "/spaces/{spaceId}", ["a b"]),
            ("/spaces/s/audiences/previews", "/spaces/{spaceId}/audiences/previews", ["s"]),
            ("/spaces/s/audiences/x", "/spaces/{spaceId}/audiences/{id}", ["s", "x"]),
            # An audience that is called like the fixed segment is still found further down.
            (
                "/spaces/s/audiences/previews/activations/act_1",
                "/spaces/{spaceId}/audiences/{audienceId}/activations/{id}",
                ["s", "previews", "act_1"],
            ),
            (
                "/spaces/s/audiences/previews/pre_1",
                "/spaces/{spaceId}/audiences/previews/{id}",
                ["s", "pre_1"],
            ),
        ],
    )
    def test_finds(self, table: RouteTable, raw: str, path: str, values: list[str]) -> None:
        found = table.find(segments_of(scope(raw)))
        assert found is not None
        node, got = found
        assert node.routes["GET"][0].path == path
        assert got == values

    @pytest.mark.parametrize(
        "raw", ["/", "/spaces/", "/spaces%2Fs", "/spaces/s/", "/spaces/%00", "/spaces//audiences/x"]
    )
    def test_finds_nothing(self, table: RouteTable, raw: str) -> None:
        assert table.find(segments_of(scope(raw))) is None

    def test_a_prefix_is_taken_off(self, table: RouteTable) -> None:
        assert segments_of(scope("/api/spaces/s", "/api")) == ["spaces", "s"]
