"""The sandbox's web page: what the emulators received, and forms that switch faults on and off."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import orjson
from jinja2 import Environment

from app.core.clock import to_wire
from app.core.page_policy import CONSOLE_HEADERS
from app.core.pages import KEPT_BY_BROWSERS, STATIC, TEMPLATES, environment, file_address
from app.core.version import VERSION
from app.sandbox.content import Content, list_of, shown_member
from app.sandbox.fault_form import FormFaults, read_fault
from app.sandbox.faults import KINDS
from app.sandbox.recorder import Received
from app.sandbox.server import Request, Response

PREFIX = "/_control/page"
_STATIC_PREFIX = f"{PREFIX}/static"
_FILES = (
    "console.css",
    "console.js",
    "favicon.svg",
    "vendor/htmx.min.js",
    "vendor/pico.min.css",
)
_HEADERS = {
    **CONSOLE_HEADERS,
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Type": "text/html; charset=utf-8",
}
_REQUESTS = 20
_MEMBERS = 50
_LIVE_MEMBERS = 50_000  # a longer list is not read every two seconds
_SHOWN_BYTES = 200_000
_FORM = "application/x-www-form-urlencoded"


class Page:
    """The pages below ``/_control/page``. Each shows what an operation of the control API returns."""

    def __init__(self, content: Content) -> None:
        self._content = content

    def respond(self, request: Request, path: list[str]) -> Response:
        """Return a page or a file, or carry out a form. ``path`` is the path below the prefix, in parts."""
        if request.method == "POST":
            return self._post(request, path)
        names = self._content.services
        match (request.method, *path):
            case ("GET",):
                return self._overview()
            case ("GET", "static", *rest) if "/".join(rest) in _FILES:
                return _file("/".join(rest))
            case ("GET", "faults"):
                return self._faults({"service": request.parameter("service") or ""})
            case ("GET", "stores") if self._content.stores:
                return self._show(
                    "sandbox_stores.html",
                    "Stores",
                    "/stores",
                    {"stores": self._content.shown_stores()},
                    api=["/stores"],
                )
            case ("GET", name) if name in names:
                return self._emulator(name)
            case ("GET", name, "requests", number) if name in names and number.isdecimal():
                return self._request(name, int(number))
            case ("GET", name, "lists", list_id) if name in names:
                return self._members(name, list_id, request)
            case _:
                return self._missing("This page does not exist.")

    def _post(self, request: Request, path: list[str]) -> Response:
        """Carry out a form. A browser sends its Origin, which the control API has compared with this host."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if "origin" not in request.headers or kind != _FORM:
            return self._missing("Only the forms of this page may be sent here.", 403)
        given = dict(parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True))
        names = self._content.services
        match path:
            case ["faults"]:
                return self._switch_on(given)
            case ["faults", "off"]:
                if given.get("number", "").isdecimal():
                    self._content.faults.remove(int(given["number"]))
                else:
                    self._content.faults.clear()
                return _redirect("/faults")
            case ["refusals"] if given.get("service") in names:
                self._refuse(given)
                return _redirect("/faults")
            case [name, "reset"] if name in names:
                names[name].reset()
                return _redirect(f"/{name}")
            case _:
                return self._missing("This form does not exist.")

    # Pages

    def _overview(self) -> Response:
        found = self._content.overview()
        values = {**found, "switched_on": len(found["faults"])}
        return self._show("sandbox_overview.html", "Sandbox", "", values, ["/overview"])

    def _emulator(self, name: str) -> Response:
        content, service = self._content, self._content.services[name]
        names = content.list_names(name)
        faults = [one for one in content.faults.listed() if one["service"] in (None, name)]
        values = {
            "service": content.service(name),
            "lists_title": service.lists_title,
            "hint": service.settings_hint,
            "lists": sorted(service.lists(), key=lambda one: names[str(one["id"])].casefold()),
            "names": names,
            "violations": content.violations(name),
            "requests": [
                _shown_request(one, names)
                for one in reversed(content.recorder.latest(name, _REQUESTS))
            ],
            "counters": {
                key: value for key, value in service.stats().items() if isinstance(value, int)
            },
            "switched_on": len(faults),
            "refused": service.refused,
        }
        parts = ("lists", "violations", f"requests?limit={_REQUESTS}", "stats", "rejections")
        return self._show(
            "sandbox_emulator.html",
            service.title,
            f"/{name}",
            values,
            [f"/{name}/{one}" for one in parts],
        )

    def _members(self, name: str, list_id: str, request: Request) -> Response:
        search = request.parameter("search") or ""
        given = request.parameter("page") or "1"
        number = max(1, int(given)) if given.isdecimal() and len(given) < 10 else 1
        found = self._content.members(name, list_id, search, _MEMBERS, (number - 1) * _MEMBERS)
        if found is None:
            return self._missing("This list does not exist, or no longer.")
        path = f"/{name}/lists/{quote(list_id, safe='')}"
        count = found["count"]
        values = {
            "service": {"name": name, "title": self._content.services[name].title},
            "list_id": list_id,
            "members": [shown_member(one) for one in found["members"]],
            "count": count,
            "search": search,
            "first": (number - 1) * _MEMBERS + 1,
            "address": PREFIX + path,
            "here": _with_query(PREFIX + path, search=search, page=number if number > 1 else ""),
            "previous": _with_query(PREFIX + path, search=search, page=number - 1)
            if number > 1
            else None,
            "next": _with_query(PREFIX + path, search=search, page=number + 1)
            if number * _MEMBERS < count
            else None,
            "is_live": count <= _LIVE_MEMBERS,
        }
        title = self._content.list_names(name).get(list_id, list_id)
        api = _with_query(
            f"{path}/members", search=search, limit=_MEMBERS, offset=(number - 1) * _MEMBERS
        )
        return self._show("sandbox_members.html", title, path, values, [api])

    def _request(self, name: str, number: int) -> Response:
        found = self._content.recorder.one(name, number)
        if found is None:
            return self._missing("This request is no longer kept, or it was not received.")
        values = {
            "service": {"name": name, "title": self._content.services[name].title},
            "request": _shown_request(found, self._content.list_names(name)),
            "headers": found.request.headers,
            "body": _readable(found.request.body),
            "response_headers": found.response.headers,
            "response_body": _readable(found.response.body),
        }
        path = f"/{name}/requests/{number}"
        return self._show("sandbox_request.html", f"Request {number}", path, values, [path])

    def _faults(
        self,
        given: Mapping[str, str],
        faults: Mapping[str, list[str]] | None = None,
    ) -> Response:
        services = self._content.services
        values = {
            "on": self._content.faults.listed(),
            "used": self._content.faults.used,
            "kinds": KINDS,
            "given": given,
            "refusals": {name: one.refused for name, one in services.items() if one.refused},
        }
        return self._show(
            "sandbox_faults.html",
            "Faults",
            "/faults",
            values,
            ["/faults", "/faults/kinds"],
            faults=faults or {},
        )

    def _missing(self, text: str, status: int = 404) -> Response:
        title = "Not found" if status == 404 else "Not permitted"
        return self._show("sandbox_missing.html", title, "", {"text": text}, [], status=status)

    # Forms

    def _switch_on(self, given: Mapping[str, str]) -> Response:
        try:
            self._content.faults.add(read_fault(given, self._content.services))
        except FormFaults as error:
            return self._faults(given, error.faults)
        return _redirect("/faults")

    def _refuse(self, given: Mapping[str, str]) -> None:
        """Set the members that an emulator refuses, through its control operation."""
        ids = given.get("ids", "").split("\n")
        body: dict[str, Any] = {"ids": [one.strip() for one in ids if one.strip()]}
        if given.get("reason", "").strip():
            body["reason"] = given["reason"].strip()
        request = Request("POST", "", "", {}, orjson.dumps(body))
        self._content.services[given["service"]].control("POST", ["rejections"], request)

    def _show(
        self,
        template: str,
        title: str,
        path: str,
        values: Mapping[str, Any],
        api: list[str],
        *,
        faults: Mapping[str, list[str]] | None = None,
        status: int = 200,
    ) -> Response:
        text = (
            _environment()
            .get_template(template)
            .render(
                {
                    "here": PREFIX + path,
                    **values,
                    "title": title,
                    "api": [f"/_control{one}" for one in api],
                    "faults": faults or {},
                    "services_by_name": self._content.services,
                    "has_stores": bool(self._content.stores),
                    "host": next(iter(self._content.urls.values()), ""),
                }
            )
        )
        return Response(422 if faults else status, text.encode(), dict(_HEADERS))


def _shown_request(received: Received, names: Mapping[str, str]) -> dict[str, Any]:
    request = received.request
    return {
        "number": received.number,
        "at": received.at,
        "method": request.method,
        "url": request.url,
        "status": received.response.status,
        "bytes": len(request.body),
        "list": list_of(request.path, names),
    }


def _readable(body: bytes) -> str:
    """Return a body as text, JSON with indents; only the first 200,000 bytes."""
    try:
        text = orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2)
    except orjson.JSONDecodeError:
        text = body
    shown = text[:_SHOWN_BYTES].decode(errors="replace")
    return (
        shown
        if len(text) <= _SHOWN_BYTES
        else f"{shown}\n… {len(text) - _SHOWN_BYTES:,} more bytes"
    )


def _with_query(path: str, **values: object) -> str:
    query = urlencode({name: value for name, value in values.items() if value != ""})
    return f"{path}?{query}" if query else path


def _redirect(path: str) -> Response:
    return Response(303, b"", {**_HEADERS, "Location": PREFIX + path})


@cache
def _file(name: str) -> Response:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    headers = {**_HEADERS, "Cache-Control": KEPT_BY_BROWSERS, "Content-Type": kind}
    return Response(200, (STATIC / name).read_bytes(), headers)


@cache
def _environment() -> Environment:
    made = environment(Path(__file__).parent / "templates", TEMPLATES)
    made.filters.update(
        number="{:,}".format,
        wire=to_wire,
        quoted=lambda text: quote(text, safe=""),
        text=lambda value: orjson.dumps(value).decode(),
    )
    made.globals.update(
        file=lambda name: file_address(_STATIC_PREFIX, name),
        version=VERSION,
        prefix=PREFIX,
        kinds=KINDS,
    )
    return made
