"""Login flow, version 2: where a program begins it, and where it waits for its app password.

docs.nextcloud.com/server/latest/developer_manual/client_apis/LoginFlow
"""

from __future__ import annotations

from davshare.clients import arguments, plain
from davshare.errors import MethodNotAllowed, NotFound
from davshare.http.request import Request
from davshare.http.responses import Response
from davshare.identity.flows import Flows

_LONGEST = 200


def begin(flows: Flows, request: Request, site: str) -> Response:
    """Two addresses: where the person goes, and where the program asks whether they have said yes.

    :param site: scheme and host as people know them.
    :raises MethodNotAllowed: it is no POST.
    :raises TooManyAttempts: too many wait already.
    """
    _demand_post(request)
    begun = flows.begin(request.headers.get("user-agent", ""), request.peer, polled=True)
    poll = {"token": begun.poll, "endpoint": f"{site}/login/v2/poll"}
    return plain.json(200, {"poll": poll, "login": f"{site}/login/v2/flow/{begun.page}"})


def poll(flows: Flows, request: Request, site: str) -> Response:
    """The app password, once somebody has said yes; 404 and an empty list before and afterwards.

    :raises MethodNotAllowed: it is no POST.
    :raises BadRequest: the arguments cannot be read.
    """
    _demand_post(request)
    token = arguments.read(request).text("token") or ""
    try:
        granted = flows.poll(token if len(token) <= _LONGEST else "")
    except NotFound:
        return plain.json(404, [])
    return plain.json(200, {"server": site, "loginName": granted.name, "appPassword": granted.secret})


def _demand_post(request: Request) -> None:
    if request.method != "POST":
        raise MethodNotAllowed("OPTIONS, POST")
