"""Exported files: what a sync has written, links that open it for a while without a token, and how long it is kept."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from pydantic import BaseModel, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.registry import UnknownDestination
from app.core.crypto import Keyring, KeyringError
from app.core.errors import NotFound
from app.core.objects import ObjectMissing
from app.services.accounts import open_account
from app.services.platform import Platform
from app.storage.models import Activation, Sync
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.batches import BatchRepository
from app.storage.repositories.collection import CollectionQueries
from app.storage.repositories.syncs import SyncRepository

EXPORTS_FOLDER = "exports/"
MANIFEST = ".manifest.json"
KEPT = timedelta(days=7)  # unless the destination's settings say otherwise
GRACE = timedelta(hours=1)  # that a file outlives its link by, for downloads under way
_PURPOSE = "export-link"
_GONE = "there is no such file, or its link has expired"


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One file of a sync; ``url`` None: it lies in the partner's store, or is no longer kept."""

    name: str
    bytes: int | None = None
    sha256: str | None = None
    rows: int | None = None
    url: str | None = None
    expires_at: datetime | None = None

    @property
    def is_manifest(self) -> bool:
        """Whether it describes another file."""
        return self.name.endswith(MANIFEST)


async def exports_of_sync(
    platform: Platform,
    *,
    space_id: str,
    audience_id: str,
    activation_id: str,
    sync_id: str,
    base_url: str,
    now: datetime,
) -> list[ExportedFile]:
    """List the files that a sync wrote, oldest first, with links that are valid as long as the files are kept."""
    async with platform.unit_of_work() as session:
        activation = await ActivationRepository(session).require(
            space_id, audience_id, activation_id
        )
        sync = await SyncRepository(session).require_in(space_id, activation_id, sync_id)
        keys = await _keys(session, sync)
        kept = await _kept(platform, session, activation)
    written = sync.finished_at or sync.planned_at or now
    # A bucket of the user's may be called as it likes: only what lies in our folder of this activation is ours.
    own = f"{EXPORTS_FOLDER}{space_id}/{activation_id}/"
    ours = [key for key in keys if key.startswith(own)]
    facts = await _facts(platform, ours) if written + kept > now else {}
    base = (platform.settings.public_url or base_url).rstrip("/")
    files = []
    for key in keys:
        if key not in facts:
            files.append(ExportedFile(key.rpartition("/")[2] if key in ours else key))
            continue
        token = link_token(platform.keyring, key, written + kept)
        files.append(
            ExportedFile(**facts[key], url=f"{base}/exports/{token}", expires_at=written + kept)
        )
    return files


async def _keys(session: AsyncSession, sync: Sync) -> list[str]:
    batches = await BatchRepository(session).of_sync(sync.space_id, sync.id)
    found = (key for batch in batches for key in (batch.receipts or {}).get("exports") or ())
    return list(dict.fromkeys(found))


async def _facts(platform: Platform, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Of each file that has its manifest beside it, and of the manifests; those that are gone are left out."""
    facts: dict[str, dict[str, Any]] = {}
    for key in keys:
        if not key.endswith(MANIFEST):
            continue
        try:
            text = b"".join([piece async for piece in platform.objects.open_read(key)])
        except ObjectMissing:
            continue
        folder, _, name = key.rpartition("/")
        manifest = orjson.loads(text)
        facts[f"{folder}/{manifest['file']}"] = {
            "name": manifest["file"],
            **{field: manifest[field] for field in ("bytes", "sha256", "rows")},
        }
        digest = hashlib.sha256(text).hexdigest()
        facts[key] = {"name": name, "bytes": len(text), "sha256": digest}
    return facts


async def _kept(platform: Platform, session: AsyncSession, activation: Activation) -> timedelta:
    found = await CollectionQueries(session).export_destinations([activation.id])
    for _, workspace_id, destination in found:
        return _retention(open_account(platform.keyring, workspace_id, destination).settings)
    return KEPT


def _retention(settings: BaseModel) -> timedelta:
    days = getattr(settings, "retention_days", None)
    return timedelta(days=days) if isinstance(days, int) else KEPT


# Links


def link_token(keyring: Keyring, key: str, expires_at: datetime) -> str:
    """Build the token of a download link: the signed key of a file and the time until which it opens."""
    content = f"{int(expires_at.timestamp())}:{key}".encode()
    return f"{_text(content)}.{_text(keyring.sign(_PURPOSE, content))}"


def key_of_token(keyring: Keyring, token: str, now: datetime) -> str:
    """Return the key of the file that a token opens. Raises NotFound if the token is not valid or has expired."""
    shown, _, signature = token.partition(".")
    try:
        content, given = _bytes(shown), _bytes(signature)
    except (binascii.Error, ValueError):
        raise NotFound(_GONE) from None
    if not hmac.compare_digest(keyring.sign(_PURPOSE, content), given):
        raise NotFound(_GONE)
    moment, _, key = content.decode().partition(":")
    if datetime.fromtimestamp(int(moment), UTC) <= now:
        raise NotFound(_GONE)
    return key


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _text(content) != text:
        raise ValueError("several texts for the same bytes")
    return content


async def open_export(
    platform: Platform, token: str, now: datetime
) -> tuple[str, AsyncIterator[bytes]]:
    """Open the file of a download link. Returns its name and its bytes. Raises NotFound if the link opens none."""
    key = key_of_token(platform.keyring, token, now)
    pieces = _pieces(platform, key)
    try:
        first = await anext(pieces, b"")
    except ObjectMissing:
        raise NotFound(_GONE) from None
    return key.rpartition("/")[2], _joined(first, pieces)


async def _pieces(platform: Platform, key: str) -> AsyncIterator[bytes]:
    async for piece in platform.objects.open_read(key):
        yield piece


async def _joined(first: bytes, rest: Any) -> AsyncIterator[bytes]:
    async with aclosing(rest):
        yield first
        async for piece in rest:
            yield piece


# The collector's part


async def outdated_exports(
    platform: Platform, written: Mapping[str, datetime], now: datetime
) -> list[str]:
    """Return the keys of expired exports. ``written``: the time at which each was written, by key."""
    owners = {key: key.split("/")[2] for key in written if key.count("/") > 2}
    kept: dict[str, timedelta] = {}
    async with platform.unit_of_work() as session:
        repository = CollectionQueries(session)
        for activation_id, workspace_id, destination in await repository.export_destinations(
            sorted(set(owners.values()))
        ):
            try:
                account = open_account(platform.keyring, workspace_id, destination)
            except (KeyringError, UnknownDestination, ValidationError):
                continue
            kept[activation_id] = _retention(account.settings)
    return [
        key
        for key, moment in written.items()
        if moment + kept.get(owners.get(key, ""), KEPT) + GRACE < now
    ]
