"""Requests to erase a person, and their state."""

from __future__ import annotations

import re

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.crypto import Keyring
from app.core.errors import Conflict, Invalid, NotFound
from app.core.ids import new_id
from app.core.pagination import Page, PageRequest
from app.domain.erasure_states import WORDS, Awaited, ErasureState
from app.domain.text_forms import folded, trimmed
from app.services.erasure.names import Asked, seal_names
from app.services.platform import wake_erase
from app.services.tenancy import accept_key, record_event, refuse_keys
from app.snapshots.membership import IDENTIFIERS
from app.storage.models import Erasure
from app.storage.repositories.erasures import ErasureRepository
from app.storage.repositories.spaces import SpaceRepository

_LONGEST = 512
_TYPED = re.compile(rf"({'|'.join(map(re.escape, IDENTIFIERS))}):(.+)", re.DOTALL)


def parse_name(text: str) -> Asked:
    """Parse a profile id, or an identifier with its type before a colon: ``email:ada@example.com``. Raises Invalid."""
    if not trimmed(text) or len(text) > _LONGEST or not text.isprintable():
        raise Invalid(f"id: 1 to {_LONGEST} printable characters", field="id")
    typed = _TYPED.fullmatch(text)
    kind, name = (typed[1], typed[2]) if typed else (None, text)
    return Asked(folded(name), kind, spelled=(trimmed(name),))


async def request_erasure(
    session: AsyncSession, keyring: Keyring, *, space_id: str, name: str, refuse: bool, actor: str
) -> Erasure:
    """Begin the erasure of a person. Returns the open erasure of the name if there is one.

    Raises Invalid if the name is not usable; Conflict if an erasure of the person ends at this moment.
    """
    asked = parse_name(name)
    repository = ErasureRepository(session)
    digest = keyring.sign("erasure", f"{space_id}\0{asked.kind or ''}\0{asked.text}".encode())
    erasure_id = new_id("ers")
    workspace_id = await SpaceRepository(session).workspace_of(space_id)
    is_new = await repository.begin(
        space_id=space_id,
        id=erasure_id,
        digest=digest,
        person=seal_names(keyring, workspace_id, erasure_id, asked),
        refuse=refuse,
        state=ErasureState.NEW,
        requested_by=actor,
    )
    if is_new:
        await record_event(
            session,
            space_id=space_id,
            type="Profile Erasure Requested",
            actor=actor,
            resource_type="erasure",
            resource_id=erasure_id,
            resource_name=erasure_id,
        )
    erasure = await repository.open_with(space_id, digest)
    if erasure is None:
        raise Conflict("An erasure of this person has just ended; send the request again.")
    if refuse:
        erasure.refuse = True
        await refuse_keys(session, keyring, space_id, [asked.text], erasure.id)
    erasure.next_at = None
    await session.flush()
    await session.refresh(erasure)
    wake_erase(session, erasure)
    return erasure


def describe_wait(reason: str) -> str:
    """Return in words what an erasure waits for."""
    return WORDS[Awaited(reason)]


async def get_erasure(session: AsyncSession, space_id: str, erasure_id: str) -> Erasure:
    """Read an erasure of a space. Raises NotFound."""
    return await ErasureRepository(session).require(space_id, erasure_id)


async def page_erasures(
    session: AsyncSession, space_id: str, request: PageRequest
) -> Page[Erasure]:
    """Return a page of the erasures of a space, oldest first."""
    return await ErasureRepository(session).page(space_id, request=request)


async def accept_again(
    session: AsyncSession, keyring: Keyring, *, space_id: str, name: str, actor: str
) -> None:
    """Accept an id or identifier that was refused. Raises NotFound if it is not refused."""
    asked = parse_name(name)
    if not await accept_key(session, keyring, space_id, asked.text):
        raise NotFound(
            "This key is not refused in the space. Keys are compared without regard to case."
        )
    await record_event(
        session,
        space_id=space_id,
        type="Refused Key Accepted",
        actor=actor,
        resource_type="space",
        resource_id=space_id,
        resource_name=space_id,
    )
