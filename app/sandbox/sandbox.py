"""The sandbox: each emulator listens on its own port, and each port serves the control API."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Iterable, Mapping
from pathlib import Path
from urllib.parse import quote, unquote

from app.sandbox.braze import BrazeEmulator
from app.sandbox.content import Content
from app.sandbox.faults import KINDS, Faults, with_fault
from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.page import Page
from app.sandbox.receiver import WebhookReceiver
from app.sandbox.recorder import Recorder
from app.sandbox.server import Cut, Listener, Outcome, Request, Response, json_response
from app.sandbox.service import Service
from app.sandbox.talon_one import TalonOneEmulator

CONTROL = "/_control"


class Sandbox:
    """All emulators of one process.

    The control API on each port: ``GET /_control``, ``/_control/overview``, ``/_control/stores``;
    ``GET|POST|DELETE /_control/faults``, ``GET …/faults/kinds``, ``DELETE …/faults/{number}``;
    ``GET /_control/{service}/lists``, ``…/lists/{id}/members?search=&limit=&offset=``, ``…/violations``, ``…/stats``,
    ``…/requests?limit=&after=``, ``…/requests/{number}``, ``…/rejections``; ``POST /_control/{service}/reset`` and
    further operations of the emulator. ``/_control/page`` is a web page.
    """

    def __init__(
        self,
        services: Iterable[Service] | None = None,
        *,
        record: Path | None = None,
        seed: int = 0,
    ) -> None:
        self.services: dict[str, Service] = {
            service.name: service for service in (services or default_services())
        }
        self.faults = Faults(seed)
        self.recorder = Recorder(record)
        self.urls: dict[str, str] = {}
        self.content = Content(self.services, self.faults, self.recorder, self.urls)
        self._page = Page(self.content)
        self._listeners: list[Listener] = []

    async def start(
        self, host: str = "127.0.0.1", ports: Mapping[str, int] | None = None
    ) -> dict[str, str]:
        """Start all emulators. An emulator without a port takes a free one. Returns ``{name: url}``."""
        for name in self.services:
            listener = Listener(_Front(self, name))
            self._listeners.append(listener)
            self.urls[name] = await listener.start(host, (ports or {}).get(name, 0))
        return self.urls

    async def stop(self) -> None:
        """Stop listening."""
        for listener in self._listeners:
            await listener.stop()
        self._listeners.clear()
        self.recorder.close()

    async def __aenter__(self) -> Sandbox:
        await self.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.stop()

    def control(self, request: Request) -> Response:
        """Carry out one operation of the control API."""
        if _of_another_site(request):
            return json_response(403, {"error": "a page of another site may not use the controls"})
        raw = (request.raw_path or quote(request.path)).removeprefix(CONTROL)
        path = [unquote(part) for part in raw.split("/") if part]
        if path[:1] == ["page"]:
            return self._page.respond(request, path[1:])
        try:
            return self._control(request, path)
        except (KeyError, ValueError, TypeError) as error:
            return json_response(422, {"error": f"{type(error).__name__}: {error}"})

    def _control(self, request: Request, path: list[str]) -> Response:
        match (request.method, *path):
            case ("GET",):
                return json_response(200, {"services": self.urls, "pid": os.getpid()})
            case ("GET", "overview"):
                return json_response(200, self.content.overview())
            case ("GET", "stores"):
                return json_response(200, {"stores": self.content.shown_stores()})
            case (_, "faults", *rest):
                return self._faults_control(request, rest)
            case (_, name, *rest) if name in self.services:
                return self._service_control(self.services[name], request, rest)
            case _:
                return _missing(f"no such operation; emulators: {', '.join(self.services)}")

    def _faults_control(self, request: Request, path: list[str]) -> Response:
        match (request.method, *path):
            case ("GET",):
                return json_response(
                    200, {"faults": self.faults.listed(), "used": self.faults.used}
                )
            case ("GET", "kinds"):
                kinds = [
                    {"kind": kind, "title": title, "text": text}
                    for kind, (title, text) in KINDS.items()
                ]
                return json_response(200, {"kinds": kinds})
            case ("POST",):
                given = request.json()
                for fault in given if isinstance(given, list) else [given]:
                    self.faults.add(fault)
                return json_response(201, {"faults": self.faults.listed()})
            case ("DELETE",):
                self.faults.clear()
                return json_response(200, {"faults": []})
            case ("DELETE", number):
                self.faults.remove(int(number))
                return json_response(200, {"faults": self.faults.listed()})
            case _:
                return _missing("no such operation")

    def _service_control(self, service: Service, request: Request, path: list[str]) -> Response:
        match (request.method, *path):
            case ("GET", "lists"):
                return json_response(200, {"lists": service.lists()})
            case ("GET", "lists", list_id, "members"):
                most = request.parameter("limit")
                found = self.content.members(
                    service.name,
                    list_id,
                    request.parameter("search") or "",
                    int(most) if most else None,
                    int(request.parameter("offset") or 0),
                )
                return json_response(200, found) if found else _missing("no such list")
            case ("GET", "violations"):
                return json_response(200, self.content.violations(service.name))
            case ("GET", "rejections"):
                return json_response(200, {"rejections": service.refused})
            case ("GET", "stats"):
                return json_response(200, service.stats())
            case ("GET", "requests"):
                limit = int(request.parameter("limit") or 100)
                after = int(request.parameter("after") or 0)
                return json_response(
                    200, {"requests": self.recorder.listed(service.name, limit, after)}
                )
            case ("GET", "requests", number):
                one = self.recorder.one(service.name, int(number))
                return json_response(200, one.as_json()) if one else _missing("no such request")
            case ("POST", "reset"):
                service.reset()
                return json_response(200, {"ok": True})
            case _:
                pass
        response = service.control(request.method, path, request)
        return response or _missing("no such operation")


def _missing(error: str) -> Response:
    return json_response(404, {"error": error})


def _of_another_site(request: Request) -> bool:
    """Return whether a browser sends the request for a page of another origin."""
    origin = request.headers.get("origin")
    return origin is not None and origin != f"http://{request.headers.get('host', '')}"


class _Front:
    """The handler of one port: dispatches control operations, applies faults, and records requests."""

    def __init__(self, sandbox: Sandbox, name: str) -> None:
        self._sandbox = sandbox
        self._name = name
        self._service = sandbox.services[name]

    def __call__(self, request: Request) -> Outcome | Awaitable[Outcome]:
        if request.path.startswith(CONTROL):
            return self._sandbox.control(request)
        fault = self._sandbox.faults.take(self._name, request)
        if fault is None:
            return self._recorded(request, self._service.handle(request))
        outcome = with_fault(fault, request, self._service.handle)
        if isinstance(outcome, Response | Cut):
            return self._recorded(request, outcome)
        return self._recorded_later(request, outcome)

    def _recorded(self, request: Request, outcome: Outcome) -> Outcome:
        response = outcome.response if isinstance(outcome, Cut) else outcome
        self._sandbox.recorder.record(self._name, request, response)
        return outcome

    async def _recorded_later(self, request: Request, outcome: Awaitable[Outcome]) -> Outcome:
        return self._recorded(request, await outcome)


def default_services() -> list[Service]:
    """Return one emulator of each kind."""
    return [WebhookReceiver(), KlaviyoEmulator(), BrazeEmulator(), TalonOneEmulator()]
