"""Erasure of a person from everything that a space holds, as work that survives crashes (docs/erasure.md)."""

from app.services.erasure.passes import carry_on_erasure
from app.services.erasure.requests import (
    accept_again,
    describe_wait,
    get_erasure,
    page_erasures,
    request_erasure,
)

__all__ = [
    "accept_again",
    "carry_on_erasure",
    "describe_wait",
    "get_erasure",
    "page_erasures",
    "request_erasure",
]
