"""Opens the file of a source: finds it, and compares it with the version that was read last."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.connectors.echoes import set_account
from app.connectors.errors import ConfigurationRejected
from app.connectors.http import OutboundClient
from app.connectors.object_stores.aws import FixedKeys, RoleKeys
from app.connectors.object_stores.google_token import READING, NoTokens, ServiceAccountTokens
from app.core.clock import to_wire
from app.sources.objects.files import (
    FileLate,
    FileStore,
    FileVersion,
    Listed,
    OpenedFile,
    missing,
)
from app.sources.objects.gcs import GCSFiles
from app.sources.objects.https import HttpsFiles
from app.sources.objects.names import matches
from app.sources.objects.s3 import S3Files
from app.sources.objects.settings import ObjectSource

MOST_LISTED = 20_000  # files with the prefix of a pattern
_REGION = "us-east-1"  # where Amazon looks for a bucket if none is named


@dataclass(frozen=True, slots=True)
class RoleUse:
    """With which external id a role is assumed, and whether the operator permits it."""

    external_id: str
    is_permitted: bool


@asynccontextmanager
async def open_file(
    source: ObjectSource,
    http: OutboundClient,
    role: RoleUse,
    *,
    known: FileVersion | None,
    now: datetime,
) -> AsyncIterator[OpenedFile]:
    """Open the file of a source, or the newest one of its pattern, for a ``with`` block that reads it.

    ``known`` is the version that was read last. Raises FileMissing, FileLate and other ConnectorErrors.
    """
    secrets = source.secrets
    set_account(secrets)
    store = _store(source, http.masking(secrets), role)
    address = source.address
    name = await _newest(store, source) if address.is_pattern else address.name
    path = address.at(name)
    before = known if known is not None and known.path == path else None
    async with store.open(name, path, before) as opened:
        _refuse_late(source, opened.version, now)
        is_known = before is not None and opened.version.is_same(before)
        yield OpenedFile(opened.version, None if is_known else opened.response)


def _store(source: ObjectSource, http: OutboundClient, role: RoleUse) -> FileStore:
    address = source.address
    match address.scheme:
        case "https":
            given = source.authorization
            return HttpsFiles(
                http, source.url, address.place, given.get_secret_value() if given else None
            )
        case "gs":
            account = source.service_account_json
            tokens = (
                ServiceAccountTokens(http, account.get_secret_value(), READING)
                if account is not None
                else NoTokens()
            )
            return GCSFiles(http, tokens, address.place, source.endpoint_url)
        case "s3":
            region = source.region or _REGION
            keys = _keys(source, http, role, region)
            return S3Files(http, keys, address.place, region, source.endpoint_url)


def _keys(
    source: ObjectSource, http: OutboundClient, role: RoleUse, region: str
) -> FixedKeys | RoleKeys:
    if source.access_key_id and source.secret_access_key:
        return FixedKeys(source.access_key_id, source.secret_access_key.get_secret_value())
    if not role.is_permitted or source.role_arn is None:
        raise ConfigurationRejected(
            "roleArn: the operator of this service does not permit roles (ACTIVATIONS_S3_ROLES); use a key"
        )
    return RoleKeys(http, source.role_arn, role.external_id, region)


async def _newest(store: FileStore, source: ObjectSource) -> str:
    """Return the name of the newest file that the pattern matches; of equally new ones, the last by name."""
    address, count = source.address, 0
    newest: Listed | None = None
    async for one in store.files(address.prefix):
        count += 1
        if count > MOST_LISTED:
            raise ConfigurationRejected(
                f"{store.where} has more than {MOST_LISTED:,} files that begin with {address.prefix!r}; let the pattern begin "
                "with a longer name, such as a folder",
                code="pattern_too_wide",
            )
        if matches(address.name, one.name) and (
            newest is None or (one.modified_at, one.name) > (newest.modified_at, newest.name)
        ):
            newest = one
    if newest is None:
        raise missing(address.at(address.name), f"; {count:,} files begin with {address.prefix!r}")
    return newest.name


def _refuse_late(source: ObjectSource, version: FileVersion, now: datetime) -> None:
    """Raise FileLate if the file is older than the source allows."""
    if source.max_age_hours is None:
        return
    if version.modified_at is None:
        raise ConfigurationRejected(
            f"{version.path} has no time of its last change (Last-Modified), which maxAgeHours needs; set maxAgeHours to null"
        )
    age = now - version.modified_at
    if age > timedelta(hours=source.max_age_hours):
        late = FileLate(
            f"{version.path} is late: it was last changed at {to_wire(version.modified_at)}, {age / timedelta(hours=1):,.0f} hours "
            f"ago, and maxAgeHours is {source.max_age_hours}",
            ambiguous=False,
            code="file_late",
        )
        late.version = version
        raise late
