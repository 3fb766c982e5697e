"""``/.well-known/openid-configuration`` and ``/.well-known/webfinger``: where ownCloud's apps let people sign in.

They ask the server that they are told of, and not the provider (OpenID Connect
Discovery 1.0 sections 2 and 4, RFC 7033), so they get the provider's own document.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit

from davshare.clients import plain
from davshare.errors import BadRequest, MethodNotAllowed, NotFound, Unavailable
from davshare.http import origins
from davshare.http.request import Request
from davshare.http.responses import Response
from davshare.identity.openid import OpenIdProvider
from davshare.identity.outbound import Failed
from davshare.model.people import Actor

_ISSUER = "http://openid.net/specs/connect/1.0/issuer"
_INSTANCE = "http://webfinger.owncloud/rel/server-instance"
_LONGEST = 2000


def configuration(provider: OpenIdProvider, request: Request, site: str) -> Response:
    """What the provider of this site says of itself: the first configured one whose accounts are the ones here, or we.

    :param site: scheme and host as people know them.
    :raises NotFound: there is no such provider.
    :raises MethodNotAllowed: it is not read.
    :raises Unavailable: the provider does not answer.
    """
    if provider.external is None:
        provider.demand_open()
    _demand_get(request)
    if provider.external is None:
        return plain.json(200, provider.metadata(site))
    try:
        return plain.json(200, dict(provider.external.document()))
    except Failed:
        raise Unavailable("The provider does not answer; try again shortly.") from None


def webfinger(provider: OpenIdProvider, request: Request, site: str, who: Callable[[Request], Actor]) -> Response:
    """Who lets people sign in; for those who have signed in also at which server their account is, which is this one.

    :raises NotFound: neither this site nor the account of whoever asks was meant.
    :raises BadRequest: nothing is asked for.
    :raises NotAuthenticated: it is asked for an account, and not said by whom.
    :raises MethodNotAllowed: it is not read.
    """
    _demand_get(request)
    resource, relations = _asked(request)
    account = resource.startswith("acct:")
    actor = who(request) if account or "authorization" in request.headers else None
    if actor is not None and account:
        name, _, host = resource.removeprefix("acct:").rpartition("@")
        if name not in ("me", actor.name) or host.lower() != _host(site):
            raise NotFound
    elif not origins.same(resource, site) or urlsplit(resource).path not in ("", "/"):
        raise NotFound
    issuer = provider.issuer(site)
    links: list[dict[str, object]] = [] if issuer is None else [{"rel": _ISSUER, "href": issuer}]
    if actor is not None:
        links.append({"rel": _INSTANCE, "href": site, "titles": {"en": "davshare"}})
    links = [link for link in links if not relations or link["rel"] in relations]
    # Not application/jrd+json: ownCloud's own servers say this, and their programs look for it.
    return plain.json(200, {"subject": resource, "links": links})


def _host(site: str) -> str:
    """The host of the site, without the port."""
    return (urlsplit(site).hostname or "").lower()


def _asked(request: Request) -> tuple[str, list[str]]:
    """The resource and the relations that are asked for (RFC 7033 section 4.1)."""
    try:
        pairs = parse_qsl(request.query, keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError:
        raise BadRequest("The query is malformed.") from None
    resources = [value for name, value in pairs if name == "resource"]
    if len(resources) != 1 or not resources[0] or len(resources[0]) > _LONGEST:
        raise BadRequest("The query names one resource.")
    return resources[0], [value for name, value in pairs if name == "rel"]


def _demand_get(request: Request) -> None:
    if request.method != "GET":
        raise MethodNotAllowed("OPTIONS, GET")
