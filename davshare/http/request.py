"""The request as every door sees it: parsed, validated, still without meaning.

The connection layer makes these; doors only read them.  Nothing here does I/O
except :class:`Body`, whose implementation belongs to the connection layer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


class Body(Protocol):
    """The bytes that follow a request's head.

    ``length`` is the announced Content-Length, 0 when there is no body and
    None when the body arrives in chunks (RFC 9112 section 7.1).
    """

    length: int | None

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; ``b""`` only at the proper end.

        The first call sends ``100 Continue`` when the client waits for it.

        :raises davshare.errors.BodyCut: the client left or fell silent early.
        :raises davshare.errors.BadRequest: the chunked framing is broken.
        """
        ...


class EmptyBody:
    """A request without a body."""

    length: int | None = 0

    def read(self, size: int) -> bytes:
        """Always the end."""
        return b""


class BytesBody:
    """A body that is already in memory; ``data`` is all of it, whatever was read."""

    __slots__ = ("_at", "data", "length")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._at = 0
        self.length: int | None = len(data)

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes."""
        piece = self.data[self._at : self._at + size]
        self._at += len(piece)
        return piece


def again(body: Body) -> Body:
    """A body that is in memory, from its beginning."""
    return BytesBody(body.data) if isinstance(body, BytesBody) else body


@dataclass(slots=True)
class Request:
    """One HTTP request (RFC 9110, RFC 9112).

    ``path`` is still percent-encoded and begins with "/" (or is "*");
    ``headers`` has lower-case names, repeated list headers joined by ", ".
    ``at_hand`` says that the whole body is already in memory.
    """

    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    host: str = ""
    scheme: str = "http"
    peer: str = ""
    version: tuple[int, int] = (1, 1)
    body: Body = field(default_factory=EmptyBody)
    at_hand: bool = True
