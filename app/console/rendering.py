"""Templates: their environment, and what each of them may use."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any

from jinja2 import Environment
from starlette.responses import HTMLResponse

from app.console import code_words, column_choices, column_words, words
from app.console.calls_in_words import on_page
from app.console.files import address
from app.console.navigation import NAVIGATION
from app.console.shapes import shape_of
from app.console.shown_faults import faults_above
from app.console.uploads import USUAL_CHARSETS
from app.console.visits import space_link
from app.core.page_policy import CONSOLE_HEADERS
from app.core.pages import TEMPLATES, environment
from app.core.version import VERSION
from app.domain.file_options import DELIMITERS
from app.domain.setting_labels import setting_label
from app.services.activations import all_definitions
from app.services.audiences import run_notes

_HEADERS = {**CONSOLE_HEADERS, "Cache-Control": "no-store"}


@cache
def _environment() -> Environment:
    made = environment(TEMPLATES)
    made.filters.update(
        number=words.number,
        signed=words.signed,
        duration=words.duration,
        distance=words.distance,
        utc=words.utc_text,
        short_time=words.short_time,
        plural=words.plural,
        last_ones=words.last_ones,
        with_unit=words.with_unit,
        as_json=words.as_json,
        type_words=column_words.type_words,
        setting_label=setting_label,
        lower_first=words.lower_first,
        on_page=on_page,
        with_chosen=words.with_chosen,
        with_own=words.with_own,
        in_words=code_words.code_words,
        key_words=code_words.key_words,
        budget_words=code_words.budget_words,
        actor_words=code_words.actor_words,
        upper_first=code_words.upper_first,
        partner_name=partner_name,
    )
    made.globals.update(
        file=address,
        version=VERSION,
        csv_choices={"delimiters": DELIMITERS, "charsets": USUAL_CHARSETS},
        percent=words.percent,
        code_words=code_words.WORDS,
        modes_once=code_words.modes_once,
        has_fault=words.has_fault,
        audience_kind=column_choices.audience_kind,
        faults_above=faults_above,
        examples=column_words.examples,
        converted_to=column_words.converted_to,
        navigation=NAVIGATION,
        seconds=lambda count: timedelta(seconds=count),
        shape_of=shape_of,
        space_link=space_link,
        run_notes=run_notes,
    )
    return made


def partner_name(slug: str) -> str:
    """Return the name of a destination of the catalogue, such as "Klaviyo"; its slug if the catalogue has no such destination."""
    return next((one.name for one in all_definitions() if one.slug == slug), slug)


def render(
    template: str,
    values: Mapping[str, Any],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """Render a template as a response with the headers of the console."""
    text = _environment().get_template(template).render(values)
    return HTMLResponse(text, status, {**_HEADERS, **(headers or {})})
