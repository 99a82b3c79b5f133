"""The URL of the service's database, read as libpq reads it: hosts, TLS, options and time limits.

``postgresql://user:password@host1:5432,host2/name?sslmode=require`` and its parameters mean what they mean for ``psql``. A
parameter that this client cannot honour is refused by name. ``pgbouncer=true`` is ours: connections are pooled by
transaction (see ``connections``); the check at the start adds it when it finds such a pooler.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote, unquote

SCHEMES = (
    "postgresql",
    "postgres",
    "postgresql+asyncpg",
    "postgresql+psycopg",
    "postgresql+psycopg2",
)
POOLED = "pgbouncer"
CONNECT_SECONDS = 3.0  # for each host, unless the URL has connect_timeout

_TLS_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_SESSIONS = ("any", "read-write", "primary")
# Parameters that the driver reads itself.
_DRIVER = {
    *_TLS_FILES,
    "sslmode",
    "sslpassword",
    "sslnegotiation",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
    "passfile",
    "service",
    "krbsrvname",
    "gsslib",
}
_OWN = {
    "host",
    "port",
    "dbname",
    "user",
    "password",
    "connect_timeout",
    "application_name",
    "fallback_application_name",
    "options",
    "target_session_attrs",
    "ssl",
    POOLED,
}
_SOCKET = ("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout")  # fmt: skip
# Parameters of libpq that are accepted with these values only, because the driver behaves like that.
_FIXED = {
    "channel_binding": ("prefer", "disable"),
    "gssencmode": ("prefer", "disable"),
    "sslcompression": ("0",),
    "sslsni": ("1",),
    "sslcertmode": ("allow",),
    "client_encoding": ("auto", "utf8", "utf-8"),
    "load_balance_hosts": ("disable",),
    "gssdelegation": ("0",),
}
_ADVICE = {
    "channel_binding": "sslmode=verify-full protects against the same attack",
    "hostaddr": "give the address as host",
    "search_path": "give it as options=-csearch_path%3DNAME",
    "schema": "give it as options=-csearch_path%3DNAME",
    "prepared_statement_cache_size": f"a pooler is recognised at the start; {POOLED}=true states it",
    "statement_cache_size": f"a pooler is recognised at the start; {POOLED}=true states it",
}


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """Where and how to connect. ``hosts`` is empty if the URL names none: the driver then uses libpq's defaults."""

    hosts: tuple[tuple[str, int | None], ...]
    names: Mapping[str, str]  # user, password and dbname, if given
    driver: Mapping[str, str]  # parameters that the driver reads
    session: Mapping[str, str]  # server settings of each session
    keepalive: Mapping[str, int]  # libpq's parameters of the socket
    timeout: float  # seconds, for each host
    target: str  # target_session_attrs
    pooled: bool  # a pooler gives each transaction another server connection
    files: Mapping[str, Path] = field(default_factory=dict)  # files that must be readable

    def dsn(self, host: tuple[str, int | None] | None) -> str:
        """Return the URL of one host in the form that asyncpg reads: everything in the query."""
        parts = {**self.names, **self.driver}
        if host is not None:
            parts["host"] = f"[{host[0]}]" if ":" in host[0] else host[0]
            if host[1] is not None:
                parts["port"] = str(host[1])
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in parts.items())
        return f"postgresql://?{query}" if query else "postgresql://"

    def unreadable_file(self) -> str | None:
        """Return a sentence that names the first file of the URL that cannot be read, or None."""
        for name, path in self.files.items():
            try:
                path.read_bytes()
            except OSError as error:
                return (
                    f"The file of {name} in DATABASE_URL, {path}, cannot be read: {error.strerror}."
                )
        return None


def parse_database_url(url: str) -> DatabaseAddress:
    """Read a URL. Raises ValueError with a sentence that names the fault, without the URL's secrets."""
    scheme, separator, rest = url.strip().partition("://")
    if not separator or scheme not in SCHEMES:
        named = f", not with {scheme}://" if separator and scheme.isascii() else ""
        raise ValueError(
            f"DATABASE_URL begins with postgresql:// or postgres://{named} (postgresql+asyncpg:// and "
            "postgresql+psycopg:// are read too)"
        )
    before, _, query = rest.partition("?")
    authority, _, database = before.partition("/")
    credentials, _, place = authority.rpartition("@")
    parameters = _parameters(query)
    address = _with_names(parameters, credentials, database)
    return replace(address, hosts=_hosts(parameters, place))


def mark_pooled(url: str) -> str:
    """Return the URL with the statement that connections are pooled by transaction."""
    return f"{url}{'&' if '?' in url else '?'}{POOLED}=true"


def _parameters(query: str) -> dict[str, str]:
    """Read the query as libpq does: a plus sign is a plus sign, and the last value of a name counts."""
    found: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        name, separator, value = part.partition("=")
        if not separator:
            raise ValueError(f"the parameter {unquote(name)} of DATABASE_URL has no value")
        found[unquote(name)] = unquote(value)
    for name, value in found.items():
        _check(name, value)
    if found.pop("ssl", "") == "true":  # as JDBC writes it; libpq reads it too
        found.setdefault("sslmode", "require")
    return found


def _check(name: str, value: str) -> None:
    allowed = _allowed(name)
    advice = f"; {_ADVICE[name]}" if name in _ADVICE else ""
    if allowed is None:
        known = ", ".join(sorted(_DRIVER | _OWN | set(_SOCKET) | set(_FIXED)))
        raise ValueError(
            f"DATABASE_URL has the parameter {name}, which is not supported{advice}. Supported are: {known}"
        )
    if allowed and value.lower() not in allowed:
        raise ValueError(
            f"DATABASE_URL has {name}={value}, but only {' or '.join(allowed)} is supported{advice}"
        )


def _allowed(name: str) -> tuple[str, ...] | None:
    """Return the values that a parameter may have, an empty tuple for any value, or None if there is no such parameter."""
    listed = {
        **_FIXED,
        "sslmode": _SSL_MODES,
        "target_session_attrs": _SESSIONS,
        "ssl": ("true",),
        POOLED: ("true", "false"),
        "keepalives": ("0", "1"),
    }
    known = name in _DRIVER or name in _OWN or name in _SOCKET
    return listed.get(name, () if known else None)


def _with_names(parameters: Mapping[str, str], credentials: str, database: str) -> DatabaseAddress:
    user, _, password = credentials.partition(":")
    names = {"user": unquote(user), "password": unquote(password), "dbname": unquote(database)}
    names |= {name: parameters[name] for name in names if name in parameters}
    driver = {name: value for name, value in parameters.items() if name in _DRIVER and value}
    _check_certificates(driver)
    return DatabaseAddress(
        hosts=(),
        names={name: value for name, value in names.items() if value},
        driver=driver,
        session=_session(parameters),
        keepalive={name: _number(name, parameters[name]) for name in _SOCKET if name in parameters},
        timeout=_timeout(parameters),
        target=parameters.get("target_session_attrs", "any"),
        pooled=parameters.get(POOLED, "false").lower() == "true",
        files={name: Path(driver[name]) for name in _TLS_FILES if _is_file(driver, name)},
    )


def _check_certificates(driver: dict[str, str]) -> None:
    """Read ``sslrootcert=system`` as libpq does: the system's authorities, and the host's name is always checked."""
    if driver.get("sslrootcert") != "system":
        return
    if (mode := driver.setdefault("sslmode", "verify-full")) != "verify-full":
        raise ValueError(
            f"DATABASE_URL has sslrootcert=system with sslmode={mode}; it needs sslmode=verify-full"
        )


def _is_file(driver: Mapping[str, str], name: str) -> bool:
    return name in driver and driver[name] != "system"


def _session(parameters: Mapping[str, str]) -> dict[str, str]:
    found = _options(parameters.get("options", ""))
    name = parameters.get("application_name") or parameters.get("fallback_application_name")
    if name:
        found["application_name"] = name
    return found


def _options(text: str) -> dict[str, str]:
    """Read ``-c name=value``, ``-cname=value`` and ``--name=value``, with a backslash before a blank in a value."""
    words = shlex.split(text, posix=True)
    found: dict[str, str] = {}
    while words:
        word = words.pop(0)
        if word == "-c" and words:
            setting = words.pop(0)
        elif word.startswith(("-c", "--")):
            setting = word[2:]
        else:
            raise ValueError(
                f"the options of DATABASE_URL contain {word}; only -c NAME=VALUE and --NAME=VALUE are supported"
            )
        name, separator, value = setting.partition("=")
        if not separator or not name.replace(".", "_").replace("-", "_").isidentifier():
            raise ValueError(
                f"the options of DATABASE_URL contain {setting}, which is not NAME=VALUE"
            )
        found[name.replace("-", "_").lower()] = value
    return found


def _timeout(parameters: Mapping[str, str]) -> float:
    """Return the seconds of connect_timeout; as for libpq, 0 means no limit and 1 means 2."""
    given = parameters.get("connect_timeout")
    if not given:
        return CONNECT_SECONDS
    seconds = _number("connect_timeout", given)
    return float(max(seconds, 2)) if seconds > 0 else 3600.0


def _number(name: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"DATABASE_URL has {name}={value}, which is not a whole number") from None


def _hosts(parameters: Mapping[str, str], place: str) -> tuple[tuple[str, int | None], ...]:
    """Return hosts and ports; those of the query take precedence, as for libpq."""
    pairs = [_host_and_port(spec) for spec in place.split(",")] if place else []
    hosts = [unquote(host) for host, _ in pairs]
    ports = [port for _, port in pairs]
    if parameters.get("host"):
        hosts = [host.strip("[]") for host in parameters["host"].split(",")]
        ports = ports if len(ports) == len(hosts) else [""]
    if parameters.get("port"):
        ports = parameters["port"].split(",")
    if len(ports) == 1:
        ports *= max(len(hosts), 1)
    if not hosts:
        hosts = [""] if any(ports) else []
    if len(ports) not in (0, len(hosts)):
        raise ValueError(f"DATABASE_URL has {len(hosts)} hosts and {len(ports)} ports")
    return tuple(
        (host or "localhost", _port(port)) for host, port in zip(hosts, ports, strict=True)
    )


def _host_and_port(spec: str) -> tuple[str, str]:
    if spec.startswith("["):
        host, _, port = spec[1:].partition("]")
        return host, port.removeprefix(":")
    host, _, port = spec.partition(":")
    return host, port


def _port(text: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ValueError(
            "DATABASE_URL has a port that is not a number from 1 to 65535; "
            "percent-encode the characters : / ? # @ % in the user name and the password"
        )
    return int(text)
