"""The sandbox's web page: shows what the emulators received, and switches faults on and off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import quote

from app.sandbox.faults import KINDS

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Sandbox</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem }}
th, td {{ text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #8884; vertical-align: top }}
code {{ overflow-wrap: anywhere }}
label {{ margin-right: 1rem }}
</style>
<h1>Sandbox</h1>
<p>Emulated partners. Reload the page to see new requests.</p>
{services}
<h2 id="faults">Faults</h2>
{faults}
<form id="fault">
<label>Emulator <select name="service"><option value="">all</option>{names}</select></label>
<label>Kind <select name="kind">{kinds}</select></label>
<label>Status <input name="status" type="number" value="500" min="100" max="599"></label>
<label>Retry-After <input name="retry_after" type="number" min="0"></label>
<label>Seconds <input name="seconds" type="number" value="0" min="0" step="0.1"></label>
<label>Times <input name="times" type="number" min="1"></label>
<button>Switch on</button> <button type="button" id="clear">Switch all off</button>
</form>
<p id="message" role="status"></p>
<script src="/_control/page.js" defer></script>
</html>
"""

# A file of its own: the policy of the page allows no script within it.
SCRIPT = """const message = document.getElementById("message");
async function call(method, body) {
  const response = await fetch("/_control/faults", {method, body: body && JSON.stringify(body)});
  if (response.ok) location.reload(); else message.textContent = (await response.json()).error;
}
document.getElementById("fault").addEventListener("submit", event => {
  event.preventDefault();
  const fault = {};
  for (const [name, value] of new FormData(event.target))
    if (value !== "") fault[name] = ["kind", "service"].includes(name) ? value : Number(value);
  call("POST", fault);
});
document.getElementById("clear").addEventListener("click", () => call("DELETE"));
"""


def render_page(overviews: Sequence[Mapping[str, Any]], faults: Sequence[Mapping[str, Any]]) -> str:
    """Return the page as HTML, with an overview of each emulator and the faults that are switched on."""
    return _PAGE.format(
        services="".join(map(_service, overviews)),
        faults=_table(
            ("kind", "emulator", "status", "times left"),
            [(f["kind"], f["service"] or "all", f["status"], f["times"] or "-") for f in faults],
        ),
        names="".join(f"<option>{escape(one['name'])}</option>" for one in overviews),
        kinds="".join(
            f'<option title="{escape(text)}">{kind}</option>' for kind, text in KINDS.items()
        ),
    )


def _service(overview: Mapping[str, Any]) -> str:
    name = escape(overview["name"])
    links = [
        (
            f'<a href="/_control/{name}/lists/{quote(str(one["id"]), safe="")}/members">{escape(str(one["id"]))}</a>',
            escape(str(one.get("name", ""))),
            escape(str(one.get("members", ""))),
        )
        for one in overview["lists"]
    ]
    requests = [
        (r["method"], f"<code>{escape(r['url'])}</code>", str(r["status"]))
        for r in reversed(overview["requests"])
    ]
    return (
        f"<h2>{name}</h2><p><code>{escape(overview['url'])}</code></p>"
        + _raw_table(("list", "name", "members"), links)
        + _table(("counter", "value"), list(overview["stats"].items()))
        + _raw_table(("method", "request", "status"), requests)
    )


def _table(heads: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> str:
    return _raw_table(heads, [tuple(escape(str(cell)) for cell in row) for row in rows])


def _raw_table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return "<p>None.</p>"
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
