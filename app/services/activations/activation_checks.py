"""Warnings about activations, computed from their revision and the columns of the members that they send."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.domain.column_names import meaning
from app.domain.save_warnings import SaveWarning, WarningCode
from app.services.activations.shared_place_checks import shared_place_warnings
from app.services.platform import Platform
from app.services.revision import Revision, read_traits
from app.storage.models import Activation
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.revisions import RevisionRepository
from app.storage.repositories.snapshots import SnapshotRepository


async def activation_warnings(
    session: AsyncSession, platform: Platform, workspace_id: str, activation: Activation
) -> Sequence[SaveWarning]:
    """Return the warnings about an activation; those about members are empty until an audience has been computed."""
    found = [*_mail_warnings(platform.settings, activation)]
    found += await _trait_warnings(session, activation)
    found += await shared_place_warnings(session, platform.keyring, workspace_id, activation)
    return found


def _mail_warnings(settings: Settings, activation: Activation) -> Iterator[SaveWarning]:
    wanted = activation.options.get("notifications") or {}
    if wanted.get("emails") and settings.smtp_url is None:
        yield SaveWarning(
            WarningCode.MAIL_WITHOUT_SMTP,
            "notifications.emails",
            "No mail is sent, because the service has no mail server. Set ACTIVATIONS_SMTP_URL, or name a signed webhook "
            "in notifications.destinationId.",
        )


async def _trait_warnings(session: AsyncSession, activation: Activation) -> Sequence[SaveWarning]:
    stored = await RevisionRepository(session).get(activation.space_id, activation.revision_id)
    assert stored is not None  # noqa: S101  a foreign key
    columns_of = await _columns(session, activation)
    found = {
        (field, name): columns
        for field, name in _names(Revision.parse(stored.config))
        for known in columns_of
        if len(columns := meaning(name, known)[1]) > 1
    }
    return [_ambiguous(field, name, columns) for (field, name), columns in found.items()]


async def _columns(session: AsyncSession, activation: Activation) -> Sequence[Collection[str]]:
    """Return the names of the traits and identifiers in the newest snapshot of each audience that the activation sends."""
    repository = SnapshotRepository(session)
    sources = await AudienceRepository(session).sources_of(activation.space_id, activation.id)
    ids = [audience.snapshot_id for audience in sources if audience.snapshot_id is not None]
    found = [await repository.get(activation.space_id, snapshot) for snapshot in ids]
    return [(*snapshot.traits, *snapshot.identifiers) for snapshot in found if snapshot is not None]


def _names(revision: Revision) -> Iterator[tuple[str, str]]:
    """Yield each name of a trait in a revision, after the field that names it."""
    for index, name in enumerate(revision.properties):
        yield f"personalization.profile.properties.{index}", name
    for key, value in revision.mapping.items():
        for path in read_traits(replace(revision, mapping={key: value})) or ():
            yield f"/destinationMapping/settings/{key}", path
    if revision.consent:
        yield "consent", revision.consent


def _ambiguous(field: str, name: str, columns: Sequence[str]) -> SaveWarning:
    return SaveWarning(
        WarningCode.AMBIGUOUS_TRAIT,
        field,
        f"{name} may mean the columns {', '.join(sorted(columns))}; none of them is used. "
        f"Name the column exactly, or rename one of the columns to {name}.",
    )
