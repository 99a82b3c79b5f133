from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from app.connectors.destinations.webhook.settings import (
    WebhookConnectionSettings,
    WebhookSettings,
    complete,
    new_secret,
    signing_key,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
URL = "https://hooks.example/x"


class TestComplete:
    def test_makes_a_secret_and_shows_it_once(self) -> None:
        stored, shown = complete({"url": URL}, None, NOW)
        assert stored == {"url": URL, "secret": shown["secret"]}
        assert len(signing_key(shown["secret"])) == 32

    def test_keeps_a_given_secret_and_shows_nothing(self) -> None:
        secret = new_secret()
        assert complete({"url": URL, "secret": secret}, None, NOW) == (
            {"url": URL, "secret": secret},
            {},
        )

    def test_keeps_the_stored_secret_when_none_is_given(self) -> None:
        previous = {"url": URL, "secret": new_secret()}
        stored, shown = complete({"url": URL + "2"}, previous, NOW)
        assert stored == {"url": URL + "2", "secret": previous["secret"]}
        assert not shown

    def test_a_rotation_keeps_the_old_secret_for_a_day(self) -> None:
        previous = {"url": URL, "secret": new_secret()}
        stored, shown = complete({"url": URL, "secret": None}, previous, NOW)
        assert stored["secret"] == shown["secret"] != previous["secret"]
        assert stored["previous_secret"] == previous["secret"]
        settings = WebhookSettings.model_validate(stored)
        assert len(settings.keys_at(NOW + timedelta(hours=23, minutes=59))) == 2
        assert settings.keys_at(NOW + timedelta(hours=24)) == [signing_key(shown["secret"])]


def create_settings(**changes: Any) -> WebhookSettings:
    return WebhookSettings.model_validate({"url": URL, "secret": new_secret(), **changes})


class TestWebhookSettings:
    @pytest.mark.parametrize(
        "changes",
        [
            {"url": "hooks.example/x"},
            {"url": "ftp://hooks.example/x"},
            {"url": "https://user:pass@hooks.example/x"},
            {"url": "https:///x"},
            {"url": "https://hooks.example/ x"},
            {"url": "https://hooks.example/\r\nX-A: b"},
            {"secret": "plain"},
            {"secret": "whsec_" + base64.b64encode(b"x" * 23).decode()},
            {"secret": "whsec_" + base64.b64encode(b"x" * 65).decode()},
            {"secret": "whsec_ä"},
            {"method": "GET"},
            {"headers": {"Webhook-Id": "x"}},
            {"headers": {"Webhook_Id": "x"}},  # WSGI, CGI and nginx read it as webhook-id
            {"headers": {"Transfer_Encoding": "chunked"}},
            {"headers": {"Content_Length": "0"}},
            {"headers": {"Expect": "100-continue"}},
            {"headers": {"Upgrade": "h2c"}},
            {"headers": {"Trailer": "webhook-id"}},
            {"headers": {"Host": "x"}},
            {"headers": {"Content-Type": "x"}},
            {"headers": {"X-A": "a\r\nb"}},
            {"headers": {"X-A": "ä"}},
            {"headers": {"X A": "b"}},
            {"headers": {"": "b"}},
            {"batch_size": -1},
            {"batch_size": 10_001},
            {"form": "other"},
            {"unknown": 1},
        ],
    )
    def test_refuses(self, changes: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            create_settings(**changes)

    def test_does_not_print_its_secret(self) -> None:
        settings = create_settings()
        assert settings.secret.get_secret_value() not in repr(settings)
        assert settings.secret.get_secret_value() not in settings.model_dump_json()

    def test_extras_must_not_replace_keys_of_the_message(self) -> None:
        WebhookConnectionSettings.model_validate({"extras": {"source": "a"}})
        with pytest.raises(ValidationError, match="must not contain data, type"):
            WebhookConnectionSettings.model_validate({"extras": {"type": 1, "data": 2}})
