"""The files of a snapshot, written from a definition, an upload or patches."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.core.json_bytes import to_lines
from app.domain.column_names import find_column
from app.domain.refused_keys import RefusedKeys
from app.domain.text_forms import trimmed
from app.services.audiences.definition_rows import Reading, write_rows
from app.services.audiences.source_turns import room_of_run
from app.services.platform import (
    Platform,
    audience_folder,
    fetch_file,
    fetch_manifest,
    fresh_key,
    store_file,
)
from app.snapshots.engine import (
    Comparison,
    LocalManifest,
    Manifest,
    SnapshotStats,
    StoredFile,
    Upload,
    lane_of,
    marks_of,
)
from app.snapshots.membership import (
    compact_members,
    compare_members,
    in_one_spelling,
    write_delta,
    write_snapshot,
)
from app.storage.models import Audience, MemberPatch, Run, Snapshot


@dataclass(frozen=True, slots=True)
class Work:
    """A claimed run with everything that its computation reads."""

    run: Run
    audience: Audience
    previous: Snapshot | None  # the current one, pinned or not
    patches: Sequence[MemberPatch]
    reading: Reading  # what its definition has read so far
    absent_words: frozenset[str] = frozenset()  # the space's own words for "no value"
    refused: RefusedKeys | None = None  # keys of members that are left out

    @property
    def sources(self) -> list[dict[str, Any]] | None:
        """The sources in the form that the run's row stores: ``[{"datasetId": …, "rows": …, …}]``, or None."""
        return self.reading.sources or None

    @property
    def notes(self) -> list[str] | None:
        """What a person should know of the definition, one sentence for each; None if nothing was found."""
        return self.reading.notes or None


@dataclass(frozen=True, slots=True)
class Computed:
    """The files of a snapshot that has no row yet."""

    manifest: Manifest
    stats: SnapshotStats
    comparison: Comparison


async def compute_snapshot(platform: Platform, work: Work) -> Computed:
    """Write the files of a run's snapshot and compare it with the previous one. No transaction is open."""
    if work.run.kind == "patch":
        return await _compute_patch(platform, work)
    supplied = work.run.input or {}
    if supplied.get("format") == "snapshot":
        # The upload was read, checked and sorted when it was accepted: the file is the snapshot.
        file = StoredFile(**supplied["file"])
        stats = SnapshotStats(**supplied["stats"])
    else:
        file, stats = await _compute_whole(platform, work)
    manifest = Manifest(base=(file,))
    return Computed(manifest, stats, await _compare(platform, work, manifest))


async def _compute_whole(platform: Platform, work: Work) -> tuple[StoredFile, SnapshotStats]:
    out = platform.engine.scratch_file(".parquet")
    rows = platform.engine.scratch_file(".rows.parquet")
    try:
        if work.run.kind == "definition":
            upload = await _computed_rows(platform, work, rows)
        else:
            upload = await _uploaded(platform, work)
        linked = work.audience.audience_type == "LINKED"
        former = await _former(platform, work)
        stats = await platform.engine.run(write_snapshot, upload, out, linked=linked, former=former)
        key = _snapshot_key(work, "base")
        return await store_file(platform.objects, out, key, stats.rows), stats
    finally:
        out.unlink(missing_ok=True)
        rows.unlink(missing_ok=True)


async def _former(platform: Platform, work: Work) -> LocalManifest | None:
    """Return the membership whose types an upload keeps. A definition decides its types itself."""
    if work.run.kind == "definition" or work.previous is None:
        return None
    return await fetch_manifest(platform.objects, Manifest.from_json(work.previous.manifest))


async def _computed_rows(platform: Platform, work: Work, out: Path) -> Upload:
    await write_rows(
        platform,
        work.run.space_id,
        work.audience.query,
        work.run.as_of,
        out,
        reading=work.reading,
        room=room_of_run(platform, work.run.space_id, work.run.id),
    )
    return Upload(out, "parquet", absent_words=work.absent_words, refused=work.refused)


async def _uploaded(platform: Platform, work: Work) -> Upload:
    supplied = work.run.input or {}
    file = StoredFile(**supplied["file"])
    path = await fetch_file(platform.objects, file)
    return Upload(
        path,
        supplied["format"],
        supplied.get("encoding"),
        absent_words=work.absent_words,
        refused=work.refused,
    )


async def _compute_patch(platform: Platform, work: Work) -> Computed:
    previous = Manifest.from_json(work.previous.manifest if work.previous else None)
    linked = work.audience.audience_type == "LINKED"
    local = await fetch_manifest(platform.objects, previous)
    beside = marks_of((*local.base, *local.deltas)).beside
    add, remove = _folded(work.patches, linked=linked, beside=beside)
    rows = platform.engine.scratch_file(".ndjson")
    out = platform.engine.scratch_file(".parquet")
    try:
        rows.write_bytes(to_lines(add))
        delta = await platform.engine.run(
            write_delta,
            rows if add else None,
            remove,
            local,
            out,
            linked=linked,
            absent_words=work.absent_words,
            refused=work.refused,
            members=work.previous.row_count if work.previous else 0,
            lane=lane_of(previous.rows),
        )
        file = await store_file(platform.objects, out, _snapshot_key(work, "delta"), delta.rows)
    finally:
        rows.unlink(missing_ok=True)
        out.unlink(missing_ok=True)
    manifest = _appended(previous, file)
    if manifest.needs_compaction:
        manifest = await _compacted(platform, work, manifest)
    added = SnapshotStats(
        delta.members,
        delta.traits,
        tuple(delta.identifiers),
        delta.changes,
        absent=delta.absent,
        refused=delta.refused,
    )
    stats = _merged(work.previous, added)
    return Computed(manifest, stats, Comparison(delta.entered, delta.exited, delta.members))


def _merged(previous: Snapshot | None, added: SnapshotStats) -> SnapshotStats:
    traits = {**(previous.traits if previous else {}), **added.traits}
    identifiers = [*(previous.identifiers if previous else ()), *added.identifiers]
    return replace(added, traits=traits, identifiers=tuple(dict.fromkeys(identifiers)))


def _folded(
    patches: Sequence[MemberPatch], *, linked: bool, beside: Collection[str]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Combine patches in the order in which they were accepted: the last change of a member counts."""
    add: dict[str, dict[str, Any]] = {}
    remove: dict[str, None] = {}
    key_name = "entity_id" if linked else "profile_id"
    added = in_one_spelling([patch.add for patch in patches], linked=linked, beside=beside)
    for rows, patch in zip(added, patches, strict=True):
        for row in rows:
            key = trimmed(str(row[find_column(key_name, row) or key_name]))
            add[key] = row
            remove.pop(key, None)
        for member in map(trimmed, patch.remove):
            add.pop(member, None)
            remove[member] = None
    return list(add.values()), list(remove)


def _appended(previous: Manifest, file: StoredFile) -> Manifest:
    """Append a delta, even if there is no base: only a delta records who was removed."""
    return Manifest(previous.base, (*previous.deltas, file))


async def _compacted(platform: Platform, work: Work, manifest: Manifest) -> Manifest:
    out = platform.engine.scratch_file(".parquet")
    local = await fetch_manifest(platform.objects, manifest)
    try:
        stats = await platform.engine.run(compact_members, local, out, lane=lane_of(manifest.rows))
        key = _snapshot_key(work, "base")
        base = await store_file(platform.objects, out, key, stats.rows)
    finally:
        out.unlink(missing_ok=True)
    return Manifest(base=(base,))


async def _compare(platform: Platform, work: Work, manifest: Manifest) -> Comparison:
    before = Manifest.from_json(work.previous.manifest if work.previous else None)
    previous = await fetch_manifest(platform.objects, before) if work.previous else None
    now = await fetch_manifest(platform.objects, manifest)
    return await platform.engine.run(
        compare_members, previous, now, lane=lane_of(before.rows + manifest.rows)
    )


def _snapshot_key(work: Work, name: str) -> str:
    folder = audience_folder(work.run.space_id, work.run.audience_id)
    return fresh_key(f"{folder}/snapshots/{work.run.id}", name)
