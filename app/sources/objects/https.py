"""A file at an https address."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import format_datetime

from app.connectors.answers import error_for_answer, unconfirmed
from app.connectors.http import OutboundClient
from app.sources.objects.files import FileVersion, Listed, OpenedFile, missing, version_of


class HttpsFiles:
    """One server. The URL, with its parameters, names the one file."""

    def __init__(
        self, http: OutboundClient, url: str, where: str, authorization: str | None
    ) -> None:
        self._http = http
        self._url = url
        self._authorization = authorization
        self.where = where

    def files(self, prefix: str) -> AsyncIterator[Listed]:
        """Raise NotImplementedError: a server does not list its files, and settings refuse patterns."""
        raise NotImplementedError(prefix)

    @asynccontextmanager
    async def open(
        self, name: str, path: str, known: FileVersion | None
    ) -> AsyncIterator[OpenedFile]:
        """Open the file, unless the server says that it is still the known version."""
        headers = {"accept-encoding": "identity"}
        if self._authorization:
            headers["authorization"] = self._authorization
        if known is not None and known.etag:
            headers["if-none-match"] = known.etag
        elif known is not None and known.modified_at:
            headers["if-modified-since"] = format_datetime(known.modified_at, usegmt=True)
        request = self._http.build_request("GET", self._url, headers=headers)
        async with self._http.download(request) as response:
            if response.status_code == 304 and known is not None:
                yield OpenedFile(version_of(response, path, known), None)
                return
            if response.status_code == 404:
                raise missing(path)
            if response.status_code != 200:
                raise error_for_answer(response, partner=self.where) or unconfirmed(
                    response, self.where
                )
            yield OpenedFile(version_of(response, path, None), response)
