from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from app.core.config import Settings
from app.core.logging import (
    configure_logging,
    correlation_id,
    get_logger,
    log_context,
    register_secret,
)
from app.core.redaction import SecretRegistry


@pytest.fixture(autouse=True)
def untouched_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, hook = list(root.handlers), root.level, sys.excepthook
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    sys.excepthook = hook
    logging.captureWarnings(False)
    structlog.reset_defaults()


@pytest.fixture
def captured(capsys: pytest.CaptureFixture[str]) -> pytest.CaptureFixture[str]:
    configure_logging(Settings())
    return capsys


def lines(captured: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    output = captured.readouterr()
    assert output.out == ""
    return [json.loads(line) for line in output.err.splitlines()]


def only_line(captured: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found = lines(captured)
    assert len(found) == 1
    return found[0]


class TestLine:
    def test_is_json_with_event_level_logger_and_fields(
        self, captured: pytest.CaptureFixture[str]
    ) -> None:
        get_logger("app.services.delivery.attempt").info("batch_delivered", batch=3, receipts=2)
        line = only_line(captured)
        assert line.pop("timestamp").endswith("Z")
        assert line == {
            "event": "batch_delivered",
            "level": "info",
            "logger": "app.services.delivery.attempt",
            "batch": 3,
            "receipts": 2,
        }

    def test_has_the_bound_fields(self, captured: pytest.CaptureFixture[str]) -> None:
        with log_context(sync_id="syn_1", correlation_id="c1"):
            get_logger("a").info("inside")
            logging.getLogger("library").warning("also")
        get_logger("a").info("outside")
        first, second, third = lines(captured)
        assert (first["sync_id"], second["sync_id"]) == ("syn_1", "syn_1")
        assert second["correlation_id"] == "c1"
        assert "sync_id" not in third

    def test_of_a_library_has_the_same_form(self, captured: pytest.CaptureFixture[str]) -> None:
        logging.getLogger("uvicorn.error").error(
            "port %d", 80, extra={"color_message": "\x1b[36mport"}
        )
        line = only_line(captured)
        assert line["event"] == "port 80"
        assert line["logger"] == "uvicorn.error"
        assert "color_message" not in line

    def test_below_the_level_is_not_written(self, captured: pytest.CaptureFixture[str]) -> None:
        get_logger("a").debug("detail")
        assert lines(captured) == []

    def test_is_written_once_after_configuring_twice(
        self, captured: pytest.CaptureFixture[str]
    ) -> None:
        configure_logging(Settings())
        get_logger("a").info("once")
        assert only_line(captured)["event"] == "once"

    def test_console_form_is_readable_text(self, capsys: pytest.CaptureFixture[str]) -> None:
        configure_logging(Settings(log_format="console"))
        get_logger("a").info("started", n=1)
        assert "started" in capsys.readouterr().err


class TestSecrets:
    def test_a_registry_holds_a_secret_once_and_compiles_only_to_mask(self) -> None:
        registry = SecretRegistry()
        begin = time.process_time()
        for _ in range(3):
            for number in range(2000):
                registry.add(f"secret/{number:04d}")
        assert time.process_time() - begin < 1  # compiling after each of them takes minutes
        assert len(registry._values) == 2 * 2000  # as given, and percent-encoded
        assert registry.mask("secret/0007 secret%2F1999 secret/2000") == "*** *** secret/2000"
        registry.add("secret/2000")
        assert registry.mask("secret/2000") == "***"

    def test_a_registered_value_is_masked_everywhere(
        self, captured: pytest.CaptureFixture[str]
    ) -> None:
        register_secret("pk_canary/4711+x")
        try:
            raise ValueError("refused pk_canary/4711+x")
        except ValueError:
            get_logger("a").exception(
                "failed: pk_canary/4711+x",
                url="https://x.example/?key=pk_canary%2F4711%2Bx",
                nested={"list": ["pk_canary/4711+x"]},
            )
        text = captured.readouterr().err
        assert "canary" not in text
        assert text.count("***") == 5  # event, url, nested, and twice in the text of the traceback

    def test_named_fields_are_masked(self, captured: pytest.CaptureFixture[str]) -> None:
        get_logger("a").info(
            "x",
            api_key="k-1",
            signingSecret="s-2",
            headers={"Authorization": "v-3", "Set-Cookie": "v-4"},
            settings=[{"password": ["v-5"]}],
            value=SecretStr("v-6"),
            token_id="kept",
            lease_token=17,
        )
        line = only_line(captured)
        assert (line["api_key"], line["signingSecret"], line["value"]) == ("***",) * 3
        assert line["headers"] == {"Authorization": "***", "Set-Cookie": "***"}
        assert line["settings"] == [{"password": "***"}]
        assert (line["token_id"], line["lease_token"]) == ("kept", 17)

    @pytest.mark.parametrize(
        ("text", "masked"),
        [
            ("aact_live_0123456789ab_" + "s" * 49, "aact_live_0123456789ab_***"),
            ("at postgresql://app:hunter2@db/x", "at postgresql://***@db/x"),
            ("authorization: Bearer abcdefghijkl", "authorization: Bearer ***"),
        ],
    )
    def test_forms_of_secrets_are_masked(
        self, captured: pytest.CaptureFixture[str], text: str, masked: str
    ) -> None:
        logging.getLogger("library").warning(text)
        assert only_line(captured)["event"] == masked

    def test_the_keys_of_the_settings_are_registered(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        keys = SecretStr("k1:c2VjcmV0LWtleS1vbmU=,k0:c2VjcmV0LWtleS16ZXJv")
        configure_logging(Settings(encryption_keys=keys, token_pepper=SecretStr("the-pepper")))
        get_logger("a").info("x", a="c2VjcmV0LWtleS16ZXJv", b="the-pepper")
        line = only_line(capsys)
        assert (line["a"], line["b"]) == ("***", "***")


class TestValues:
    def test_control_characters_are_visible_escapes(
        self, captured: pytest.CaptureFixture[str]
    ) -> None:
        get_logger("a").info("x", name="\x1b[2Jred\r\nfake line\x9b\u202e\x00")
        assert only_line(captured)["name"] == "\\x1b[2Jred\\r\\nfake line\\x9b\\u202e\\x00"

    def test_long_values_are_cut_at_2048_bytes(self, captured: pytest.CaptureFixture[str]) -> None:
        get_logger("a").info("x", body="é" * 2000)
        assert only_line(captured)["body"] == "é" * 1024 + "[+1952 bytes]"

    def test_a_secret_across_the_cut_leaves_no_half(
        self, captured: pytest.CaptureFixture[str]
    ) -> None:
        register_secret("halfsecret-0815")
        get_logger("a").info("x", body="a" * 2040 + "halfsecret-0815")
        assert "halfs" not in only_line(captured)["body"]

    def test_a_traceback_keeps_its_end(self, captured: pytest.CaptureFixture[str]) -> None:
        try:
            raise RuntimeError("begin" + "x" * 5000 + "\x07the end")
        except RuntimeError:
            get_logger("a").exception("failed")
        text = only_line(captured)["exception"]
        assert text.endswith("\\x07the end")
        assert len(text) < 2100

    def test_anything_can_be_logged(self, captured: pytest.CaptureFixture[str]) -> None:
        circle: list[Any] = []
        circle.append(circle)
        get_logger("a").info("x", circle=circle, many=range(1000), lone="\ud800", data=b"\xff")
        line = only_line(captured)
        assert line["many"][-1] == "[+950]"
        assert line["lone"] == "\\ud800"
        assert line["data"] == "\\xff"


class TestCorrelationId:
    def test_a_harmless_one_is_kept(self) -> None:
        assert correlation_id("job-17_a") == "job-17_a"

    @pytest.mark.parametrize("given", [None, "", "a b", "x" * 65, 'a"\n', "é"])
    def test_another_is_replaced(self, given: str | None) -> None:
        made = correlation_id(given)
        assert made != given
        assert len(made) == 16
