"""Bodies and signatures of webhook messages: pure functions, with equal bytes on every retry."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from app.connectors.base import Call, Delivery, JsonColumns
from app.core.clock import to_wire
from app.core.exact_numbers import json_default
from app.domain.changes import ChangeKind
from app.domain.sent_fields import with_nulls

MESSAGE_TYPE = "audience.membership.changed"
TEST_TYPE = "webhook.test"
_ORDER = (ChangeKind.ENTERED, ChangeKind.EXITED, ChangeKind.UPDATED)


def batch_body(call: Call, deliveries: Sequence[Delivery], extras: Mapping[str, Any]) -> bytes:
    """Return the batch form: one message with the changes under ``entered``, ``exited`` and ``updated``."""
    # A list has no columns: asking the protocol takes longer than rendering a row.
    if isinstance(deliveries, list) or not isinstance(deliveries, JsonColumns):
        lists = _lists(deliveries)
    else:
        lists = _plain_lists(deliveries)
    message = {
        "type": MESSAGE_TYPE,
        "timestamp": to_wire(call.planned_at),
        "data": {
            "spaceId": call.space_id,
            "audience": {
                "id": call.audience.id,
                "key": call.audience.key,
                "name": call.audience.name,
            },
            "activationId": call.activation_id,
            "syncId": call.sync_id,
            "mode": "resync" if call.resync else "incremental",
            "seq": call.seq,
            "batch": call.number,
            "batches": call.count,
            **lists,
        },
    }
    return encode({**extras, **message})


def _lists(deliveries: Sequence[Delivery]) -> dict[str, Any]:
    lists: dict[str, Any] = {kind.value: [] for kind in _ORDER}
    for delivery in deliveries:
        lists[delivery.kind.value].append(_item(delivery))
    return lists


def _plain_lists(deliveries: JsonColumns) -> dict[str, Any]:
    """Build the bytes of ``_lists`` from columns of JSON texts, without parsing them."""
    kinds, keys, _, identifiers, traits = deliveries.json_columns()
    items: Any = pc.binary_join_element_wise(
        '{"id":',
        _quoted(keys),
        ',"identifiers":',
        pc.fill_null(identifiers, "{}"),
        ',"traits":',
        pc.fill_null(traits, "{}"),
        "}",
        "",
    )
    lists: dict[str, Any] = {}
    for kind in _ORDER:
        chosen = items.filter(pc.is_in(kinds, pa.array([kind.value])))
        whole: Any = pa.ListArray.from_arrays(pa.array([0, len(chosen)], pa.int32()), chosen)
        joined: Any = pc.binary_join(whole, ",")
        text = joined[0].as_py()
        lists[kind.value] = orjson.Fragment(f"[{text}]")
    return lists


def _quoted(texts: Any) -> Any:
    """Return texts as JSON strings. Only quotes, backslashes and control characters need escapes."""
    if pc.any(pc.match_substring_regex(texts, r'["\\\x00-\x1f\x7f]')).as_py():
        return pa.array([orjson.dumps(text).decode() for text in texts.to_pylist()], pa.string())
    return pc.binary_join_element_wise('"', texts, '"', "")


def _item(delivery: Delivery) -> dict[str, Any]:
    values = _values(delivery)
    item = {"id": delivery.key, "identifiers": delivery.identifiers, "traits": values["traits"]}
    if "data" in values:
        item["data"] = values["data"]
    return item


def _values(delivery: Delivery) -> dict[str, Any]:
    """Return ``{"traits": …, "data": …}``, the second if it is mapped, with null for what the receiver has to clear."""
    data = {"data": delivery.fields["data"]} if "data" in delivery.fields else {}
    values = {"traits": delivery.traits, **data}
    if not delivery.cleared:
        return values
    return with_nulls(values, [path for path in delivery.cleared if path[0] in ("traits", "data")])


def single_body(call: Call, delivery: Delivery, extras: Mapping[str, Any]) -> bytes:
    """Return the single form: the mapped ``data``, or the whole event if nothing is mapped."""
    values = _values(delivery)
    data = values["data"] if "data" in values else event(call, delivery)
    return encode({**extras, **data} if extras and isinstance(data, dict) else data)


def event(call: Call, delivery: Delivery) -> dict[str, Any]:
    """Return the fields of ``track``, an event in Segment's format, with the audience in ``context.personas``."""
    inside = delivery.kind is not ChangeKind.EXITED
    traits = {**_values(delivery)["traits"], call.audience.key: inside}
    user_id, anonymous_id = (
        _last(delivery.identifiers.get(k)) for k in ("user_id", "anonymous_id")
    )
    return {
        "type": "track",
        "event": "Audience Entered" if inside else "Audience Exited",
        "messageId": f"{call.sync_id}-{delivery.key}",
        "timestamp": to_wire(call.planned_at),
        "userId": user_id or delivery.profile_id,
        "anonymousId": anonymous_id,
        "properties": traits,
        "traits": traits,
        "context": {
            "traits": traits,
            "externalIds": [
                {"type": name, "id": value}
                for name, values in delivery.identifiers.items()
                for value in (values if isinstance(values, list) else [values])
            ],
            "personas": {
                "computation_class": "audience",
                "computation_id": call.audience.id,
                "computation_key": call.audience.key,
                "space_id": call.space_id,
            },
        },
        "seq": call.seq,
    }


def _last(value: Any) -> Any:
    if isinstance(value, list):
        return value[-1] if value else None
    return value


def body_of_test(moment: datetime) -> bytes:
    """Return the message that checks a receiver."""
    return encode({"type": TEST_TYPE, "timestamp": to_wire(moment), "data": {}})


def body_of_notice(moment: datetime, content: Mapping[str, Any]) -> bytes:
    """Return the message of a notice about an activation."""
    message = {
        "type": f"activation.{content['event']}",
        "timestamp": to_wire(moment),
        "data": dict(content),
    }
    return encode(message)


def encode(message: Any) -> bytes:
    """Encode as JSON. Values that JSON does not have (decimals) become text."""
    try:
        return orjson.dumps(message, default=json_default)
    except (
        TypeError
    ):  # numbers beyond 64 bits and invalid Unicode: only the slow encoder writes them
        text = json.dumps(message, default=_plain, separators=(",", ":"), ensure_ascii=False)
        return text.encode(errors="replace")


def _plain(value: Any) -> Any:
    return json.loads(value.contents) if isinstance(value, orjson.Fragment) else str(value)


def signed_headers(
    message_id: str, moment: datetime, body: bytes, keys: Sequence[bytes]
) -> dict[str, str]:
    """Return ``{name: value}`` of the headers: HMAC-SHA256 over ``id.timestamp.body``, one signature for each key.

    See https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md.
    """
    timestamp = str(int(moment.timestamp()))
    signed = b"%s.%s.%s" % (message_id.encode(), timestamp.encode(), body)
    signatures = [base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys]
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
