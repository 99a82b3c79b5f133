"""A client of the ten operations, as strict as the strictest of Segment's SDKs about what it is answered.

From Python's SDK: scalars are not coerced, required fields are, closed enumerations are. From Java's: a key that is
not known is refused, the envelope's too. From TypeScript's: errors are read from ``errors[0]``, whatever the status.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

ALPHA = "application/vnd.segment.v1alpha+json"
PLAIN = "application/json"


class Model(BaseModel):
    """Strict, closed, and in camelCase."""

    model_config = ConfigDict(strict=True, extra="forbid", alias_generator=to_camel)


M = TypeVar("M", bound=Model)


class Pagination(Model):
    current: str
    next: str | None = None
    previous: str | None = None
    total_entries: int | float | None = None


class IdSync(Model):
    external_id: str
    strategy: str
    map_to: str | None = None


class Reference(Model):
    id: str


class Metadata(Model):
    id: str
    name: str
    slug: str


class SimpleDestination(Model):
    id: str
    name: str | None = None
    source_id: str
    enabled: bool
    created_at: str
    updated_at: str
    settings: dict[str, Any]
    destination_id: str
    metadata: Metadata | None = None
    id_sync_configuration: list[IdSync] | None = None
    connection_settings: Any = None


class Entity(Model):
    properties: list[str]
    relationship_slug: str


class Profile(Model):
    properties: list[str]
    mapping: dict[str, str] | None = None


class Personalization(Model):
    profile: Profile
    entities: list[Entity] | None = None
    sync_entity_property_changes: bool | None = None


class ActionMapping(Model):
    action_id: str
    settings: dict[str, Any] | None = None


class Activation(Model):
    id: str
    enabled: bool
    workspace_id: str
    space_id: str
    audience_id: str
    connection_id: str
    activation_type: str
    activation_name: str
    display_name: str | None = None
    personalization: Personalization
    destination_mapping: ActionMapping | None = None
    perform_resync: bool | None = None


class Supported(Model):
    destinations: dict[str, Any]
    pagination: Pagination | None = None


class Added(Model):
    connection: Reference
    id_sync_configuration: list[IdSync]
    connection_settings: Any = None


class Updated(Model):
    destination: Reference
    id_sync_configuration: list[IdSync] | None = None
    connection_settings: Any = None


class Connections(Model):
    connections: list[SimpleDestination]
    pagination: Pagination | None = None


class Removed(Model):
    status: Literal["SUCCESS"]


class OneActivation(Model):
    activation: Activation


class Activations(Model):
    activations: list[Activation]
    pagination: Pagination | None = None


class ErrorEntry(Model):
    type: str
    message: str | None = None
    field: str | None = None
    data: Any = None
    status: int | float | None = None


class Refused(Exception):
    """A response that is not 2xx, parsed as the SDKs parse it."""

    def __init__(self, status: int, error: ErrorEntry) -> None:
        super().__init__(f"{status} {error.type}: {error.message}")
        self.status = status
        self.error = error


@dataclass(frozen=True)
class Dialect:
    """How one SDK sends: its media types, and a page on the query string."""

    name: str
    accept: str
    content_type: str
    pages: Literal["json", "brackets", "dots"]

    def page(self, count: int, cursor: str | None) -> dict[str, str]:
        """The query parameters of a page."""
        fields: dict[str, Any] = {"cursor": cursor, "count": count}
        given = {name: value for name, value in fields.items() if value is not None}
        if self.pages == "json":
            return {"pagination": json.dumps(given)}
        form = "pagination[{}]" if self.pages == "brackets" else "pagination.{}"
        return {form.format(name): str(value) for name, value in given.items()}


PYTHON = Dialect("python", ALPHA, ALPHA, "json")
TYPESCRIPT = Dialect("typescript", PLAIN, PLAIN, "brackets")
GO = Dialect("go", PLAIN, ALPHA, "brackets")
JAVA = Dialect("java", ALPHA, ALPHA, "dots")


class StrictClient:
    """The ten operations."""

    def __init__(self, http: httpx.AsyncClient, token: str, dialect: Dialect) -> None:
        self._http = http
        self._token = token
        self._dialect = dialect

    async def list_supported_destinations(
        self, space: str, audience_type: str, **query: str
    ) -> Supported:
        path = f"/spaces/{_(space)}/audienceType/{_(audience_type)}/supported-destinations"
        return await self._call(Supported, "GET", path, query=query)

    async def add_destination(self, space: str, audience: str, body: Any) -> Added:
        return await self._call(Added, "POST", _connections(space, audience), body=body)

    async def list_destinations(
        self, space: str, audience: str, count: int = 200, cursor: str | None = None
    ) -> Connections:
        query = self._dialect.page(count, cursor)
        return await self._call(Connections, "GET", _connections(space, audience), query=query)

    async def update_destination(
        self, space: str, audience: str, connection: str, body: Any
    ) -> Updated:
        path = f"{_connections(space, audience)}/{_(connection)}"
        return await self._call(Updated, "PATCH", path, body=body)

    async def remove_destination(self, space: str, audience: str, connection: str) -> Removed:
        return await self._call(
            Removed, "DELETE", f"{_connections(space, audience)}/{_(connection)}"
        )

    async def add_activation(
        self, space: str, audience: str, connection: str, body: Any
    ) -> Activation:
        path = f"{_connections(space, audience)}/{_(connection)}/activations"
        return (await self._call(OneActivation, "POST", path, body=body)).activation

    async def list_activations(
        self, space: str, audience: str, count: int = 200, cursor: str | None = None
    ) -> Activations:
        query = self._dialect.page(count, cursor)
        return await self._call(Activations, "GET", _activations(space, audience), query=query)

    async def get_activation(self, space: str, audience: str, activation: str) -> Activation:
        path = f"{_activations(space, audience)}/{_(activation)}"
        return (await self._call(OneActivation, "GET", path)).activation

    async def update_activation(
        self, space: str, audience: str, activation: str, body: Any
    ) -> Activation:
        path = f"{_activations(space, audience)}/{_(activation)}"
        return (await self._call(OneActivation, "PATCH", path, body=body)).activation

    async def remove_activation(self, space: str, audience: str, activation: str) -> Removed:
        return await self._call(
            Removed, "DELETE", f"{_activations(space, audience)}/{_(activation)}"
        )

    async def _call(
        self,
        model: type[M],
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> M:
        headers = {"Accept": self._dialect.accept, "Authorization": f"Bearer {self._token}"}
        content = None
        if body is not None:
            headers["Content-Type"] = self._dialect.content_type
            content = json.dumps(body)
        elif method == "DELETE":
            content = ""
        answer = await self._http.request(
            method, path, params=dict(query or {}), headers=headers, content=content
        )
        return self._read(model, answer)

    def _read(self, model: type[M], answer: httpx.Response) -> M:
        found = json.loads(answer.content)
        if answer.status_code >= 300:
            assert set(found) == {"errors"}, found
            assert answer.headers["content-type"] == PLAIN
            raise Refused(answer.status_code, ErrorEntry.model_validate(found["errors"][0]))
        assert answer.status_code == 200, answer.status_code
        assert set(found) == {"data"}, found
        assert answer.headers["content-type"] == self._dialect.accept
        return model.model_validate(found["data"])


def _(segment: str) -> str:
    return quote(segment, safe="")


def _connections(space: str, audience: str) -> str:
    return f"/spaces/{_(space)}/audiences/{_(audience)}/destination-connections"


def _activations(space: str, audience: str) -> str:
    return f"/spaces/{_(space)}/audiences/{_(audience)}/activations"
