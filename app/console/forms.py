"""What a form sends: its fields, and the checks that it comes from a page of this service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from urllib.parse import parse_qs

from starlette.requests import Request

from app.console.cookies import from_here, is_form_token
from app.console.multipart import MULTIPART, SentFile, read_multipart
from app.core.errors import Forbidden, Invalid, PayloadTooLarge, UnsupportedMediaType
from app.services.platform import Platform

FORM_TOKEN = "form_token"  # noqa: S105  the name of a field
_MOST_FIELDS = 1000
_TYPE = "application/x-www-form-urlencoded"


async def read_form(
    request: Request, platform: Platform, nonce: str
) -> Mapping[str, Sequence[str]]:
    """Read the fields of a form: ``{name: values}``.

    Raises Forbidden if another site sent it or if its token is not the visitor's; Invalid for a NUL character;
    PayloadTooLarge; UnsupportedMediaType.
    """
    _check_sender(request, platform, _TYPE)
    fields = parse_qs(
        (await _read(request, platform.settings.max_body_bytes)).decode("utf-8", "replace"),
        keep_blank_values=True,
        max_num_fields=_MOST_FIELDS,
    )
    return _checked(fields, platform, nonce)


async def read_file_form(
    request: Request, platform: Platform, nonce: str, body: AsyncIterator[bytes]
) -> tuple[Mapping[str, Sequence[str]], SentFile]:
    """Read the fields of a form, ``{name: values}``, and check them before its file is read. Returns them and the file.

    Raises the errors of :func:`read_form`, and BadRequest if the form cannot be read.
    """
    _check_sender(request, platform, MULTIPART)
    fields, file = await read_multipart(
        request.headers["content-type"],
        body,
        most_bytes=platform.settings.max_body_bytes,
        most_fields=_MOST_FIELDS,
    )
    return _checked(fields, platform, nonce), file


def _check_sender(request: Request, platform: Platform, wanted: str) -> None:
    if not from_here(request, platform.settings):
        raise Forbidden("Another site sent this form. Open the page here, and send it again.")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != wanted:
        raise UnsupportedMediaType(f"This form is sent as {wanted}.")


def _checked(
    fields: dict[str, list[str]], platform: Platform, nonce: str
) -> Mapping[str, Sequence[str]]:
    given = fields.pop(FORM_TOKEN, [""])[-1]
    if not is_form_token(platform.keyring, nonce, given):
        raise Forbidden(
            "This form is no longer valid, because you signed in anew. Reload the page, and send it again."
        )
    if any("\x00" in value for values in fields.values() for value in values):
        raise Invalid("A field of the form contains a NUL character.")
    return fields


async def _read(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit:
            raise PayloadTooLarge(f"A form has at most {limit} bytes.")
    return bytes(body)
