"""Bodies of operations on the options of spaces."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from app.contract.extensions.base import Output, StrictInput
from app.core.described import about

_WORDS = (
    'Further words that mean "no value" in identifiers, compared with the whole value in any case. At most 100, each of up '
    "to 100 characters. They count for members that are read from now on."
)


class SpaceOptionsPatch(StrictInput):
    """Changes to the options of a space. A list replaces the stored one."""

    absent_words: Annotated[
        list[str] | None,
        Field(description=_WORDS, examples=[["unbekannt", "no-email@example.com"]]),
    ] = None


class SpaceOptionsOutput(Output):
    """The options of a space."""

    absent_words: Annotated[list[str], Field(description=_WORDS, examples=[["unbekannt"]])]


class SpaceOptionsData(Output):
    """The options of a space."""

    options: Annotated[SpaceOptionsOutput, about("The options.")]
