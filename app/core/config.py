"""The settings. Only this module reads the environment.

``DATABASE_URL``, ``REDIS_URL`` and ``STORAGE_URL`` have their usual names; all other names begin with ``ACTIVATIONS_``.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.core.database_url import parse_database_url
from app.core.redis_url import parse_redis_url
from app.core.storage_url import parse_storage_url
from app.core.vendor_options import aws_profile, endpoint_options, s3_options

_PREFIX = "ACTIVATIONS_"
_NEARLY_THE_SAME = 0.8  # of 1: one or two letters differ, or a short word is missing


def _plain_seconds(value: Any) -> Any:
    """Turn a text that is a bare number into seconds; environment values are text."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _check_mail(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ValueError("it begins with smtp:// or smtps://, as in smtp://user:password@host:587")


_READERS: Mapping[str, Callable[[str], object]] = {
    "database_url": parse_database_url,
    "redis_url": parse_redis_url,
    "smtp_url": _check_mail,
}

Duration = Annotated[timedelta, BeforeValidator(_plain_seconds)]


def _named(*names: str, default: Any = None) -> Any:
    """Return a field that is read under other names, the first of which takes precedence."""
    return Field(default=default, validation_alias=AliasChoices(*names))


class Settings(BaseSettings):
    """The settings of the service. Durations are ISO 8601 or a number of seconds."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    # Servers and folders. Without URLs, `activations up` starts embedded servers in the data folder.
    database_url: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("database_url", "DATABASE_URL")
    )
    redis_url: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("redis_url", "REDIS_URL")
    )
    storage_url: str | None = Field(
        default=None, validation_alias=AliasChoices("storage_url", "STORAGE_URL")
    )
    # What the vendors' tools read for the object store; options of STORAGE_URL take precedence
    s3_endpoint: str | None = _named("s3_endpoint", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    s3_region: str | None = _named("s3_region", "AWS_REGION", "AWS_DEFAULT_REGION")
    s3_profile: str = _named("s3_profile", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", default="default")
    s3_config: Path = _named("s3_config", "AWS_CONFIG_FILE", default=Path("~/.aws/config"))
    gcs_emulator: str | None = _named("gcs_emulator", "STORAGE_EMULATOR_HOST")
    data_dir: Path = Path("activations-data")
    # Local copies and scratch files; default: `cache` in the data folder
    cache_dir: Path | None = None
    # For embedded servers started by root that cannot reach the data folder
    server_dir: Path | None = None
    public_url: str | None = None  # URL of the API in links; default: host and port

    # Keys. If neither is set, files in the data folder are used (created on first start, mode 0600).
    encryption_keys: SecretStr | None = None  # "kid:base64,…": the first encrypts, all decrypt
    token_pepper: SecretStr | None = None

    # API
    rate_limits: Literal["on", "off"] = "on"
    rate_limit_scale: float = Field(default=1.0, gt=0)  # multiplies the contract's numbers
    api_processes: int = Field(default=1, ge=1)
    token_cache: Duration = timedelta(seconds=5)
    max_body_bytes: int = 1024 * 1024
    max_upload_bytes: int = 10 * 1024**3
    # Addresses or networks of reverse proxies, comma-separated: their X-Forwarded-For and X-Forwarded-Proto count
    trusted_proxies: str = ""

    # Outbound
    outbound_allow: str = ""  # "host[:port]" or CIDR, comma-separated: private addresses and plain http are allowed there
    http_total_timeout: Duration = timedelta(seconds=20)
    http_connect_timeout: Duration = timedelta(seconds=5)
    # Whether users may name an AWS role, which the service assumes under its own identity
    s3_roles: Literal["on", "off"] = "off"

    # Delivery (R10, R11, R21 to R23)
    lease: Duration = timedelta(seconds=60)
    settle_time: Duration = timedelta(seconds=60)
    sweep_interval: Duration = timedelta(seconds=5)
    redis_silence: Duration = timedelta(seconds=10)  # after this, the sweep runs the jobs
    retry_waits: tuple[Duration, ...] = (
        timedelta(seconds=5),
        timedelta(seconds=30),
        timedelta(minutes=2),
        timedelta(minutes=10),
        timedelta(minutes=30),
        timedelta(hours=1),
    )
    failing_batch_limit: Duration = timedelta(minutes=15)
    failing_activation_limit: Duration = timedelta(days=5)
    delivery_concurrency: int = Field(default=96, ge=1)  # calls in flight in one worker
    delivery_concurrency_per_account: int = Field(default=64, ge=1)  # at most: it adapts
    # Share the rate budget of an account while Redis is unreachable
    worker_processes: int = Field(default=1, ge=1)
    orphan_age: Duration = timedelta(hours=24)
    history_kept: Duration = timedelta(days=30)
    log_kept: Duration = timedelta(days=400)  # rows of runs, syncs and notices
    job_completion_wait: Duration = timedelta(seconds=25)
    # Health endpoint of a worker; 0: none
    worker_health_port: int = Field(default=0, ge=0, le=65535)
    worker_health_host: str = "127.0.0.1"

    # Notices
    smtp_url: SecretStr | None = None  # smtp://user:password@host:587 or smtps://…
    mail_from: str = "activations@localhost"

    # Embedded engine and user SQL
    engine_memory: str = "400MB"
    engine_threads: int = Field(default=2, ge=1)
    sql_memory_bytes: int = 4 * 1024**3
    sql_concurrency: int = Field(default=2, ge=1)  # definitions that run at once in one process
    sql_timeout: Duration = timedelta(minutes=5)

    # Users' databases: limits for one dataset, or for one definition that runs there
    source_timeout: Duration = timedelta(minutes=15)
    source_max_rows: int = 100_000_000
    source_max_bytes: int = 20 * 1024**3  # in memory; on disk it is a fraction of that
    # Runs that read at the same time in one process; previews and checks have a separate limit of this size
    source_concurrency: int = Field(default=4, ge=1)

    # Logs
    log_level: str = "info"
    log_format: Literal["json", "console"] = "json"

    @field_validator("database_url", "redis_url", "smtp_url")
    @classmethod
    def _is_url(cls, url: SecretStr | None, given: ValidationInfo) -> SecretStr | None:
        """Refuse a URL that cannot be used, by name."""
        if url is not None and given.field_name is not None:
            _READERS[given.field_name](url.get_secret_value())
        return url

    @field_validator("storage_url")
    @classmethod
    def _is_store(cls, url: str | None) -> str | None:
        """Refuse an unknown kind of store or an unknown option, by name."""
        if url is not None:
            parse_storage_url(url)
        return url

    @field_validator("s3_endpoint", "gcs_emulator")
    @classmethod
    def _is_endpoint(cls, url: str | None, given: ValidationInfo) -> str | None:
        """Read ``host:port`` as Google's tools do, and refuse what is no URL."""
        is_gcs = given.field_name == "gcs_emulator"
        if url is not None and is_gcs and "://" not in url:
            url = f"http://{url}"
        endpoint_options(url, "STORAGE_EMULATOR_HOST" if is_gcs else "AWS_ENDPOINT_URL")
        return url

    @field_validator("log_level")
    @classmethod
    def _is_level(cls, level: str) -> str:
        if level.lower() not in ("debug", "info", "warning", "error", "critical"):
            raise ValueError(f"{level} is not a level; levels are debug, info, warning and error")
        return level

    @field_validator("engine_memory")
    @classmethod
    def _is_size(cls, size: str) -> str:
        if not re.fullmatch(r"\d+(\.\d+)? ?([KMGT]i?)?B", size, re.IGNORECASE):
            raise ValueError(f"{size} is not a size such as 400MB or 1GiB")
        return size

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, proxies: str) -> str:
        """Refuse names and ``*``: only an address says who has sent a header."""
        entries = [entry.strip() for entry in proxies.split(",") if entry.strip()]
        for entry in entries:
            try:
                ipaddress.ip_network(entry, strict=False)
            except ValueError:
                raise ValueError(
                    f"ACTIVATIONS_TRUSTED_PROXIES: {entry!r} is neither an address nor a network such as 10.0.0.0/8"
                ) from None
        return ",".join(entries)

    @field_validator("lease")
    @classmethod
    def _outlasts_calls(cls, lease: timedelta, given: ValidationInfo) -> timedelta:
        """Refuse a lease in which no call could start: a call starts only if the lease outlasts it (R10)."""
        longest: timedelta | None = given.data.get("http_total_timeout")
        if longest is not None and lease < 2 * longest:
            raise ValueError(
                f"{lease.total_seconds():g} s is less than twice ACTIVATIONS_HTTP_TOTAL_TIMEOUT "
                f"({longest.total_seconds():g} s), so no call would ever start; raise ACTIVATIONS_LEASE or lower the timeout"
            )
        return lease

    @property
    def permits_roles(self) -> bool:
        """Whether settings of users may name a role that the service assumes under its own identity."""
        return self.s3_roles == "on"

    @property
    def storage(self) -> str:
        """URL of the object store: the setting, or the folder ``objects`` in the data folder."""
        return self.storage_url or (self.data_dir.absolute() / "objects").as_uri()

    @property
    def store_defaults(self) -> dict[str, dict[str, str]]:
        """Options of the object store that STORAGE_URL does not give, by kind of store."""
        profile = aws_profile(self.s3_config.expanduser(), self.s3_profile)
        emulator = endpoint_options(self.gcs_emulator, "STORAGE_EMULATOR_HOST")
        return {
            "s3": s3_options(self.s3_endpoint, self.s3_region, profile),
            "gs": {**emulator, "anonymous": "true"} if emulator else {},
        }

    @property
    def cache(self) -> Path:
        """Folder of local copies and scratch files."""
        return self.cache_dir or self.data_dir / "cache"


def misspelled_settings() -> dict[str, str | None]:
    """Return the names of the environment that begin like settings but are none, each with the setting that is meant, if any.

    Example: ``{"ACTIVATIONS_LEESE": "ACTIVATIONS_LEASE"}``. Kubernetes sets names such as ``ACTIVATIONS_SERVICE_HOST`` for a
    service of this name; no setting is meant by them.
    """
    known = [name.upper() for name in Settings.model_fields]
    given = (name.removeprefix(_PREFIX) for name in os.environ if name.startswith(_PREFIX))  # noqa: TID251 - the settings' own module
    unknown = sorted(name for name in given if name not in known)
    return {_PREFIX + name: _meant(name, known) for name in unknown}


def _meant(name: str, known: list[str]) -> str | None:
    """Return the setting whose name is nearly the same, or None."""
    close = [] if "_SERVICE_" in name else get_close_matches(name, known, 1, _NEARLY_THE_SAME)
    return _PREFIX + close[0] if close else None
