"""Files of audiences and activations in the object store: their keys, storing them, and fetching them to this machine."""

from __future__ import annotations

import asyncio
from pathlib import Path

from app.core.ids import new_id
from app.core.objects import ObjectStore
from app.snapshots.engine import LocalManifest, Manifest, StoredFile


def audience_folder(space_id: str, audience_id: str) -> str:
    """Return the folder of an audience's files."""
    return f"spaces/{space_id}/audiences/{audience_id}"


def activation_folder(space_id: str, activation_id: str) -> str:
    """Return the folder of an activation's files."""
    return f"spaces/{space_id}/activations/{activation_id}"


def fresh_key(folder: str, name: str, suffix: str = "parquet") -> str:
    """Return a key that was never used, so that a retry never overwrites what a lost worker may still write."""
    return f"{folder}/{name}-{new_id('f')}.{suffix}"


async def store_file(objects: ObjectStore, local: Path, key: str, rows: int) -> StoredFile:
    """Put a finished local file (file first, row second: R2) and delete the local copy."""
    sha256, size = await objects.put(local, key)
    await asyncio.to_thread(local.unlink, missing_ok=True)
    return StoredFile(key=key, sha256=sha256, rows=rows, bytes=size)


async def fetch_file(objects: ObjectStore, file: StoredFile) -> Path:
    """Fetch a stored file. Returns its local path."""
    return await objects.fetch(file.key, file.sha256)


async def fetch_manifest(objects: ObjectStore, manifest: Manifest) -> LocalManifest:
    """Fetch all files of a manifest. Returns their local paths."""
    base = [await fetch_file(objects, file) for file in manifest.base]
    deltas = [await fetch_file(objects, file) for file in manifest.deltas]
    return LocalManifest(tuple(base), tuple(deltas))
