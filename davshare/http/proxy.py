"""Who is really asking, when a proxy stands in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from davshare.errors import UsageError
from davshare.http.framing import is_host

_FORWARDED = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host")

Networks = tuple[IPv4Network | IPv6Network, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from, as far as it can be believed."""

    peer: str
    scheme: str
    host: str


def parse_networks(trusted: Sequence[str]) -> Networks:
    """Addresses and CIDR networks of the proxies whose word counts.

    :raises UsageError: one of them is neither.
    """
    try:
        return tuple(ip_network(each.strip(), strict=False) for each in trusted if each.strip())
    except ValueError:
        raise UsageError("trusted_proxies: an entry is neither an address nor a network in CIDR notation.") from None


def plain_address(address: str) -> str:
    """The address without a zone, an IPv4 address in IPv6 clothes as IPv4."""
    address = address.partition("%")[0]
    if ":" not in address:
        return address
    parsed = ip_address(address)
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return str(mapped or parsed)


@lru_cache(maxsize=1024)
def is_trusted(address: str, networks: Networks) -> bool:
    """Whether the address belongs to one of the networks."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)


def drop_forwarded(headers: dict[str, str]) -> None:
    """Remove what only a trusted proxy may say."""
    for name in _FORWARDED:
        headers.pop(name, None)


def resolve(peer: str, host: str, headers: dict[str, str], networks: Networks) -> Origin:
    """The origin of a request that came over plain HTTP from ``peer``.

    The ``X-Forwarded`` headers are honoured when ``peer`` is a trusted proxy,
    and removed from ``headers`` when it is not.  Of several addresses the
    right-most one that is not itself a trusted proxy counts, since everything
    left of it may be invented; of several schemes or hosts the one that the
    nearest proxy added.
    """
    if not is_trusted(peer, networks):
        drop_forwarded(headers)
        return Origin(peer, "http", host)
    scheme = _last(headers.get("x-forwarded-proto", "")).lower()
    stated = _last(headers.get("x-forwarded-host", ""))
    return Origin(
        _asker(peer, headers.get("x-forwarded-for", ""), networks),
        scheme if scheme in ("http", "https") else "http",
        stated if stated and is_host(stated) else host,
    )


def _last(values: str) -> str:
    return values.rpartition(",")[2].strip()


def _asker(peer: str, chain: str, networks: Networks) -> str:
    for entry in reversed(chain.split(",")):
        try:
            peer = plain_address(str(ip_address(_without_port(entry.strip()))))
        except ValueError:
            break
        if not is_trusted(peer, networks):
            break
    return peer


def _without_port(entry: str) -> str:
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry
