"""The configuration of an activation: creating and updating it.

A configuration is the JSON of a revision, in the words of the contract. It is never changed in place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

Config = dict[str, Any]


def new_config(
    *,
    activation_type: str,
    personalization: Mapping[str, Any] | None,
    mapping: Mapping[str, Any] | None,
    id_sync: Sequence[Mapping[str, Any]],
    id_sync_given: bool,
    connection_settings: Mapping[str, Any] | None,
) -> Config:
    """Return the configuration of the first revision: ``{activationType, personalization, mode, …, idSync, …}``."""
    config: Config = {
        "activationType": activation_type,
        "personalization": _personalization({"profile": {"properties": []}}, personalization),
        "mode": "maintain",
        "split": None,
        "updates": False,
        "list": None,
        "consent": None,
        **connection_part(id_sync, id_sync_given, connection_settings),
    }
    if mapping is not None:
        config["destinationMapping"] = dict(mapping)
    return config


def connection_part(
    id_sync: Sequence[Mapping[str, Any]],
    id_sync_given: bool,
    connection_settings: Mapping[str, Any] | None,
) -> Config:
    """Return what a revision copies from its connection: ``{idSync, idSyncGiven, connectionSettings}``."""
    return {
        "idSync": [dict(entry) for entry in id_sync],
        "idSyncGiven": id_sync_given,
        "connectionSettings": dict(connection_settings or {}),
    }


def updated(
    config: Mapping[str, Any],
    *,
    personalization: Mapping[str, Any] | None,
    mapping: Mapping[str, Any] | None,
    display_name_cleared: bool,
) -> Config:
    """Return the configuration after an update, in the shape that :func:`new_config` returns.

    Given parts of the personalization replace the stored ones. Mapped settings are merged by top-level field. The
    action of a mapping cannot be changed: a different one in ``mapping`` is ignored.
    """
    found = {
        **config,
        "personalization": _personalization(config["personalization"], personalization),
    }
    if mapping is not None:
        found["destinationMapping"] = _merged(config.get("destinationMapping"), mapping)
    if display_name_cleared:
        found["displayName"] = None
    return found


def _personalization(stored: Mapping[str, Any], given: Mapping[str, Any] | None) -> dict[str, Any]:
    found = dict(stored)
    if given is None:
        return found
    if "profile" in given:
        found["profile"] = {"properties": [], **given["profile"]}
    if "entities" in given:
        found["entities"] = given["entities"]
        if not given["entities"]:
            del found["entities"]
    if "syncEntityPropertyChanges" in given:
        found["syncEntityPropertyChanges"] = given["syncEntityPropertyChanges"]
    return found


def _merged(stored: Mapping[str, Any] | None, given: Mapping[str, Any]) -> dict[str, Any]:
    if stored is None:
        return dict(given)
    settings = {**(stored.get("settings") or {}), **(given.get("settings") or {})}
    merged = dict(stored)
    if settings or "settings" in stored or "settings" in given:
        merged["settings"] = settings
    return merged


def is_same(config: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two configurations are equal, including the order of mapped keys: files have columns in that order."""
    mapped, mapped_other = (json.dumps(one.get("destinationMapping")) for one in (config, other))
    return config == other and mapped == mapped_other
