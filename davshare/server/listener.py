"""The one listening socket of the server."""

from __future__ import annotations

import errno
import socket

from davshare.errors import UsageError

BACKLOG = 1024

_REASONS = {
    errno.EADDRINUSE: "another program is listening there already",
    errno.EACCES: "this needs more rights (ports below 1024 are reserved)",
    errno.EADDRNOTAVAIL: "this machine does not have that address",
}


def bind(address: tuple[str, int]) -> socket.socket:
    """Bind and listen on ``(host, port)``, IPv4 or IPv6; non-blocking, since several processes accept from it.

    :raises UsageError: it is taken, not ours or not an address.
    """
    host, port = address
    shown = f"{f'[{host}]' if ':' in host else host}:{port}"
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError, OverflowError):
        raise UsageError(f"Cannot listen on {shown}: this is not an address.") from None
    family, kind, protocol, _, target = found[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if host == "::" else 1)
        sock.bind(target)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except (OSError, OverflowError) as error:
        sock.close()
        reason = _REASONS.get(getattr(error, "errno", None) or 0) or getattr(error, "strerror", None) or "bad port"
        raise UsageError(f"Cannot listen on {shown}: {reason}.") from None
    return sock


def url_of(sock: socket.socket) -> str:
    """The URL under which this machine reaches the socket."""
    host, port = sock.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
