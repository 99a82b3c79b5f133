"""Which version a request takes, and how its answer is labelled."""

from __future__ import annotations

import pytest

from app.api.edge.versioning import check_json, negotiate
from app.core.errors import NotAcceptable, UnsupportedMediaType

ALPHA = "application/vnd.segment.v1alpha+json"
BETA = "application/vnd.segment.v1beta+json"
STABLE = "application/vnd.segment.v1+json"
PLAIN = "application/json"
ALL = ("v1", "v1beta", "v1alpha")


class TestNegotiate:
    @pytest.mark.parametrize(
        ("accept", "versions", "version", "label"),
        [
            (None, ALL, "v1", PLAIN),
            ("", ALL, "v1", PLAIN),
            ("*/*", ("v1alpha",), "v1alpha", PLAIN),
            ("application/*", ALL, "v1", PLAIN),
            (PLAIN, ALL, "v1", PLAIN),
            (ALPHA, ALL, "v1alpha", ALPHA),
            (f"{ALPHA}; charset=utf-8", ALL, "v1alpha", ALPHA),
            (ALPHA.upper(), ALL, "v1alpha", ALPHA),
            (
                "application/vnd.segment.alpha+json",
                ALL,
                "v1alpha",
                "application/vnd.segment.alpha+json",
            ),
            (
                "application/vnd.segment.stable+json",
                ALL,
                "v1",
                "application/vnd.segment.stable+json",
            ),
            (f"{STABLE}, {ALPHA}", ("v1alpha",), "v1alpha", ALPHA),
            (f"{ALPHA};q=0.5, {BETA}", ALL, "v1beta", BETA),
            (f"{ALPHA};q=0.5, */*", ALL, "v1", PLAIN),
            (f"*/*, {ALPHA}", ALL, "v1alpha", ALPHA),
            ("text/html, application/xhtml+xml, */*;q=0.8", ALL, "v1", PLAIN),
            (f"{STABLE};q=0, */*", ALL, "v1", PLAIN),
            (f"{ALPHA};q=nonsense, {PLAIN}", ALL, "v1", PLAIN),
        ],
    )
    def test_agrees(
        self, accept: str | None, versions: tuple[str, ...], version: str, label: str
    ) -> None:
        found = negotiate(accept, None, versions)
        assert (found.version, found.content_type) == (version, label)

    @pytest.mark.parametrize(
        ("accept", "versions"),
        [
            (STABLE, ("v1alpha",)),
            ("text/html", ALL),
            ("application/xml", ALL),
            (f"{PLAIN};q=0", ALL),
            ("application/vnd.segment.v9+json", ALL),
            ("nonsense", ALL),
        ],
    )
    def test_refuses(self, accept: str, versions: tuple[str, ...]) -> None:
        with pytest.raises(NotAcceptable):
            negotiate(accept, None, versions)

    def test_the_bodys_type_chooses_where_accept_leaves_it_open(self) -> None:
        assert negotiate(PLAIN, ALPHA, ALL).version == "v1alpha"
        assert negotiate(BETA, ALPHA, ALL).version == "v1beta"
        assert negotiate(PLAIN, "application/vnd.segment.v9+json", ALL).version == "v1"


class TestCheckJson:
    @pytest.mark.parametrize(
        "content_type",
        [None, "", PLAIN, ALPHA, f"{PLAIN}; charset=utf-8", 'application/json; charset="UTF-8"'],
    )
    def test_takes(self, content_type: str | None) -> None:
        check_json(content_type)

    @pytest.mark.parametrize(
        "content_type",
        [
            "text/plain",
            "text/json",
            "application/x-www-form-urlencoded",
            f"{PLAIN}; charset=utf-16",
        ],
    )
    def test_refuses(self, content_type: str) -> None:
        with pytest.raises(UnsupportedMediaType):
            check_json(content_type)
