"""Who calls, behind proxies: the right-most address of `X-Forwarded-For` that no trusted proxy has."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
ONE_CALLER = 64
"""Bits of an IPv6 address that one customer's network has (RFC 6177); the rest a caller chooses at will."""


class ClientAddress:
    """ASGI: puts the caller's own address into `scope["client"]` when the peer is a trusted proxy.

    What stands further left in the header was written by the caller and is never believed; nor is the header of a peer
    that is not trusted.
    """

    def __init__(self, app: ASGIApp, trusted_proxies: str) -> None:
        self._app = app
        self._trusted = networks_of(trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._trusted and scope["type"] == ScopeType.HTTP and scope["client"] is not None:
            peer, port = scope["client"]
            chain = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
            scope["client"] = (caller_of(peer, ",".join(chain), self._trusted), port)
        await self._app(scope, receive, send)


def networks_of(setting: str) -> list[Network]:
    """The networks of `TRUSTED_PROXIES`: addresses or CIDRs, with commas. Raises `ValueError`."""
    return [ip_network(part.strip()) for part in setting.split(",") if part.strip()]


def caller_of(peer: str, forwarded: str, trusted: Sequence[Network]) -> str:
    """The nearest address that is no trusted proxy's; the last one known where the chain cannot be read further."""
    caller = peer
    for part in reversed(forwarded.split(",")):
        address = _parsed(caller)
        if address is None or not any(address in network for network in trusted):
            break
        if _parsed(part) is None:
            break
        caller = str(_parsed(part))
    return caller


def address_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """What limits count this caller's address by."""
    return scope_address(connection.scope)


def scope_address(scope: Scope) -> str:
    """The same, where no connection was made of the scope yet."""
    client = scope["client"]
    return counted_as(client[0]) if client else ""


@lru_cache(maxsize=4096)
def counted_as(address: str) -> str:
    """What limits count an address by: itself, or its /64 for IPv6."""
    parsed = _parsed(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed.packed, ONE_CALLER), strict=False))
    return str(parsed) if parsed else address


def _parsed(text: str) -> Address | None:
    """An address as proxies write it: bare, `[v6]`, or with a port."""
    host = text.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
