"""Options of spaces: further words for "no value" in identifiers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Invalid, Problem
from app.domain.absent_words import LONGEST_WORD, MOST_WORDS, word_of
from app.services.tenancy import audit
from app.storage.models import Space
from app.storage.repositories.spaces import SpaceRepository

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


async def set_absent_words(
    session: AsyncSession, workspace_id: str, space_id: str, words: Sequence[str], *, actor: str
) -> Space:
    """Replace a space's own words for "no value". Raises NotFound, and Invalid with a problem for each faulty word.

    They count for members that are read from now on: at the next upload, change or run.
    """
    space = await SpaceRepository(session).require(workspace_id, space_id, lock="update")
    before = space.absent_words
    space.absent_words = _checked(words)
    await session.flush()
    await audit.record_event(
        session,
        workspace_id=workspace_id,
        space_id=space.id,
        type="Space Modified",
        actor=actor,
        resource_type="space",
        resource_id=space.id,
        resource_name=space.name,
        before={"options": {"absentWords": before}},
        after={"options": {"absentWords": space.absent_words}},
    )
    return space


def _checked(words: Sequence[str]) -> list[str]:
    """Return the words in the form in which they are compared, each once. Raises Invalid."""
    if len(words) > MOST_WORDS:
        raise Invalid(f'"absentWords": at most {MOST_WORDS} words', field="absentWords")
    problems = [
        Problem(f'"absentWords.{index}": {fault}', f"absentWords.{index}")
        for index, word in enumerate(words)
        if (fault := _fault(word)) is not None
    ]
    if problems:
        raise Invalid("invalid absentWords", problems=problems)
    return list(dict.fromkeys(map(word_of, words)))


def _fault(word: str) -> str | None:
    if not word_of(word):
        return "an empty word; empty values are absent anyway"
    if len(word) > LONGEST_WORD:
        return f"longer than {LONGEST_WORD} characters"
    if _CONTROL.search(word):
        return "a control character"
    return None
