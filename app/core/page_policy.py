"""The policy of every page that the service or the sandbox shows in a browser."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# No other origins, no inline scripts, no frames. The explorer sets style attributes and draws data: images.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": _POLICY,
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
)

# X-Content-Type-Options is added by the server to each response. The console sets no style attributes. Its forms send Origin, which "no-referrer" would remove.
_CONSOLE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
CONSOLE_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": _CONSOLE_POLICY,
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
)

ERROR_PAGE = "activations.error_page"
"""In the ASGI scope of a page: the function that shows an error response as a page, in place of JSON."""
