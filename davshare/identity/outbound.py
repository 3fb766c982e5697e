"""Requests that the server itself sends: short, small, never redirected, and only to where they were meant to go.

The name of the host is resolved once; its addresses are judged, and the
connection goes to a judged address, so that no second answer of the resolver
leads elsewhere.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

#: Seconds for a whole request, from the resolver to the last byte.
SECONDS = 5.0
#: Most bytes of an answer's body.
LIMIT = 512 * 1024
#: Behind these prefixes stands an IPv4 address (RFC 6052).
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
#: All that is public of IPv6 (IANA); outside are forms of IPv4 addresses that a network may translate (RFC 8215).
_GLOBAL = ipaddress.ip_network("2000::/3")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Failed(Exception):
    """There is no answer that can be used; the text says why, for the log."""


class Reach(NamedTuple):
    """Where requests may go besides public hosts over HTTPS.

    :param private: addresses of this machine and of private networks.
    :param plain: unencrypted HTTP, to this machine only.
    """

    private: bool = False
    plain: bool = False


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes


Fetch = Callable[..., Answer]


def fetch(
    url: str,
    reach: Reach,
    until: float,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """The answer to a GET, or to a POST when there is a body.

    :param until: monotonic time at which to give up.
    :raises Failed: the address is not one to ask, nobody answered in time, or the answer is too large.
    """
    parts = _split(url, reach)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    addresses = _resolve(parts.hostname or "", port, until)
    usable = [each for each in addresses if _allowed(each, parts.scheme, reach)]
    if not usable:
        raise Failed("the host has no address that may be asked")
    target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    sent = {"Host": parts.netloc, "User-Agent": "davshare", "Accept": "application/json", **(headers or {})}
    try:
        with _connected(str(usable[0]), port, parts, until) as sock:
            link = http.client.HTTPConnection(parts.hostname or "", port)
            link.sock = sock
            link.request("GET" if body is None else "POST", target, body, {**sent, "Connection": "close"})
            answer = link.getresponse()
            data = answer.read(LIMIT + 1)
            status = answer.status
            left = answer.length
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Failed(f"no answer: {type(error).__name__}") from None
    if len(data) > LIMIT:
        raise Failed("the answer is too large")
    if left:
        raise Failed("the answer ended early")
    return Answer(status, data)


def is_url(url: str, plain: bool) -> bool:
    """Whether something is an absolute URL to which a person or a request can be sent."""
    try:
        _split(url, Reach(plain=plain))
    except Failed:
        return False
    return True


def _split(url: str, reach: Reach) -> SplitResult:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise Failed("a malformed address") from None
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url or len(url) > 2048:
        raise Failed("a malformed address")
    if parts.scheme != "https" and not (parts.scheme == "http" and reach.plain):
        raise Failed("an address that is not https://")
    if not host or port == 0 or parts.username is not None or parts.password is not None or parts.fragment:
        raise Failed("an address with more or less than host, port, path and query")
    return parts


def _resolve(host: str, port: int, until: float) -> list[Address]:
    """The addresses of a host; a resolver that takes too long is left alone."""
    found: list[Address] = []

    def ask() -> None:
        with contextlib.suppress(OSError, ValueError):
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend(ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in answers)

    asking = threading.Thread(target=ask, name="davshare-resolve", daemon=True)
    asking.start()
    asking.join(max(0.0, until - time.monotonic()))
    if asking.is_alive() or not found:
        raise Failed("the name of the host cannot be resolved")
    return found


def _allowed(address: Address, scheme: str, reach: Reach) -> bool:
    """Whether a request may go to an address."""
    real = _real(address)
    if scheme == "http" and not (getattr(address, "ipv4_mapped", None) or address).is_loopback:
        return False
    if real.is_multicast or real.is_unspecified:
        return False
    public = real.is_global and (real.version == 4 or real in _GLOBAL)
    return public or reach.private or (scheme == "http" and reach.plain)


def _real(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, if it does."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)
    return address


@contextlib.contextmanager
def _connected(address: str, port: int, parts: SplitResult, until: float) -> Iterator[socket.socket]:
    """A connection to an address, with TLS in the name of the host; it is cut when the time is over."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    with contextlib.ExitStack() as stack:
        sock = stack.enter_context(socket.create_connection((address, port), left))
        if parts.scheme == "https":
            # TLS is begun under the timer's eyes, not here.
            sock = stack.enter_context(
                ssl.create_default_context().wrap_socket(
                    sock, server_hostname=parts.hostname, do_handshake_on_connect=False
                )
            )
        timer = threading.Timer(max(0.0, until - time.monotonic()), _cut, (sock,))
        timer.daemon = True
        timer.start()
        stack.callback(timer.cancel)
        if isinstance(sock, ssl.SSLSocket):
            sock.do_handshake()
        yield sock


def _cut(sock: socket.socket) -> None:
    """End a connection in use: whoever reads it sees its end, however slowly the other side drips."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
