"""The form of tokens."""

from __future__ import annotations

import pytest

from app.services.tenancy import tokens


def make(environment: str = "live") -> str:
    body = f"aact_{environment}_{'a' * 12}_{'B' * 43}"
    return body + tokens._checksum(body)


class TestParse:
    def test_reads_its_parts(self) -> None:
        for environment in ("live", "test"):
            assert tokens.parse(make(environment)) == ("a" * 12, "B" * 43)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "aact_live_",
            make()[:-1],
            make() + "0",
            make().replace("B", "C", 1),
            make().replace("live", "prod"),
            "x" + make(),
            make()[:-1] + ("0" if make()[-1] != "0" else "1"),
            make().replace("B", "é", 1),
        ],
    )
    def test_refuses(self, text: str) -> None:
        assert tokens.parse(text) is None
