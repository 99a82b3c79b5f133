"""The OpenAPI documents and the explorer."""

from app.api.docs.explorer import explorer_router
from app.api.docs.openapi import OPENAPI_FILES, openapi_document

__all__ = [
    "OPENAPI_FILES",
    "explorer_router",
    "openapi_document",
]
