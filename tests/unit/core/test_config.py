from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from app.core.config import Settings, misspelled_settings


def test_a_lease_too_short_for_any_call_is_refused() -> None:
    with pytest.raises(ValidationError, match="raise ACTIVATIONS_LEASE") as refused:
        Settings(lease=timedelta(seconds=2), http_total_timeout=timedelta(seconds=3))
    (fault,) = refused.value.errors()
    assert fault["loc"] == ("lease",)
    assert "2 s is less than twice" in fault["msg"]
    Settings(lease=timedelta(seconds=6), http_total_timeout=timedelta(seconds=3))


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("DATABASE_URL", "postgresql://db/n?sslmod=require", "sslmod, which is not supported"),
        ("REDIS_URL", "http://redis", "begins with redis://"),
        ("STORAGE_URL", "s3://b?endpiont=x", "unknown option endpiont"),
        ("AWS_ENDPOINT_URL", "localhost:9000", "https://objects.internal:9000"),
        ("ACTIVATIONS_SMTP_URL", "mail.example.com", "begins with smtp://"),
        ("ACTIVATIONS_LOG_LEVEL", "loud", "loud is not a level"),
        ("ACTIVATIONS_ENGINE_MEMORY", "a lot", "is not a size"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, named: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert named in str(refused.value)


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "")
    assert Settings().redis_url is None


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("LEESE", "LEASE"),
        ("SQL_MEMORY_BYTE", "SQL_MEMORY_BYTES"),
        ("LOGLEVEL", "LOG_LEVEL"),
        ("DATABSE_URL", "DATABASE_URL"),
        ("HTTP_TIMEOUT", "HTTP_TOTAL_TIMEOUT"),
        ("OUTBOUND_ALOW", "OUTBOUND_ALLOW"),
        # Kubernetes sets these for services that are named activations and activations-worker-health.
        ("PORT", None),
        ("SERVICE_PORT", None),
        ("PORT_8000_TCP_ADDR", None),
        ("WORKER_HEALTH_SERVICE_PORT", None),
    ],
)
def test_names_that_are_no_settings_are_found(
    monkeypatch: pytest.MonkeyPatch, name: str, meant: str | None
) -> None:
    monkeypatch.setenv(f"ACTIVATIONS_{name}", "90")
    monkeypatch.setenv("ACTIVATIONS_LEASE", "90")
    assert misspelled_settings() == {f"ACTIVATIONS_{name}": meant and f"ACTIVATIONS_{meant}"}
