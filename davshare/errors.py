"""Every way in which davshare refuses, by name.

Code raises these; the pipeline turns them into answers in one place.  Each
class knows its HTTP status, the precondition element of the RFC that names it
(RFC 4918 section 16) and the name that sabre-style clients look for in
``s:exception``.  Messages never repeat what the client sent.
"""

from __future__ import annotations

from collections.abc import Sequence


class DavshareError(Exception):
    """Base of all refusals.

    ``hrefs`` are the URLs that the condition element names (lock roots);
    ``headers`` go into the answer as they are; ``needs`` is the resource and the
    permissions on it that are missing (RFC 3744 section 7.1.1).
    """

    status = 500
    condition: str | None = None
    exception = "Sabre\\DAV\\Exception"
    message = "The server could not do this."

    def __init__(
        self,
        message: str | None = None,
        *,
        condition: str | None = None,
        hrefs: Sequence[str] = (),
        headers: Sequence[tuple[str, str]] = (),
        close: bool = False,
        needs: tuple[str, int] | None = None,
    ) -> None:
        self.message = message or type(self).message
        if condition is not None:
            self.condition = condition
        self.hrefs = tuple(hrefs)
        self.headers = tuple(headers)
        self.close = close
        self.needs = needs
        super().__init__(self.message)


class BadRequest(DavshareError):
    """The request makes no sense (RFC 9110 section 15.5.1)."""

    status = 400
    exception = "Sabre\\DAV\\Exception\\BadRequest"
    message = "The request is malformed."


class FramingError(BadRequest):
    """The head or the framing of the body is broken: the connection ends with the answer."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message, close=True)
        self.status = status


class BodyCut(DavshareError):
    """The client left, or fell silent, before the announced end of the body."""

    status = 408
    exception = "Sabre\\DAV\\Exception\\BadRequest"
    message = "The request body ended early."


class NotAuthenticated(DavshareError):
    """Who is asking is not known (RFC 9110 section 15.5.2)."""

    status = 401
    exception = "Sabre\\DAV\\Exception\\NotAuthenticated"
    message = "Sign in first: no valid credentials were sent."


class TooManyAttempts(DavshareError):
    """Guessing is being slowed down (RFC 6585 section 4)."""

    status = 429
    exception = "Sabre\\DAV\\Exception\\NotAuthenticated"
    message = "Too many failed sign-ins; wait a moment and try again."


class Forbidden(DavshareError):
    """Known, and not allowed."""

    status = 403
    exception = "Sabre\\DAV\\Exception\\Forbidden"
    message = "You are not allowed to do this."


class NotFound(DavshareError):
    """Nothing is here, or nothing that the asker may know of."""

    status = 404
    exception = "Sabre\\DAV\\Exception\\NotFound"
    message = "There is nothing at this address."


class MethodNotAllowed(DavshareError):
    """This kind of resource does not know the method (RFC 9110 section 15.5.6)."""

    status = 405
    exception = "Sabre\\DAV\\Exception\\MethodNotAllowed"
    message = "This method is not possible on this resource."

    def __init__(self, allow: str, message: str | None = None) -> None:
        super().__init__(message, headers=(("Allow", allow),))


class Conflict(DavshareError):
    """The state of the tree is in the way (RFC 4918 section 9.3.1 and others)."""

    status = 409
    exception = "Sabre\\DAV\\Exception\\Conflict"
    message = "The parent folder does not exist."


class Expired(DavshareError):
    """A sync token cannot be used any more (RFC 9110 section 15.5.11)."""

    status = 410
    message = "The sync token is not valid any more; begin anew, without one."


class LengthRequired(DavshareError):
    """The method needs an announced length (RFC 9110 section 15.5.12)."""

    status = 411
    exception = "Sabre\\DAV\\Exception\\LengthRequired"
    message = "This request needs a Content-Length."


class PreconditionFailed(DavshareError):
    """If, If-Match and their like said no (RFC 9110 section 13)."""

    status = 412
    exception = "Sabre\\DAV\\Exception\\PreconditionFailed"
    message = "A precondition of the request does not hold."


class TooLarge(DavshareError):
    """The body is over a limit (RFC 9110 section 15.5.14)."""

    status = 413
    exception = "Sabre\\DAV\\Exception\\BadRequest"
    message = "The request body is too large."


class UnsupportedMediaType(DavshareError):
    """The body is of a kind that the method does not take."""

    status = 415
    exception = "Sabre\\DAV\\Exception\\UnsupportedMediaType"
    message = "The request body is of a type that is not understood here."


class Unprocessable(DavshareError):
    """A well-formed body says something that cannot be (RFC 9110 section 15.5.21); ``field`` names what."""

    status = 422
    exception = "Sabre\\DAV\\Exception\\BadRequest"
    message = "The request body holds a value that cannot be accepted."

    def __init__(self, field: str, message: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class ChecksumMismatch(DavshareError):
    """The body is not the one that was announced (tus.io 1.0, extension checksum)."""

    status = 460
    exception = "Sabre\\DAV\\Exception\\BadRequest"
    message = "The content does not have the announced checksum."


class RangeNotSatisfiable(DavshareError):
    """No part of the asked range exists (RFC 9110 section 15.5.17)."""

    status = 416
    exception = "Sabre\\DAV\\Exception\\RequestedRangeNotSatisfiable"
    message = "The file ends before the requested range."


class Locked(DavshareError):
    """A lock is in the way (RFC 4918 section 11.3)."""

    status = 423
    condition = "lock-token-submitted"
    exception = "Sabre\\DAV\\Exception\\Locked"
    message = "The resource is locked and the request did not carry the lock's token."


class NotImplementedHere(DavshareError):
    """The method is not known at all (RFC 9110 section 15.6.2)."""

    status = 501
    exception = "Sabre\\DAV\\Exception\\NotImplemented"
    message = "This method is not known to the server."


class BadGateway(DavshareError):
    """The destination is on another server (RFC 4918 section 9.8.5)."""

    status = 502
    exception = "Sabre\\DAV\\Exception\\BadGateway"
    message = "The destination is not on this server."


class Unavailable(DavshareError):
    """Storage or index is missing, starting or busy; ask again."""

    status = 503
    exception = "Sabre\\DAV\\Exception\\ServiceUnavailable"
    message = "The storage is not available at the moment; try again shortly."

    def __init__(self, message: str | None = None, retry_after: int = 5) -> None:
        super().__init__(message, headers=(("Retry-After", str(retry_after)),))


class InsufficientStorage(DavshareError):
    """Quota or disk is full (RFC 4331 section 6)."""

    status = 507
    condition = "quota-not-exceeded"
    exception = "Sabre\\DAV\\Exception\\InsufficientStorage"
    message = "There is not enough space left."


class UsageError(DavshareError):
    """A command was called wrongly; only the command line raises it."""

    status = 400
    message = "The command was called wrongly."


class Waits(Exception):
    """No refusal: the answer takes longer than whoever asked would wait; ask again in a thread of its own."""
