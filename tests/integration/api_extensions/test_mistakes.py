"""Ordinary mistakes, each with the response that it gets: what is wrong, where, and the way out.

A row is a request and what its response must say. A row without ``status`` is accepted with a warning, which the header counts
and the operation ``checks`` lists.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any

import httpx

from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.sandbox import Sandbox
from app.services.platform.platform import Platform
from tests.integration.api_extensions.conftest import Tenant
from tests.integration.api_extensions.mistakes import (
    AUDIENCES,
    CONTENT,
    CSV,
    DEFINITION,
    MAPPING,
    NEW,
    ONE,
    OPTIONS,
    SCHEDULES,
    Mistake,
    activation,
    mapped,
    query,
)
from tests.integration.api_extensions.silences import SILENCES
from tests.integration.api_extensions.supply import supply

HEADER = "X-Activations-Warnings"
KEYS = {"type", "message", "field", "data", "status"}  # of the contract
#: Words of the libraries, which say nothing to the author of a request.
FOREIGN = re.compile(
    r"Input should|Extra inputs|Field required|Traceback|pydantic|Binder|Catalog|None\b|String should"
)


REQUESTS = (
    Mistake("slash at the end", "GET", "audiences/", ["Without the slash at its end"], status=404),
    Mistake("version in the path", "GET", "http://service/v1/spaces", ["begin without /v1", "/spaces", "Accept"], status=404),
    Mistake("misspelt path", "GET", "audience", ["Did you mean /spaces/", "/audiences?"], status=404),
    Mistake("misspelt part", "GET", ONE + "/delivery-option", ["Did you mean", "/delivery-options?"], status=404),
    Mistake("unknown path", "GET", "http://service/nothing/here", ["There is no path /nothing/here", "/docs"], status=404),
    Mistake("wrong method", "PUT", AUDIENCES, ["does not support PUT", "GET", "POST"], status=405),
    Mistake("broken JSON", "POST", AUDIENCES, ["not valid JSON", "line 2, column 10"], b'{"name": 1,\n "query" 2}', 400),
    Mistake("comma at the end of JSON", "POST", AUDIENCES, ["line 1, column 12"], b'{"name": 1,}', 400),
    Mistake("NaN", "POST", AUDIENCES, ["NaN is not a number in JSON"], b'{"name": NaN}', 400),
    Mistake("no body", "POST", AUDIENCES, ["JSON body is required"], b"", 400),
    Mistake("a list as body", "POST", AUDIENCES, ["body must be a JSON object"], [], 422),
    Mistake("a form", "POST", AUDIENCES, ["application/json"], b"name=x", 415, headers=(("Content-Type", "application/x-www-form-urlencoded"),)),
    Mistake("Accept of a browser", "GET", AUDIENCES, ["application/json"], status=406, headers=(("Accept", "text/html"),)),
    Mistake("no token", "GET", AUDIENCES, ["Authorization: Bearer"], status=401, headers=(("Authorization", ""),)),
    Mistake("wrong token", "GET", AUDIENCES, ["token"], status=401, headers=(("Authorization", "Bearer act_x"),)),
    Mistake("token of a reader", "DELETE", "audiences/{supplied}", ["write"], status=403, headers=(("Authorization", "Bearer {reader}"),)),
    Mistake("unknown id", "GET", "audiences/aud_nope", ["There is no audience aud_nope", "Check the id"], status=404),
    Mistake("unknown space", "GET", "http://service/spaces/spa_nope/audiences", ["There is no space spa_nope"], status=404),
    Mistake("count is no number", "GET", "audiences?pagination[count]=many", ['"pagination.count" must be a whole number, not text'], status=422, field="pagination.count"),
    Mistake("count is too large", "GET", "audiences?pagination[count]=500", ["200"], status=422, field="pagination.count"),
    Mistake("misspelt filter", "GET", "activations?activty=error", ["is not a parameter here", "Did you mean activity?", "audienceId"], status=422, field="activty"),
    Mistake("a filter that is not there", "GET", "datasets/{customers}?fields=name", ["is not a parameter here", "Leave it out"], status=422, field="fields"),
    Mistake("empty filter", "GET", "syncs?status=", ["must be one of new, pending", "not empty"], status=422, field="status"),
    Mistake("a filter twice", "GET", "syncs?activationId=a&activationId=b", ["must be given once"], status=422, field="activationId"),
    Mistake("a flag in another word", "PUT", CONTENT + "?allowBreaking=yes", ["true or false", "yes"], b"id\n1\n", 422, "allowBreaking", headers=(("Content-Type", CSV),)),
    Mistake("broken cursor", "GET", "audiences?pagination[count]=5&pagination[cursor]=x", ["cursor", "next"], status=422, field="pagination.cursor"),
)  # fmt: skip

DEFINITIONS = (
    Mistake("name is missing", "POST", AUDIENCES, ['"name" is required'], {"definition": {"query": ""}, "audienceType": "USERS"}, 422, "name"),
    Mistake("name is a number", "POST", AUDIENCES, ['"name" must be text, not a number'], query("", name=3), 422, "name"),
    Mistake("type in small letters", "POST", AUDIENCES, ["USERS, ACCOUNTS, LINKED", "Did you mean USERS?"], query("", audienceType="Users"), 422, "audienceType"),
    Mistake("two columns of one name", "POST", AUDIENCES, ["more than one column email", "email_2"], query("SELECT id AS profile_id, email, Email FROM customers"), 422, DEFINITION),
    Mistake("text in double quotes", "POST", AUDIENCES, ["there is no column ann@example.com", "single quotes: 'ann@example.com'"], query('SELECT id AS profile_id FROM customers WHERE email = "ann@example.com"'), 422, DEFINITION),
    Mistake("SQL syntax", "POST", AUDIENCES, ["Line 2, column 1", "FORM"], query("SELECT id AS profile_id\nFORM customers WHERE x"), 422, DEFINITION),
    Mistake("unknown dataset", "POST", AUDIENCES, ["Line 1, column 32", "no dataset custmers", "Did you mean customers?", "customers"], query("SELECT id AS profile_id\t\nFROM \tcustmers"[:0] + "SELECT id AS profile_id   FROM custmers"), 422, DEFINITION),
    Mistake("unknown dataset, disabled", "POST", AUDIENCES, ["no dataset custmers"], query("SELECT id AS profile_id FROM custmers", enabled=False), 422, DEFINITION),
    Mistake("misspelt column", "POST", AUDIENCES, ["Line 2, column 3", "no column emial", "Did you mean email?"], query("SELECT id AS profile_id,\n  emial FROM customers"), 422, DEFINITION),
    Mistake("misspelt column of an alias", "POST", AUDIENCES, ["Line 1", "emial", "Did you mean email?"], query("SELECT c.id AS profile_id, c.emial FROM customers c"), 422, DEFINITION),
    Mistake("misspelt column in a preview", "POST", "audiences/previews", ["no column emial"], {"audienceType": "USERS", "definition": {"query": "SELECT id AS profile_id, emial FROM customers"}}, 422, DEFINITION),
    Mistake("no profile_id", "POST", AUDIENCES, ["no column profile_id", "id, email", "AS profile_id"], query("SELECT id, email FROM customers"), 422, DEFINITION),
    Mistake("profile_id is a number", "POST", AUDIENCES, ["profile_id", "DECIMAL(18,1)", "CAST(", "AS VARCHAR) AS profile_id"], query("SELECT spent AS profile_id FROM customers"), 422, DEFINITION),
    Mistake("no entity_id", "POST", AUDIENCES, ["entity_id"], query("SELECT id AS profile_id FROM customers", audienceType="LINKED"), 422, DEFINITION),
    Mistake("unknown function", "POST", AUDIENCES, ["Line 1, column 8", "trimm", "trim"], query("SELECT trimm(id) AS profile_id FROM customers"), 422, DEFINITION),
    Mistake("text added to a number", "POST", AUDIENCES, ["sum(VARCHAR)"], query("SELECT email AS profile_id, sum(email) AS s FROM customers GROUP BY email"), 422, DEFINITION),
    Mistake("no GROUP BY", "POST", AUDIENCES, ["GROUP BY"], query("SELECT id AS profile_id, count(*) AS n FROM customers"), 422, DEFINITION),
    Mistake("the clock", "POST", AUDIENCES, ["now", "$as_of"], query("SELECT id AS profile_id FROM customers WHERE spent > now()"), 422, DEFINITION),
    Mistake("unknown parameter", "POST", AUDIENCES, ["$as_of", "$today"], query("SELECT id AS profile_id, $today AS d FROM customers"), 422, DEFINITION),
    Mistake("two statements", "POST", AUDIENCES, ["exactly one SELECT"], query("SELECT id AS profile_id FROM customers; SELECT 1"), 422, DEFINITION),
    Mistake("DELETE", "POST", AUDIENCES, ["SELECT"], query("DELETE FROM customers"), 422, DEFINITION),
    Mistake("Segment's language", "POST", AUDIENCES, ["Segment's own query language", "SELECT"], query("event('Purchased').count() >= 1"), 422, DEFINITION),
    Mistake("a file", "POST", AUDIENCES, ["Files cannot be read"], query("SELECT * FROM 'people.csv'"), 422, DEFINITION),
    Mistake("database that is none", "POST", AUDIENCES, ["shop", "POST"], query("-- run in: shop\nSELECT 1"), 422, DEFINITION),
    Mistake("an empty preview", "POST", "audiences/previews", ["nothing to preview"], {"audienceType": "USERS", "definition": {"query": ""}}, 422, DEFINITION),
    Mistake("dataset without content", "POST", AUDIENCES, ["pending", "no content", "PUT"], query("SELECT id AS profile_id FROM pending"), code="dataset_without_content", field=DEFINITION),
    Mistake("unknown interval", "POST", SCHEDULES, ["15m, 30m"], {"strategy": "PERIODIC", "config": {"interval": "5m"}}, 422, "config.interval"),
    Mistake("days by name", "POST", SCHEDULES, ["0 to 6", "Sunday"], {"strategy": "SPECIFIC_DAYS", "config": {"days": ["Monday"], "hours": [3], "timezone": "UTC"}}, 422, "config.days"),
    Mistake("a city as zone", "POST", SCHEDULES, ["Did you mean Europe/Berlin?"], {"strategy": "SPECIFIC_DAYS", "config": {"days": [1], "hours": [3], "timezone": "Berlin"}}, 422, "config.timezone"),
    Mistake("schedule of supplied members", "POST", "audiences/{supplied}/schedules", ["supplied", "definition"], {"strategy": "PERIODIC", "config": {"interval": "1h"}}, 409),
    Mistake("run of supplied members", "POST", "audiences/{supplied}/runs", ["supplied", "PUT"], {}, 409),
    Mistake("audience in use", "DELETE", "audiences/{supplied}", ["{connection}"], status=409),
)  # fmt: skip

DATA = (
    Mistake("unknown field", "POST", "datasets", ["not a field here", "Did you mean kind?", "name, kind, source"], {"name": "x", "kinds": "upload", "kind": "upload"}, 422, "kinds"),
    Mistake("unknown kind", "POST", "datasets", ["upload", "postgres"], {"name": "x", "kind": "csv"}, 422, "kind"),
    Mistake("name with blanks", "POST", "datasets", ["letters, digits and underscores"], {"name": "my customers", "kind": "upload"}, 422, "name"),
    Mistake("name of the engine's", "POST", "datasets", ["duckdb_", "Choose another"], {"name": "DuckDB_orders", "kind": "upload"}, 422, "name"),
    Mistake("name in use", "POST", "datasets", ["customers", "{customers}", "upper and lower case"], {"name": "Customers", "kind": "upload"}, 409, "name"),
    Mistake("header only", "PUT", CONTENT, ["Buyers", "{computed}", "allowBreaking=true"], b"id,email,spent\n", 409, headers=(("Content-Type", CSV),)),
    Mistake("a column less", "PUT", CONTENT, ["email", "Buyers", "{computed}", "allowBreaking=true"], b"id,mail,spent\n1,a@b.de,3\n", 409, headers=(("Content-Type", CSV),)),
    Mistake("another type", "PUT", CONTENT, ["spent", "{computed}", "allowBreaking=true"], b"id,email,spent\na1,a@b.de,12 euros\n", 409, headers=(("Content-Type", CSV),)),
    Mistake("a workbook as CSV", "PUT", CONTENT, ["Excel", "CSV"], b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00[Content_Types].xml" + bytes(50), 422, headers=(("Content-Type", CSV),)),
    Mistake("unknown content type", "PUT", CONTENT, ["text/csv"], b"id\n1\n", 415, headers=(("Content-Type", "text/plain"),)),
    Mistake("dataset in use", "DELETE", "datasets/{customers}", ["Buyers", "{computed}"], status=409),
    Mistake("content of an audience without ids", "PUT", "audiences/{supplied}/members", ["profile_id", "mail"], b"mail\na@b.de\n", 422, headers=(("Content-Type", CSV),)),
    Mistake("members of a computed audience", "PUT", "audiences/{computed}/members", ["definition"], b"profile_id\np1\n", 409, headers=(("Content-Type", CSV),)),
)  # fmt: skip

PARTNERS = (
    Mistake("misspelt partner", "POST", "destinations", ["Did you mean klaviyo?", "braze"], {"slug": "klavyo", "name": "K"}, 422, "slug"),
    Mistake("no key", "POST", "destinations", ['"settings.api_key" is required'], {"slug": "klaviyo", "name": "K"}, 422, "settings.api_key"),
    Mistake("misspelt setting", "POST", "destinations", ["Did you mean api_key?"], {"slug": "klaviyo", "name": "K", "settings": {"apikey": "pk_1", "api_key": "pk_1"}}, 422, "settings.apikey"),
    Mistake("public key", "POST", "destinations", ["pk_"], {"slug": "klaviyo", "name": "K", "settings": {"api_key": "AbC123"}}, 422, "settings.api_key"),
    Mistake("a private address", "POST", "destinations", ["its address is not public", "ACTIVATIONS_OUTBOUND_ALLOW"], {"slug": "webhook", "name": "W", "settings": {"url": "https://10.0.0.7/in"}}, 422, "settings.url"),
    Mistake("a bucket with its scheme", "POST", "destinations", ["not in the right form", "shop-audiences"], {"slug": "s3", "name": "S", "settings": {"bucket": "s3://shop"}}, 422, "settings.bucket"),
    Mistake("a delimiter in words", "POST", "destinations", ['one of ","', '"\\t"'], {"slug": "file-download", "name": "F", "settings": {"delimiter": "tab"}}, 422, "settings.delimiter"),
    Mistake("no URL", "POST", "destinations", ["https://"], {"slug": "webhook", "name": "W", "settings": {"url": "hooks.example.com"}}, 422, "settings.url"),
        Mistake("unknown list", "POST", "audiences/{supplied}/destination-connections", ["no list ZZZZZZ", "upper and lower case", "/destinations/{klaviyo}/lists"], {"destination": {"id": "{klaviyo}", "type": "destination"}, "connectionSettings": {"list_id": "ZZZZZZ"}}, 422, "connectionSettings.list_id"),
    Mistake("unknown connection setting", "POST", "audiences/{computed}/destination-connections", ["list_id"], {"destination": {"id": "{klaviyo}", "type": "destination"}, "connectionSettings": {"list": "ABCDEF"}}, 422, "connectionSettings.list"),
    Mistake("warehouse", "POST", "audiences/{supplied}/destination-connections", ["warehouses are not supported"], {"destination": {"id": "{webhook}", "type": "warehouse"}}, 422, "destination.type"),
    Mistake("connected twice", "POST", "audiences/{supplied}/destination-connections", ["{connection}"], {"destination": {"id": "{webhook}", "type": "destination"}}, 409, "destination.id"),
    Mistake("unknown account", "POST", "audiences/{supplied}/destination-connections", ["no destination d1"], {"destination": {"id": "d1", "type": "destination"}}, 404),
    Mistake("account in use", "DELETE", "destinations/{webhook}", ["{supplied}"], status=409),
    Mistake("connection in use", "DELETE", "audiences/{supplied}/destination-connections/{connection}", ["{activation}"], status=409),
)  # fmt: skip

ACTIVATIONS = (
    Mistake("unknown activation type", "POST", NEW, ["Audience Entered", "Did you mean Audience Entered?"], activation(activationType="Audience Enter"), 422, "activationType"),
    Mistake("unknown action", "POST", NEW, ["webhook-send"], activation(destinationMapping={"actionId": "webhook-sent"}), 422, "destinationMapping.actionId"),
    Mistake("unknown directive", "POST", NEW, ["@pth", "Did you mean @path?"], mapped(data={"x": {"@pth": "$.a"}}), 422, MAPPING + "/data/x"),
    Mistake("Liquid syntax", "POST", NEW, ["Liquid", "line 1"], mapped(data={"x": {"@liquid": "{{ traits.city | }"}}), 422, MAPPING + "/data/x/@liquid"),
    Mistake("Liquid filter", "POST", NEW, ["upcse", "Did you mean upcase?"], mapped(data={"x": {"@liquid": "{{ traits.city | upcse }}"}}), 422, MAPPING + "/data/x/@liquid"),
    Mistake("Liquid tag", "POST", NEW, ["for"], mapped(data={"x": {"@liquid": "{% for a in b %}{% endfor %}"}}), 422, MAPPING + "/data/x/@liquid"),
    Mistake("text as number", "POST", NEW, ["must be a whole number, not text"], mapped(batch_size="100"), 422, MAPPING + "/batch_size"),
    Mistake("unknown method", "POST", NEW, ["POST, PUT, PATCH", "Did you mean POST?"], mapped(method="post"), 422, MAPPING + "/method"),
    Mistake("displayName", "POST", NEW, ["warehouses"], activation(displayName="x"), 400, "displayName"),
    Mistake("entities of users", "POST", NEW, ["linked audiences"], activation(personalization={"profile": {"properties": []}, "entities": [{"relationshipSlug": "a", "properties": []}]}), 400, "personalization.entities"),
    Mistake("unknown trait", "POST", NEW, ["ciyt", "Did you mean city?"], activation(personalization={"profile": {"properties": ["ciyt"]}}), code="unknown_trait", field="personalization.profile.properties.0"),
    Mistake("path to nothing", "POST", NEW, ["traits.ciyt", "Did you mean city?"], mapped(data={"x": {"@path": "$.traits.ciyt"}}), code="unknown_path", field=MAPPING + "/data"),
    Mistake("path beside the event", "POST", NEW, ["trait.city", "traits"], mapped(data={"x": {"@path": "$.trait.city"}}), code="unknown_path", field=MAPPING + "/data"),
    Mistake("a template without its end", "POST", NEW, ["begins a name with {{", "End the name with }}"], mapped(data={"x": {"@template": "{{traits.city"}}), code="unclosed_template", field=MAPPING + "/data"),
    Mistake("unknown mapping field", "POST", NEW, ["dta", "Did you mean data?"], mapped(dta={"x": 1}), code="unknown_field", field=MAPPING + "/dta"),
)  # fmt: skip

DELIVERY = (
    Mistake("misspelt option", "PATCH", OPTIONS, ["not a field here", "Did you mean split?"], {"splits": None, "split": None}, 422, "splits"),
    Mistake("minute 61", "PATCH", OPTIONS, ["minute", "61", "0 to 59"], {"frequency": {"type": "cron", "expression": "61 * * * *"}}, 422, "frequency.expression"),
    Mistake("cron with seconds", "PATCH", OPTIONS, ["five fields, not 6", "seconds"], {"frequency": {"type": "cron", "expression": "0 0 6 * * *"}}, 422, "frequency.expression"),
    Mistake("a nickname of cron", "PATCH", OPTIONS, ["five fields", "0 0 * * *"], {"frequency": {"type": "cron", "expression": "@daily"}}, 422, "frequency.expression"),
    Mistake("31 February", "PATCH", OPTIONS, ["no such day"], {"frequency": {"type": "cron", "expression": "0 6 31 2 *"}}, 422, "frequency.expression"),
    Mistake("unknown frequency", "PATCH", OPTIONS, ["on_run, once, daily, interval, cron"], {"frequency": {"type": "hourly"}}, 422, "frequency.type"),
    Mistake("field of another frequency", "PATCH", OPTIONS, ["daily", "at, zone"], {"frequency": {"type": "daily", "at": "06:30", "minutes": 5}}, 422, "frequency.minutes"),
    Mistake("a time with a.m.", "PATCH", OPTIONS, ["06:30"], {"frequency": {"type": "daily", "at": "6:30 am"}}, 422, "frequency.at"),
    Mistake("an offset as zone", "PATCH", OPTIONS, ["Europe/Berlin"], {"frequency": {"type": "daily", "at": "06:30", "zone": "+02:00"}}, 422, "frequency.zone"),
    Mistake("a percentage as text", "PATCH", OPTIONS, ["number from 0 to 100"], {"brake": {"maxRemovalPercent": "30%"}}, 422, "brake.maxRemovalPercent"),
    Mistake("misspelt limit", "PATCH", OPTIONS, ["Did you mean maxRemovalPercent?"], {"brake": {"maxRemovalsPercent": 30}}, 422, "brake.maxRemovalsPercent"),
    Mistake("unknown mode", "PATCH", OPTIONS, ["maintain, append, remove"], {"mode": "sync"}, 422, "mode"),
    Mistake("a list of a webhook", "PATCH", OPTIONS, ["webhook", "no lists"], {"list": {"id": "L1"}}, 422, "list"),
    Mistake("unknown event", "PATCH", OPTIONS, ["failed"], {"notifications": {"emails": ["a@b.de"], "on": ["fail"]}}, 422, "notifications.on"),
    Mistake("mail without a mail server", "PATCH", OPTIONS, ["ACTIVATIONS_SMTP_URL"], {"notifications": {"emails": ["a@b.de"]}}, code="mail_without_smtp", field="notifications.emails"),
    Mistake("notices of another space", "PATCH", OPTIONS, ["must be the id of a destination", "nope"], {"notifications": {"destinationId": "nope"}}, 422, "notifications.destinationId"),
    Mistake("a share as percentage", "PATCH", OPTIONS, ["0.3 per cent", "write 30"], {"brake": {"maxRemovalPercent": 0.3}}, code="percent_below_one", field="brake.maxRemovalPercent"),
    Mistake("a test send of nobody", "POST", ONE + "/test-sends", ["profileId"], {}, 422),
    Mistake("daily, and never computed", "PATCH", "audiences/{computed}/activations/{daily}/delivery-options", ["{computed}", "schedule"], {"frequency": {"type": "daily", "at": "06:30"}}, code="clocks_do_not_fit", field="frequency"),
    Mistake("approve what is not on hold", "POST", ONE + "/syncs/syn_1/approve", ["no sync syn_1"], {}, 404),
    Mistake("unknown kind of sync", "POST", ONE + "/syncs", ["incremental, resync", "Did you mean resync?"], {"kind": "resnc"}, 422, "kind"),
)  # fmt: skip


async def data(api: httpx.AsyncClient, method: str, path: str, **options: Any) -> Any:
    answer = await api.request(method, path, **options)
    assert answer.status_code == 200, (path, answer.text)
    return answer.json()["data"]


async def make_scene(
    api: httpx.AsyncClient, platform: Platform, tenant: Tenant, klaviyo: str
) -> dict[str, str]:
    """Create what the mistakes are about. Returns the ids by name."""
    ids = {"reader": tenant.reader}
    for name in ("customers", "pending"):
        made = await data(api, "POST", "datasets", json={"name": name, "kind": "upload"})
        ids[name] = made["dataset"]["id"]
    rows = b"id,email,spent\na1,ann@example.com,3.5\na2,bob@example.com,4\n"
    await data(api, "PUT", CONTENT.format(**ids), content=rows, headers={"Content-Type": CSV})
    sql = query("SELECT id AS profile_id, email, spent FROM customers")
    for name, body in (("supplied", query("")), ("computed", sql)):
        ids[name] = (await data(api, "POST", AUDIENCES, json=body))["audience"]["id"]
    people = b"profile_id,email,city\np1,ann@example.com,Bonn\n"
    await supply(api, platform, tenant, ids["supplied"], people)
    accounts = {
        "webhook": {"url": "http://127.0.0.1:9/in"},
        "klaviyo": {"api_key": "pk_sandbox", "base_url": klaviyo},
    }
    for slug, settings in accounts.items():
        body = {"slug": slug, "name": slug, "settings": settings}
        ids[slug] = (await data(api, "POST", "destinations", json=body))["destination"]["id"]
    for name, connection, audience in (
        ("activation", "connection", "supplied"),
        ("daily", "other", "computed"),
    ):
        path = f"audiences/{ids[audience]}/destination-connections"
        body = {"destination": {"id": ids["webhook"], "type": "destination"}}
        ids[connection] = (await data(api, "POST", path, json=body))["connection"]["id"]
        path = f"{path}/{ids[connection]}/activations"
        ids[name] = (await data(api, "POST", path, json=activation()))["activation"]["id"]
    return ids


async def sent(api: httpx.AsyncClient, mistake: Mistake, ids: dict[str, str]) -> httpx.Response:
    headers = {name: _filled(value, ids) for name, value in mistake.headers}
    content = mistake.body
    if content is not None and not isinstance(content, bytes):
        content = _filled(json.dumps(content), ids).encode()
        headers.setdefault("Content-Type", "application/json")
    return await api.request(
        mistake.method, _filled(mistake.path, ids), content=content, headers=headers
    )


def _filled(text: str, ids: dict[str, str]) -> str:
    for name, value in ids.items():
        text = text.replace(f"{{{name}}}", value)
    return text


async def faults_of(api: httpx.AsyncClient, mistake: Mistake, ids: dict[str, str]) -> list[str]:
    """Return what is wrong with the response to a mistake."""
    answer = await sent(api, mistake, ids)
    if answer.status_code != mistake.status:
        return [f"status {answer.status_code}, not {mistake.status}: {answer.text[:300]}"]
    if mistake.status == 200:
        found = await warnings_of(api, mistake, answer, ids)
        entries = [one for one in found if one["code"] == mistake.code]
    else:
        entries = answer.json()["errors"]
        if not all(set(one) <= KEYS for one in entries):
            return [f"other keys than the contract's: {answer.text}"]
    return _unsaid(mistake, entries, ids)


async def warnings_of(
    api: httpx.AsyncClient, mistake: Mistake, answer: httpx.Response, ids: dict[str, str]
) -> list[dict[str, Any]]:
    """Return the warnings about what was saved: from ``checks``, or from the response of an operation of this service."""
    saved = answer.json()["data"]
    if "warnings" in saved:
        found: list[dict[str, Any]] = saved["warnings"]
    else:
        (kind,) = saved
        path = (
            AUDIENCES
            + "/"
            + (
                saved[kind]["id"]
                if kind == "audience"
                else "{supplied}/activations/" + saved[kind].get("id", "{activation}")
            )
        )
        found = (await data(api, "GET", _filled(path, ids) + "/checks"))["warnings"]
    assert answer.headers.get(HEADER) == str(len(found)), (
        mistake.name,
        answer.headers,
        found,
    )
    return found


def _unsaid(mistake: Mistake, entries: list[dict[str, Any]], ids: dict[str, str]) -> list[str]:
    if os.environ.get("SHOW"):
        print(f"{mistake.name:35}", *(one["message"] for one in entries), sep=" | ")
    fitting = [one for one in entries if one.get("field") == mistake.field]
    if not fitting:
        return [f"no entry about {mistake.field}: {entries}"]
    message = str(fitting[0]["message"])
    missing = [part for part in mistake.says if _filled(part, ids) not in message]
    faults = [f"does not say {part!r}: {message}" for part in missing]
    if FOREIGN.search(message):
        faults.append(f"words of a library: {message}")
    if not re.match(r'[A-Z"/@]|[a-z_]+[A-Z(_]', message) or message[-1] not in ".?!":
        faults.append(f"not a sentence: {message}")
    return faults


async def test_each_mistake_gets_a_response_that_says_what_where_and_the_way_out(
    api: httpx.AsyncClient, platform: Platform, tenant: Tenant
) -> None:
    klaviyo = KlaviyoEmulator()
    klaviyo.account.new_list("Spring sale", "AbCdEf")
    async with Sandbox([klaviyo]) as sandbox:
        ids = await make_scene(api, platform, tenant, sandbox.urls["klaviyo"])
        mistakes = (*REQUESTS, *DEFINITIONS, *DATA, *PARTNERS, *ACTIVATIONS, *DELIVERY, *SILENCES)
        found = {one.name: await faults_of(api, one, ids) for one in mistakes}
    assert len(found) == len(mistakes) >= 60
    wrong = [f"{name}: {fault}" for name, faults in found.items() for fault in faults]
    assert not wrong, f"{len(wrong)} of {len(mistakes)}\n" + "\n".join(wrong)
