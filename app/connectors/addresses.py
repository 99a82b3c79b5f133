"""The rule of the outbound guard: which network addresses may be called. Without I/O.

Only global unicast addresses on ports 443 and 80 are open, plain http not at all. An operator opens more with
``ACTIVATIONS_OUTBOUND_ALLOW``: a comma-separated list of ``host[:port]`` and CIDR blocks (any port if none is given).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.connectors.errors import ConfigurationRejected

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

STANDARD_PORTS = frozenset({80, 443})
DATABASE_PORTS = frozenset({5432})

# The special-purpose registries of IANA, multicast, and one public address that is a cloud's metadata service.
_REFUSED_V4 = tuple(
    ipaddress.IPv4Network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's platform address
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
# Global unicast is 2000::/3; everything else (loopback, mapped, NAT64, unique local, link-local, multicast) is refused.
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_REFUSED_V6 = tuple(
    ipaddress.IPv6Network(block)
    for block in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarking
        "2001:db8::/32",
        "2002::/16",  # 6to4 carries an IPv4 address
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)
_ISATAP_MARKS = (0x00005EFE, 0x02005EFE)


class AddressRefused(ConfigurationRejected):
    """The address may not be called, until the URL changes or an operator allows it."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of the allow list: a name or a block, and the port it is limited to."""

    name: str | None
    network: Network | None
    port: int | None


def is_global_unicast(address: Address) -> bool:
    """Return whether an address is an ordinary public address that embeds no other address."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in block for block in _REFUSED_V4)
    if address.scope_id is not None or address not in _GLOBAL_V6:
        return False
    if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP_MARKS:
        return False
    return not any(address in block for block in _REFUSED_V6)


class OutboundPolicy:
    """The parsed allow list, and the decision about the addresses of a host."""

    def __init__(self, allow: str = "") -> None:
        """Parse ``allow`` (``ACTIVATIONS_OUTBOUND_ALLOW``). Raises ValueError with the entry that cannot be read."""
        self._entries = tuple(
            _parse_entry(text.strip()) for text in allow.split(",") if text.strip()
        )

    def opens_name(self, host: str, port: int) -> bool:
        """Return whether the operator allowed this host by name."""
        plain = host.lower().rstrip(".")
        return any(
            entry.name == plain and entry.port in (None, port)
            for entry in self._entries
            if entry.name is not None
        )

    def opens_address(self, address: Address, port: int) -> bool:
        """Return whether the operator allowed a block that contains this address."""
        return any(
            address in entry.network and entry.port in (None, port)
            for entry in self._entries
            if entry.network is not None
        )

    def require(self, host: str, answers: Iterable[str], port: int, *, plain_http: bool) -> None:
        """Raise AddressRefused unless all addresses may be called.

        One refused address refuses the host, because any of its addresses may be dialled.
        """
        reason = self._refusal(host, answers, port, STANDARD_PORTS, plain_http=plain_http)
        if reason:
            raise _refused(host, port, reason, "Use a public https address")

    def name_to_look_up(self, url: str) -> tuple[str, int] | None:
        """Return host and port of a URL if only the addresses of its name decide, which are looked up then.

        So it is for plain http and for other ports than 443 and 80, if the operator opened blocks.
        """
        host, port, plain_http = _target_of(url)
        blocks = any(entry.network for entry in self._entries)
        if not blocks or _is_address(host) or self.opens_name(host, port):
            return None
        return (host, port) if _closed_reason(port, STANDARD_PORTS, plain_http) else None

    def refusal_of(self, url: str, answers: Sequence[str] | None = None) -> str | None:
        """Return why a URL may not be called, as far as the URL says it: by its scheme, its port, or an address as its host.

        ``answers`` are the addresses of its name, if they were looked up (``name_to_look_up``); none: it has no address. The words
        follow the name of a field: ``cannot be called: plain http is not encrypted. Use …``.
        """
        host, port, plain_http = _target_of(url)
        if _is_address(host):
            answers = [host]
        if answers is not None:
            reason = self._refusal(host, answers, port, STANDARD_PORTS, plain_http=plain_http)
            if not answers:
                reason = "its name has no address now"
        elif self.opens_name(host, port) or self.name_to_look_up(url):
            return None
        else:
            reason = _closed_reason(port, STANDARD_PORTS, plain_http)
        if reason is None:
            return None
        return (
            f"cannot be called: {reason}. Use a public https address, or ask the operator to add {_entry_for(host, port)} to "
            "ACTIVATIONS_OUTBOUND_ALLOW."
        )

    def require_database(self, host: str, answers: Iterable[str], port: int) -> None:
        """Raise AddressRefused unless all addresses of a PostgreSQL server (port 5432) may be called."""
        reason = self._refusal(host, answers, port, DATABASE_PORTS, plain_http=False)
        if reason:
            raise _refused(host, port, reason, "Use a public address")

    def _refusal(
        self,
        host: str,
        answers: Iterable[str],
        port: int,
        ports: frozenset[int],
        *,
        plain_http: bool,
    ) -> str | None:
        if self.opens_name(host, port):
            return None
        addresses = [ipaddress.ip_address(text) for text in answers]
        closed = [address for address in addresses if not self.opens_address(address, port)]
        if not all(is_global_unicast(address) for address in closed):
            return "its address is not public"
        return _closed_reason(port, ports, plain_http) if closed else None


def _closed_reason(port: int, ports: frozenset[int], plain_http: bool) -> str | None:
    """Return why a public address that the operator has not opened may not be called, by its scheme or port, or None."""
    if plain_http:
        return "plain http is not encrypted"
    if port not in ports:
        standard = " nor ".join(str(number) for number in sorted(ports, reverse=True))
        return f"port {port} is {'neither' if len(ports) > 1 else 'not'} {standard}"
    return None


def _target_of(url: str) -> tuple[str, int, bool]:
    """Return host and port of a URL, and whether it is plain http."""
    parts = urlsplit(url)
    plain_http = parts.scheme == "http"
    return parts.hostname or "", parts.port or (80 if plain_http else 443), plain_http


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _refused(host: str, port: int, reason: str, way_out: str) -> AddressRefused:
    return AddressRefused(
        f"{host}:{port} may not be called: {reason}. {way_out}, or ask the operator to add "
        f"{_entry_for(host, port)} to ACTIVATIONS_OUTBOUND_ALLOW.",
        code="address_refused",
    )


def _entry_for(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _parse_entry(text: str) -> _Entry:
    host, port = _split_port(text)
    try:
        return _Entry(None, ipaddress.ip_network(host, strict=False), port)
    except ValueError:
        if not host or "/" in host or ":" in host:
            raise ValueError(
                f"ACTIVATIONS_OUTBOUND_ALLOW: {text!r} is neither host[:port] nor a CIDR block"
            ) from None
        return _Entry(host.lower().rstrip("."), None, port)


def _split_port(text: str) -> tuple[str, int | None]:
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, _port(rest[1:], text) if rest.startswith(":") else None
    host, colon, port = text.rpartition(":")
    if not colon or ":" in host:  # no port, or a bare IPv6 address or block
        return text, None
    return host, _port(port, text)


def _port(digits: str, text: str) -> int:
    if not digits.isascii() or not digits.isdigit() or not 0 < int(digits) < 65536:
        raise ValueError(f"ACTIVATIONS_OUTBOUND_ALLOW: {text!r} names no valid port")
    return int(digits)
