"""The chunked transfer coding taken apart, piece by piece and without I/O (RFC 9112 section 7.1)."""

from __future__ import annotations

import re

from davshare.errors import FramingError
from davshare.http.framing import LENGTH_LIMIT

#: The longest line with a chunk size and its extensions, and all trailer lines together, in bytes.
LINE_LIMIT = 4 * 1024
TRAILER_LIMIT = 16 * 1024

#: How many more bytes may go into extensions than into content.
_EXTENSIONS_LIMIT = 64 * 1024

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})(;[\t\x20-\x7e\x80-\xff]*)?\r\n")
_TRAILER = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n")

_IN_SIZE, _IN_DATA, _AFTER_DATA, _IN_TRAILERS, _DONE = range(5)


class ChunkDecoder:
    """The state of one chunked body.

    Feed it with :meth:`step`; ``pending`` is how many content bytes are certain
    to come next, so that a caller may read them straight into their place and
    report them with :meth:`took`.
    """

    __slots__ = ("_extensions", "_line", "_state", "_trailers", "pending", "total")

    def __init__(self) -> None:
        self.pending = 0
        self.total = 0
        self._state = _IN_SIZE
        self._line = bytearray()
        self._trailers = 0
        self._extensions = 0

    @property
    def done(self) -> bool:
        """Whether the last chunk and the trailers are over."""
        return self._state == _DONE

    def took(self, count: int) -> None:
        """``count`` of the ``pending`` bytes were read past this object."""
        self.pending -= count
        self.total += count
        if not self.pending:
            self._state = _AFTER_DATA

    def step(self, data: bytes, start: int, most: int) -> tuple[bytes, int]:
        """Go on at ``data[start:]``: up to ``most`` content bytes and the new position.

        Returns ``b""`` when ``data`` is used up, or when the body is done (the
        position is then that of the next request).  The cost is linear in what
        is consumed.

        :raises FramingError: the coding is broken.
        """
        end = len(data)
        while start < end and self._state != _DONE:
            if self._state == _IN_DATA:
                piece = data[start : start + min(self.pending, most)]
                self.took(len(piece))
                return piece, start + len(piece)
            start = self._take_line(data, start)
        return b"", start

    def _take_line(self, data: bytes, start: int) -> int:
        """Consume up to the next line feed; act on the line when it is whole."""
        feed = data.find(b"\n", start)
        stop = feed + 1 if feed >= 0 else len(data)
        self._line += data[start:stop]
        if len(self._line) > (2 if self._state == _AFTER_DATA else LINE_LIMIT):
            raise FramingError("The chunks of the body are malformed: a line is too long.")
        if feed >= 0:
            line = bytes(self._line)
            self._line.clear()
            self._act_on(line)
        return stop

    def _act_on(self, line: bytes) -> None:
        if self._state == _IN_SIZE:
            self._begin_chunk(line)
        elif self._state == _AFTER_DATA:
            if line != b"\r\n":
                raise FramingError("The chunks of the body are malformed: a chunk does not end where it should.")
            self._state = _IN_SIZE
        elif line == b"\r\n":
            self._state = _DONE
        else:
            self._trailers += len(line)
            if self._trailers > TRAILER_LIMIT or not _TRAILER.fullmatch(line):
                raise FramingError("The trailers of the body are malformed or too large.")

    def _begin_chunk(self, line: bytes) -> None:
        found = _SIZE.fullmatch(line)
        if found is None:
            raise FramingError("The chunks of the body are malformed: a size is not a hexadecimal number.")
        size = int(found[1], 16)
        if size > LENGTH_LIMIT:
            raise FramingError("A chunk of the body is beyond every limit.")
        self._extensions += len(found[2] or b"")
        if self._extensions > _EXTENSIONS_LIMIT + self.total:
            raise FramingError("The chunks of the body carry too many extensions.")
        self.pending = size
        self._state = _IN_DATA if size else _IN_TRAILERS
