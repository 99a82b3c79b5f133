"""Schemas of accounts at partners: one for each destination, told apart by ``slug``, from the models of its settings."""

from __future__ import annotations

import copy
from collections.abc import Callable

from app.api.docs.samples import SCHEMAS, Document, sample_of
from app.connectors import registry
from app.connectors.base import Connector, Definition
from app.core import clock

_SENT = "OwnDestinationInput"
_MASK = "SecretMask"
_IN_RESPONSES = "ShownSecret"
#: Limits of what is sent. A response may differ: a URL with hidden parameters is longer.
_LIMITS = (
    "pattern",
    "format",
    "writeOnly",
    "minLength",
    "maxLength",
    "minProperties",
    "maxProperties",
)


def add_accounts(schemas: Document) -> None:
    """Replace the schemas of an account, sent and shown, by one for each destination."""
    for name, described in ((_SENT, _sent), ("DestinationOutput", _shown)):
        if name in schemas:
            schemas |= {_MASK: _mask(), _IN_RESPONSES: _shown_secret()}
            schemas[name] = _union(name, schemas, described)


def _union(
    name: str, schemas: Document, described: Callable[[type[Connector], Document], Document]
) -> Document:
    """Add a schema for each destination. Returns the schema that chooses among them."""
    general, mapping = schemas[name], {}
    for definition in registry.definitions():
        connector = registry.get(definition.slug)
        word = _word(definition.slug)
        settings = f"{word}{'Settings' if name == _SENT else 'ShownSettings'}"
        schemas[settings] = {**described(connector, schemas), "title": settings}
        one = f"{word}{name.removeprefix('Own')}"
        schemas[one] = _of_slug(general, one, connector.definition, schemas[settings])
        mapping[definition.slug] = SCHEMAS + one
    shown = mapping[general["properties"]["slug"]["examples"][0]]
    return {
        "title": name,
        "description": general["description"],
        "examples": [sample_of({"$ref": shown}, schemas)],
        "oneOf": [{"$ref": reference} for reference in mapping.values()],
        "discriminator": {"propertyName": "slug", "mapping": mapping},
    }


def _of_slug(general: Document, name: str, definition: Definition, settings: Document) -> Document:
    """Return the schema of an account at one destination."""
    found = copy.deepcopy(general)
    found |= {
        "title": name,
        "description": f"{general['description'].rstrip('.')}: {definition.name}.",
    }
    found["properties"]["slug"] |= {"enum": [definition.slug], "examples": [definition.slug]}
    form = {"$ref": SCHEMAS + settings["title"]}
    is_optional = "settings" not in found["required"] and not settings["required"]
    found["properties"]["settings"] = {
        **({"anyOf": [form, {"type": "null"}]} if is_optional else form),
        "description": found["properties"]["settings"]["description"],
    }
    if settings["required"]:
        found["required"] = [*dict.fromkeys((*found["required"], "settings"))]
    return found


def _sent(connector: type[Connector], schemas: Document) -> Document:
    """Return the schema of settings that are sent. A setting that the service generates may be missing."""
    found = _settings(connector, schemas)
    _, generated = registry.complete_settings(connector, {}, now=clock.now())
    required = [name for name in found.get("required", ()) if name not in generated]
    for name, field in found["properties"].items():
        for part in (field, *field.get("anyOf", ())):
            part.pop("writeOnly", None)
        if field.get("default", "") is None:
            del field["default"]
        if name not in required and "anyOf" not in field:
            _or_null(field)
    return {**found, "required": required}


def _shown(connector: type[Connector], schemas: Document) -> Document:
    """Return the schema of settings that are shown: secrets are masked, and only settings with a value are there."""
    found = _settings(connector, schemas)
    model = connector.settings_model
    for name, field in found["properties"].items():
        field |= next((one for one in field.pop("anyOf", ()) if one.get("type") != "null"), {})
        is_secret = field.get("format") == "password"
        for limit in (*_LIMITS, "default"):
            field.pop(limit, None)
        if is_secret:
            field.pop("type")
            field |= {"$ref": SCHEMAS + _IN_RESPONSES, "examples": [{"set": True, "last4": "t9Qw"}]}
        elif name in model.write_only:
            field["additionalProperties"] = {"$ref": SCHEMAS + _MASK}
            field["examples"] = [{"Authorization": {"set": True, "last4": "cmV0"}}]
    return {"required": [], **found}


def _settings(connector: type[Connector], schemas: Document) -> Document:
    """Return the schema of the settings as the connector's model has them."""
    found = connector.settings_model.model_json_schema(ref_template=SCHEMAS + "{model}")
    for name, schema in found.pop("$defs", {}).items():
        schemas.setdefault(name, schema)
    for field in found["properties"].values():
        field.pop("title", None)
    description = (connector.settings_model.__doc__ or "").partition("\n")[0]
    return {**found, "description": description}


def _or_null(field: Document) -> None:
    """Let a field be null, which counts as missing."""
    kept = {
        key: field.pop(key)
        for key in list(field)
        if key not in ("description", "examples", "default")
    }
    field["anyOf"] = [kept, {"type": "null"}]


def _mask() -> Document:
    """Return the schema of a stored secret, as it is shown."""
    return {
        "title": _MASK,
        "type": "object",
        "description": "A stored secret. Its value is never returned.",
        "required": ["set", "last4"],
        "additionalProperties": False,
        "properties": {
            "set": {
                "type": "boolean",
                "description": "Always true: a secret is stored.",
                "examples": [True],
            },
            "last4": {
                "anyOf": [{"type": "string"}, {"type": "null"}],
                "description": "Its last four characters. Null if it has fewer than 12.",
                "examples": ["t9Qw"],
            },
        },
    }


def _shown_secret() -> Document:
    """Return the schema of a secret in a response."""
    return {
        "title": _IN_RESPONSES,
        "description": "A secret in a response: masked. The response that creates it has its value, if the service generated it.",
        "oneOf": [{"$ref": SCHEMAS + _MASK}, {"type": "string"}],
    }


def _word(slug: str) -> str:
    """Return a slug in the form of a schema's name: ``talon-one`` as ``TalonOne``."""
    return "".join(part.capitalize() for part in slug.split("-"))
