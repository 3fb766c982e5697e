"""The parts of a form that brings files (RFC 7578), one after the other while they arrive."""

from __future__ import annotations

from collections.abc import Iterator

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from davshare.errors import BadRequest, UnsupportedMediaType
from davshare.http.request import Body

_KIND = "multipart/form-data"
_BLOCK = 256 * 1024
#: Most parts of one form, and bytes of a field that is no file.
_PARTS, _FIELD = 10_000, 16 * 1024


class Part:
    """One field; ``filename`` is None where it is no file.  It ends when the next one is asked for."""

    def __init__(self, segment: MultipartSegment, events: Iterator[MultipartSegment | bytes | None]) -> None:
        self.name = str(segment.name)
        self.filename: str | None = segment.filename
        self._events = events
        self._rest = b""
        self._over = False

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; nothing only at the end.

        :raises BadRequest: the form is malformed.
        :raises davshare.errors.BodyCut: the client left.
        """
        while not self._rest and not self._over:
            event = next(self._events, None)
            if isinstance(event, bytes | bytearray):
                self._rest = bytes(event)
            else:
                self._over = True
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def text(self) -> str:
        """The whole content of a field that is no file.

        :raises BadRequest: it is too long, or no text.
        """
        data = bytearray()
        while piece := self.read(_FIELD):
            data += piece
            if len(data) > _FIELD:
                raise BadRequest("A field of the form is too long.")
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise BadRequest("A field of the form is not correctly encoded.") from None

    def skip(self) -> None:
        """Read to the end."""
        while self.read(_BLOCK):
            pass


def is_one(content_type: str | None) -> bool:
    """Whether a body is such a form."""
    return (content_type or "").partition(";")[0].strip().lower() == _KIND


def parts(body: Body, content_type: str | None) -> Iterator[Part]:
    """The fields in their order; what is not read of one is passed over.

    :raises UnsupportedMediaType: it is another kind of body.
    :raises BadRequest: it is malformed.
    """
    kind, options = parse_options_header(content_type or "")
    boundary = options.get("boundary", "")
    if kind.lower() != _KIND or not 0 < len(boundary) <= 200:
        raise UnsupportedMediaType
    events = _events(body, boundary)
    for event in events:
        if isinstance(event, MultipartSegment):
            part = Part(event, events)
            yield part
            part.skip()


def _events(body: Body, boundary: str) -> Iterator[MultipartSegment | bytes | None]:
    try:
        with PushMultipartParser(boundary, max_segment_count=_PARTS) as parser:
            while not parser.closed:
                yield from parser.parse(body.read(_BLOCK))
    except (MultipartError, UnicodeDecodeError):
        raise BadRequest("The form is malformed.") from None
