"""Changes as rows: the value and the type of each column."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Context, Decimal
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from app.connectors.base import Call, Delivery, JsonTexts
from app.core.clock import from_wire
from app.core.exact_numbers import json_default
from app.domain.changes import ChangeKind

Getter = Callable[[Delivery], Any]
Taker = Callable[[JsonTexts], Any]

_TIMESTAMP = pa.timestamp("us", tz="UTC")
_TYPES: Mapping[str, pa.DataType] = {
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": _TIMESTAMP,
}
_WIDE = Context(prec=80)
_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")


class CannotEncode(ValueError):
    """A value does not fit its column."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name in the file, its Arrow type, and the function that reads its value.

    ``take`` reads the values of many deliveries as an Arrow array, if it can. A column without it has a ``trait``, or an
    ``identifier`` (in its place, the trait of that name), or is read one by one.
    """

    name: str
    type: pa.DataType
    get: Getter
    take: Taker | None = None
    trait: str | None = None
    identifier: str | None = None


def make_columns(call: Call, wanted: Mapping[str, str], *, snapshot: bool) -> list[Column]:
    """Return the columns of a file in the wanted order."""
    fixed = _fixed(call, snapshot=snapshot)
    columns = []
    for field, name in wanted.items():
        if field in fixed:
            columns.append(Column(name, *fixed[field]))
        else:
            columns.append(_column(field, name, call.trait_types or {}))
    return columns


def _fixed(call: Call, *, snapshot: bool) -> dict[str, tuple[pa.DataType, Getter, Taker | None]]:
    """Return the fields that every change has."""
    text = pa.string()

    def constant(value: Any, kind: pa.DataType = text) -> tuple[pa.DataType, Getter, Taker]:
        scalar = pa.scalar(value, kind)
        return kind, lambda delivery: value, lambda texts: pa.repeat(scalar, len(texts.keys))

    def kept(texts: JsonTexts) -> Any:
        return pc.not_equal(texts.kinds, ChangeKind.EXITED.value)

    def message_ids(texts: JsonTexts) -> Any:
        return pc.binary_join_element_wise(call.sync_id, texts.keys, "-")

    planned_at = constant(call.planned_at.astimezone(UTC), _TIMESTAMP)
    kinds = (text, lambda delivery: delivery.kind.value, lambda texts: texts.kinds)
    traits = (text, lambda delivery: as_json(delivery.traits), None)
    return {
        "profile_id": (text, lambda delivery: delivery.profile_id, lambda texts: texts.profiles),
        "member_id": (text, lambda delivery: delivery.key, lambda texts: texts.keys),
        "action": constant("member") if snapshot else kinds,
        "audience_action": (
            pa.bool_(),
            lambda delivery: delivery.kind is not ChangeKind.EXITED,
            kept,
        ),
        "occurred_at": planned_at,
        "timestamp": planned_at,
        "message_id": (text, lambda delivery: f"{call.sync_id}-{delivery.key}", message_ids),
        "audience_id": constant(call.audience.id),
        "audience_key": constant(call.audience.key),
        "audience_name": constant(call.audience.name),
        "space_id": constant(call.space_id),
        "activation_id": constant(call.activation_id),
        "sync_id": constant(call.sync_id),
        "seq": constant(call.seq, pa.int64()),
        "identifiers": (text, lambda delivery: as_json(delivery.identifiers), None),
        "traits": traits,
        "properties_or_traits": traits,
    }


def _column(field: str, name: str, trait_types: Mapping[str, str]) -> Column:
    trait = field.removeprefix("traits.")
    # A plain name with text may be an identifier: which identifiers a member has is not known in advance.
    if field.startswith("traits.") or trait_types.get(field, "text") != "text":
        kind = _arrow_type(trait_types.get(trait, "text"))
        return Column(
            name, kind, lambda delivery: _fitting(delivery.traits.get(trait), kind), trait=trait
        )
    identifier = field.removeprefix("identifiers.")
    return Column(
        name,
        pa.string(),
        lambda delivery: _identifier(delivery, identifier),
        identifier=identifier,
    )


def _arrow_type(kind: str) -> pa.DataType:
    decimal = _DECIMAL.fullmatch(kind)
    if decimal:
        return pa.decimal128(int(decimal[1]), int(decimal[2]))
    return _TYPES.get(kind, pa.string())


def _identifier(delivery: Delivery, name: str) -> str | None:
    """Return an identifier (several values as a JSON list), or the trait of this name."""
    value = delivery.identifiers.get(name, delivery.traits.get(name))
    if isinstance(value, list | tuple):
        value = value[0] if len(value) == 1 else (as_json(list(value)) if value else None)
    return _text(value)


def _fitting(value: Any, kind: pa.DataType) -> Any:
    if value is None:
        return None
    if pa.types.is_string(kind):
        return _text(value)
    try:
        if pa.types.is_boolean(kind):
            return _boolean(value)
        if pa.types.is_timestamp(kind):
            return _moment(value)
        if pa.types.is_date(kind):
            return value if isinstance(value, date) else date.fromisoformat(value)
        if isinstance(value, bool):
            raise TypeError
        if pa.types.is_decimal(kind):
            return _exact(value, kind)
        return _whole(value) if pa.types.is_integer(kind) else float(value)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise CannotEncode(f"{type(value).__name__} does not fit a column of {kind}") from error


def _whole(value: Any) -> int:
    """Return a number as a whole one. Raises ValueError if it has a fraction, or more than 64 bits."""
    number = int(value)
    if isinstance(value, float) and number != value:
        raise ValueError
    if not -(2**63) <= number < 2**63:
        raise ValueError
    return number


def _exact(value: Any, kind: pa.DataType) -> Decimal:
    """Return a number as a decimal with the digits that it is written with. Raises ValueError if the column is too narrow."""
    number = Decimal(repr(value) if isinstance(value, float) else value)
    fitted = number.quantize(Decimal(1).scaleb(-kind.scale), context=_WIDE)
    if fitted != number or len(fitted.as_tuple().digits) > kind.precision:
        raise ValueError
    exponent = number.as_tuple().exponent
    return number if isinstance(exponent, int) and -kind.scale <= exponent <= 0 else fitted


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return from_wire(value)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list | tuple | datetime | date):
        return as_json(value).strip('"') if isinstance(value, date) else as_json(value)
    return str(value)


def as_json(value: Any) -> str:
    """Encode as JSON text with sorted keys."""
    return orjson.dumps(value, default=json_default, option=orjson.OPT_SORT_KEYS).decode()


def values_of(
    columns: Sequence[Column], deliveries: Sequence[Delivery]
) -> tuple[list[list[Any]], dict[int, str]]:
    """Return the values column by column, and the reasons of rows that cannot be written, by index."""
    try:
        return [[column.get(delivery) for delivery in deliveries] for column in columns], {}
    except CannotEncode:
        pass
    faults = {}
    for index, delivery in enumerate(deliveries):
        fault = _fault(columns, delivery)
        if fault is not None:
            faults[index] = fault
    fitting = [delivery for index, delivery in enumerate(deliveries) if index not in faults]
    return [[column.get(delivery) for delivery in fitting] for column in columns], faults


def _fault(columns: Sequence[Column], delivery: Delivery) -> str | None:
    for column in columns:
        try:
            column.get(delivery)
        except CannotEncode as error:
            return f"{column.name}: {error}"
    return None
