"""Options of object stores that the vendors' own tools read: from the environment, and from AWS' configuration file."""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit


def s3_options(
    endpoint: str | None, region: str | None, profile: Mapping[str, str]
) -> dict[str, str]:
    """Return ``{endpoint_override?, scheme?, region?}``: values of the environment, else those of a profile.

    Raises ValueError if the endpoint is no http or https URL.
    """
    found = endpoint_options(endpoint or profile.get("endpoint_url"), "AWS_ENDPOINT_URL")
    if chosen := region or profile.get("region"):
        found["region"] = chosen
    return found


def endpoint_options(url: str | None, name: str) -> dict[str, str]:
    """Return ``{endpoint_override, scheme}`` of an endpoint's URL, or ``{}`` without one. Raises ValueError, with the variable's ``name``, if it is none."""
    if not url:
        return {}
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
        raise ValueError(f"{name} is a URL such as https://objects.internal:9000, without a path")
    return {"endpoint_override": parts.netloc, "scheme": parts.scheme}


def aws_profile(file: Path, name: str) -> dict[str, str]:
    """Return ``{region?, endpoint_url?}`` of a profile of AWS' configuration file."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(file, encoding="utf-8")
    except (OSError, configparser.Error, UnicodeDecodeError):
        return {}
    section = "default" if name == "default" else f"profile {name}"
    if not parser.has_section(section):
        return {}
    found = {
        key: parser[section][key] for key in ("region", "endpoint_url") if key in parser[section]
    }
    services = f"services {parser[section].get('services', '')}"
    if parser.has_section(services):
        found |= _service_endpoint(parser[services].get("s3", ""))
    return found


def _service_endpoint(lines: str) -> dict[str, str]:
    """Return the endpoint of the indented lines below ``s3 =``."""
    for line in lines.splitlines():
        key, separator, value = line.partition("=")
        if separator and key.strip() == "endpoint_url":
            return {"endpoint_url": value.strip()}
    return {}
