"""Segment's operations."""

from __future__ import annotations

from fastapi import APIRouter

from app.api.routes import spaces

router = APIRouter()
for _part in (spaces.router,):
    router.routes.extend(_part.routes)
