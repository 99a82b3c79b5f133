"""A visit: one request for a page, with what its page may use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request

from app.console.cookies import form_token
from app.console.multipart import SentFile
from app.core.errors import Invalid, Problem
from app.core.url_paths import path_part, raw_path
from app.services.platform import Platform, Session
from app.services.tenancy import Caller, ConsoleSession


@dataclass(frozen=True, slots=True)
class SpaceLink:
    """A space in the switcher."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page shows: its template, its title, the view model, and the API's paths for the same content.

    ``section`` is the entry of the navigation that is marked. ``actors`` are those that the page shows with their names.
    """

    template: str
    title: str
    view: Any
    section: str = ""
    api: Sequence[str] = ()
    actors: Sequence[str | None] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """What an action did, in a sentence, and the page that shows it."""

    to: str
    note: str = ""


@dataclass(slots=True)
class Visit:
    """A request for a page by a signed-in visitor, in one transaction."""

    request: Request
    platform: Platform
    signed_in: ConsoleSession
    session: Session
    now: datetime
    spaces: Sequence[SpaceLink] = ()
    space: SpaceLink | None = None
    form: Mapping[str, Sequence[str]] = field(default_factory=dict)
    problems: Sequence[Problem] = ()  # of the form that was sent
    file: SentFile | None = None  # of a form with a file
    actor_names: Mapping[str, str] = field(default_factory=dict)  # of the actors of what is shown

    @property
    def caller(self) -> Caller:
        """The token of the visitor."""
        return self.signed_in.caller

    @property
    def space_id(self) -> str:
        """The space of the path; pages below ``/console/spaces/{spaceId}`` have one."""
        assert self.space is not None  # noqa: S101  routing.py has checked it
        return self.space.id

    @property
    def may_write(self) -> bool:
        """Whether the visitor's token permits changes."""
        return "write" in self.caller.scopes

    @property
    def may_operate(self) -> bool:
        """Whether the visitor's token permits to see and change the installation."""
        return "operator" in self.caller.scopes

    async def end_transaction(self) -> None:
        """End the transaction, so that the visit holds no connection while it waits for a partner or the engine."""
        await self.session.commit()

    def path(self, name: str) -> str:
        """Return a parameter of the path."""
        value: str = self.request.path_params[name]
        return value

    def asked(self, name: str) -> str | None:
        """Return a parameter of the query without blanks around it, None if it is empty. Raises Invalid if it contains NUL."""
        value = self.request.query_params.get(name, "").strip()
        if "\x00" in value:
            raise Invalid(f'"{name}": contains a NUL character', field=name)
        return value or None

    def sent(self, name: str) -> str:
        """Return a field of the form without blanks around it, empty if it was not sent."""
        values = self.form.get(name)
        return values[-1].strip() if values else ""

    def sent_file(self) -> SentFile:
        """Return the file of the form. Raises Invalid if none was chosen."""
        if self.file is None or not self.file.name:
            raise Invalid("Choose a file.", field="file")
        return self.file

    def here(self, **changes: str | None) -> str:
        """Return the address of this page with other parameters in its query; None removes one."""
        params = {**dict(self.request.query_params), **changes}
        kept = {name: value for name, value in params.items() if value}
        path = raw_path(self.request.scope)
        if self.request.method == "POST":  # the address of an action is one below that of its page
            path = path.rpartition("/")[0]
        return f"{path}?{urlencode(kept)}" if kept else path

    def link(self, *parts: str) -> str:
        """Return the address of a page of this space: ``visit.link("syncs")``."""
        return space_link(self.space_id, *parts)

    @property
    def form_token(self) -> str:
        """The token that each form contains."""
        return form_token(self.platform.keyring, self.signed_in.nonce)


def space_link(space_id: str, *parts: str) -> str:
    """Return the address of a page of a space, with each part escaped."""
    return "/".join(["/console/spaces", *map(path_part, (space_id, *parts))])
