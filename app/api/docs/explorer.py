"""The API explorer at ``/docs`` and the documents that it reads. It needs no files from other hosts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.responses import FileResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from app.api.docs.openapi import openapi_document
from app.api.edge import ApiRouter
from app.core.json_bytes import to_json
from app.core.page_policy import PAGE_HEADERS

FOLDER = Path(__file__).parent / "static" / "docs"


class _Files(StaticFiles):
    """The explorer's files, its page among them, under the explorer's policy."""

    def file_response(self, *arguments: Any, **named: Any) -> Response:
        """Return a file with the headers of the explorer."""
        response = super().file_response(*arguments, **named)
        response.headers.update(PAGE_HEADERS)
        return response


async def docs(request: Request) -> Response:
    """Return the page of the explorer."""
    return FileResponse(FOLDER / "index.html", media_type="text/html", headers=PAGE_HEADERS)


def _served(view: str) -> Route:
    async def endpoint(request: Request) -> Response:
        documents: dict[str, bytes] = request.app.state.documents
        if view not in documents:
            router: ApiRouter = request.app.router
            documents[view] = to_json(openapi_document(router.operations, view))
        return Response(documents[view], media_type="application/json")

    path = "/openapi.json" if view == "everything" else f"/openapi/{view}.json"
    return Route(path, endpoint)


explorer_router = APIRouter(
    routes=[
        Route("/docs", docs),
        _served("everything"),
        _served("segment"),
        Mount("/docs", _Files(directory=FOLDER)),
    ]
)
