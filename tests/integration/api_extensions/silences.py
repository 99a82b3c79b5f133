"""Mistakes that were once accepted without a word, and had no effect or another one. See ``test_mistakes``."""

from __future__ import annotations

from tests.integration.api_extensions.mistakes import (
    AUDIENCES,
    CONTENT,
    MAPPING,
    NEW,
    OPTIONS,
    Mistake,
    activation,
    mapped,
    query,
)

PARQUET = ("Content-Type", "application/vnd.apache.parquet")
NDJSON = ("Content-Type", "application/x-ndjson")
DATA = MAPPING + "/data"
PAST = {"type": "once", "at": "2020-01-31T06:00:00Z"}

NAMES = (
    Mistake("blank name of an audience", "POST", AUDIENCES, ["no visible character"], query("", name=" \u200b "), code="blank_name", field="name"),
    Mistake("blank name of an activation", "POST", NEW, ["no visible character"], activation(activationName="\t"), code="blank_name", field="activationName"),
    Mistake("blank name of an account", "POST", "destinations", ["must have a visible character"], {"slug": "webhook", "name": "   ", "settings": {"url": "https://a.example.com"}}, 422, "name"),
    Mistake("another blank name of an account", "PATCH", "destinations/{webhook}", ["must have a visible character"], {"name": "\u2003"}, 422, "name"),
    Mistake("blank name of a space", "POST", "http://service/spaces", ["must have a visible character"], {"name": "  "}, 422, "name"),
    Mistake("misspelt field of a space", "POST", "http://service/spaces", ["not a field here", "Did you mean slug?"], {"name": "x", "slugg": "x"}, 422, "slugg"),
    Mistake("blank name of an arm", "PATCH", OPTIONS, ["with a visible one"], {"split": {"arms": [{"name": "A", "weight": 1}, {"name": " ", "weight": 1}]}}, 422, "split.arms.1.name"),
    Mistake("a word of SQL as dataset", "POST", "datasets", ["is a word of SQL", 'FROM "order"'], {"name": "order", "kind": "upload"}, code="name_needs_quotes", field="name"),
    Mistake("a word of SQL without quotes", "POST", AUDIENCES, ["not valid SQL", 'FROM "order"'], query("SELECT id AS profile_id FROM order"), 422, "definition.query"),
)  # fmt: skip

UPLOADS = (
    Mistake("delimiter of Parquet", "PUT", CONTENT + "?delimiter=semicolon", ["is for CSV files", "Parquet", "leave it out"], b"PAR1", 422, "delimiter", headers=(PARQUET,)),
    Mistake("delimiter of NDJSON", "PUT", "audiences/{supplied}/members?delimiter=tab", ["is for CSV files", "NDJSON"], b"{}", 422, "delimiter", headers=(NDJSON,)),
    Mistake("charset of Parquet", "PUT", CONTENT, ["is for files of text", "Parquet"], b"PAR1", 422, "charset", headers=((PARQUET[0], PARQUET[1] + "; charset=windows-1252"),)),
)  # fmt: skip

OF_OPTIONS = (
    Mistake("once, in the past", "PATCH", OPTIONS, ["is past: 2020-01-31 06:00 UTC", "leave it out"], {"frequency": PAST}, 422, "frequency.at"),
    Mistake("events without a recipient", "PATCH", OPTIONS, ["no recipient", "emails or destinationId"], {"notifications": {"on": ["failed"]}}, 422, "notifications"),
    Mistake("a recipient without events", "PATCH", OPTIONS, ["at least one of finished", "{} for no notices"], {"notifications": {"on": [], "emails": ["a@b.de"]}}, 422, "notifications.on"),
)  # fmt: skip

PARTS = (
    Mistake("unknown operator", "POST", NEW, ['"lower" or "upper", not "uper"', "Did you mean upper?"], mapped(data={"x": {"@case": {"operator": "uper", "value": {"@path": "$.traits.city"}}}}), code="mapping_fails", field=DATA + "/x/@case/operator"),
    Mistake("no operator", "POST", NEW, ['needs an "operator"'], mapped(data={"x": {"@case": {"value": {"@path": "$.traits.city"}}}}), code="mapping_fails", field=DATA + "/x/@case"),
    Mistake("no then", "POST", NEW, ['has no "then"'], mapped(data={"x": {"@if": {"exists": {"@path": "$.traits.city"}, "else": 1}}}), code="mapping_without_effect", field=DATA + "/x/@if"),
    Mistake("no condition", "POST", NEW, ['needs "exists" or "blank"'], mapped(data={"x": {"@if": {"then": 1}}}), code="mapping_fails", field=DATA + "/x/@if"),
    Mistake("misspelt option of a directive", "POST", NEW, ["is no option of @replace", "Did you mean ignorecase?"], mapped(data={"x": {"@replace": {"pattern": "a", "value": "abc", "ignoreCase": True}}}), code="mapping_without_effect", field=DATA + "/x/@replace/ignoreCase"),
    Mistake("unknown directive in a list", "POST", NEW, ["unknown directive @pth", "Did you mean @path?"], mapped(data=[{"@pth": "$.traits.city"}]), code="mapping_fails", field=DATA + "/0"),
    Mistake("a path as text", "POST", NEW, ["sent as it is written", '{"@path": "$.traits.city"}'], mapped(data={"x": "$.traits.city"}), code="mapping_without_effect", field=DATA + "/x"),
    Mistake("a template as text", "POST", NEW, ["sent as it is written", '"@template"'], mapped(data={"x": "Hi {{traits.city}}"}), code="mapping_without_effect", field=DATA + "/x"),
    Mistake("Liquid syntax in a literal", "POST", NEW, ["Liquid"], mapped(data={"x": {"@literal": {"@liquid": "{{ traits.city | }"}}}), 422, DATA + "/x/@literal/@liquid"),
)  # fmt: skip

OTHERS = (
    Mistake("days of past data", "POST", AUDIENCES, ["nothing reads it", "$as_of"], query("", options={"backfillEventDataDays": 30}), code="option_without_effect", field="options.backfillEventDataDays"),
    Mistake("entity of users", "POST", AUDIENCES, ["has no entities"], query("", definition={"query": "", "targetEntity": "account"}), code="option_without_effect", field="definition.targetEntity"),
    Mistake("misspelt time of a run", "POST", "audiences/{computed}/runs", ["not a field here", "Did you mean asOf?"], {"asof": "2026-01-31T12:00:00Z"}, 422, "asof"),
    Mistake("name of a trait that is not sent", "POST", NEW, ["plan is not sent", "properties, which has city"], activation(personalization={"profile": {"properties": ["city"], "mapping": {"plan": "tier"}}}), code="option_without_effect", field="personalization.profile.mapping.plan"),
    Mistake("updates without traits", "PATCH", OPTIONS, ["No trait is sent", "properties"], {"updates": True}, code="option_without_effect", field="updates"),
    Mistake("plain http to a name without an address", "POST", "destinations", ["its name has no address now", "ACTIVATIONS_OUTBOUND_ALLOW"], {"slug": "webhook", "name": "W", "settings": {"url": "http://%s.example/in" % ("a" * 64)}}, 422, "settings.url"),
    Mistake("filter by an empty id", "GET", "syncs?activationId=", ["must not be empty", "leave it out"], status=422, field="activationId"),
    Mistake("end before start", "GET", "http://service/audit-changes?startTime=2026-02-01T00:00:00Z&endTime=2026-01-01T00:00:00Z", ["later than"], status=422, field="endTime"),
    Mistake("unknown kind of resource", "GET", "http://service/audit-changes?resourceType=audiences", ["Did you mean audience?"], status=422, field="resourceType"),
)  # fmt: skip

SILENCES = (*NAMES, *UPLOADS, *OF_OPTIONS, *PARTS, *OTHERS)
