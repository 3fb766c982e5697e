"""``/.well-known/openid-configuration``: which OpenID provider ownCloud's apps let people sign in at.

They ask the server that they are told of, and not the provider (OpenID Connect
Discovery 1.0 section 4), so they get the provider's own document.
"""

from __future__ import annotations

from collections.abc import Sequence

from davshare.clients import plain
from davshare.errors import MethodNotAllowed, NotFound, Unavailable
from davshare.http.request import Request
from davshare.http.responses import Response
from davshare.identity.issuers import Issuer
from davshare.identity.outbound import Failed
from davshare.identity.providers import DOMESTIC


def respond(issuers: Sequence[Issuer], request: Request) -> Response:
    """What the provider of this site says of itself: the first one whose accounts are the ones here.

    :raises NotFound: there is no such provider.
    :raises MethodNotAllowed: it is not read.
    :raises Unavailable: the provider does not answer.
    """
    issuer = next((each for each in issuers if each.provider.accounts == DOMESTIC), None)
    if issuer is None:
        raise NotFound
    if request.method != "GET":
        raise MethodNotAllowed("OPTIONS, GET")
    try:
        return plain.json(200, dict(issuer.document()))
    except Failed:
        raise Unavailable("The provider does not answer; try again shortly.") from None
