"""Bodies that are read as a whole, and what their Content-Type says they are (RFC 9110 section 8.3)."""

from __future__ import annotations

from davshare.errors import TooLarge
from davshare.http.request import Body

#: The most that is taken of a body which is not a file.
LIMIT = 1024 * 1024
_PIECE = 65536


def read_all(body: Body, limit: int = LIMIT) -> bytes:
    """The whole body.

    :raises TooLarge: it is longer than ``limit`` bytes.
    :raises davshare.errors.BodyCut: the client left early.
    """
    if body.length is not None and body.length > limit:
        raise TooLarge
    parts: list[bytes] = []
    taken = 0
    while data := body.read(_PIECE):
        taken += len(data)
        if taken > limit:
            raise TooLarge
        parts.append(data)
    return b"".join(parts)


def media_type(content_type: str | None) -> tuple[str, str]:
    """Type and charset in lower case, both empty where nothing is said; other parameters do not matter to us."""
    kind, *parameters = (content_type or "").split(";")
    charset = ""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip('"').lower()
    return kind.strip().lower(), charset
