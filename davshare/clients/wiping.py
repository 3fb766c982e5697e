"""Remote wipe: what a device asks whose app password does not sign in any more.

docs.nextcloud.com/server/latest/developer_manual/client_apis/RemoteWipe
"""

from __future__ import annotations

from collections.abc import Callable

from davshare.clients import arguments, plain
from davshare.errors import MethodNotAllowed, NotFound
from davshare.http.request import Request
from davshare.http.responses import Response
from davshare.identity.wiping import Wiping

_LONGEST = 200


def check(wiping: Wiping, request: Request) -> Response:
    """Whether the device is to forget everything; 404 and an empty list if not.

    :raises MethodNotAllowed: it is no POST.
    :raises BadRequest: the arguments cannot be read.
    :raises TooManyAttempts: too many tokens that nobody has came from there.
    """
    return _answer(wiping.check, request, {"wipe": True})


def success(wiping: Wiping, request: Request) -> Response:
    """The device has done so.

    :raises MethodNotAllowed, BadRequest, TooManyAttempts: as :func:`check`.
    """
    return _answer(wiping.done, request, [])


def _answer(ask: Callable[[str, str], None], request: Request, fine: object) -> Response:
    if request.method != "POST":
        raise MethodNotAllowed("OPTIONS, POST")
    token = arguments.read(request).text("token") or ""
    try:
        ask(token if len(token) <= _LONGEST else "", request.peer)
    except NotFound:
        return plain.json(404, [])
    return plain.json(200, fine)
