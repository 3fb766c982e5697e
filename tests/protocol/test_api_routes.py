"""The table of routes: what it says is what happens, to everybody."""

from __future__ import annotations

import json
import re
import secrets

import pytest
from openapi_spec_validator import validate

from davshare.api import openapi, who
from davshare.api.call import BASE, Route
from davshare.api.pages import Paging
from davshare.api.table import ROUTES
from support.api import PROBLEM, Api
from support.ocs import Ocs
from support.raw import basic
from support.server import Server

pytestmark = pytest.mark.slow

NAME = lambda route: f"{route.method} {route.path}"  # noqa: E731
#: Bodies that the models accept, for routes that take one.
BODIES = {
    ("POST", "/me/tokens"): {},
    ("PATCH", "/me"): {},
    ("POST", "/users"): {"name": "NEW"},
    ("PATCH", "/users/{user}"): {},
    ("POST", "/users/{user}/handover"): {"to": "admin"},
    ("POST", "/groups"): {"name": "NEW"},
    ("PATCH", "/groups/{group}"): {"display_name": "Staff"},
    ("POST", "/spaces"): {"name": "NEW"},
    ("PATCH", "/spaces/{space}"): {},
    ("PUT", "/spaces/{space}/members/{kind}/{member}"): {"role": "viewer"},
    ("PATCH", "/settings"): {},
    ("PATCH", "/users/{user}/settings"): {},
    ("POST", "/upload-plan"): {"folder": "/dav/home", "files": [{"path": "x", "size": 1}]},
    ("POST", "/webhooks"): {"url": "https://hooks.example.org/"},
    ("PATCH", "/webhooks/{webhook}"): {},
    ("PATCH", "/me/notifications/{notification}"): {},
    ("PATCH", "/me/notifications"): {},
    ("PATCH", "/me/preferences"): {"mail": None},
    ("POST", "/shares"): {"path": "/dav/home/NEW", "receiver": {"kind": "user", "name": "victim"}},
    ("PATCH", "/shares/{share}"): {},
    ("POST", "/links"): {"path": "/dav/home/NEW"},
    ("PATCH", "/links/{link}"): {},
    ("PUT", "/acl/grants/{kind}/{member}"): {"role": "viewer"},
    ("PUT", "/acl/denials/{kind}/{member}"): {"permissions": ["bind"]},
}
#: Queries of the routes that need one.
QUERIES = dict.fromkeys(
    ("/acl", "/acl/grants/{kind}/{member}", "/acl/denials/{kind}/{member}", "/explain", "/see-as"),
    "?path=/dav/spaces/{space}/",
)
#: Routes that anyone who is signed in may call, whatever is behind them.
OPEN = [route for route in ROUTES if route.who in (who.SIGNED_IN, who.ANYONE)]
PARAMETERS = (
    *("user", "group", "inner", "space", "token", "device", "kind", "member", "webhook", "share", "link"),
    "notification",
)
#: Whether a path leads to what nobody but its owner knows.
OWN = re.compile("{(token|device|webhook|share|link|notification)}").search
#: Routes for which one has to sign in.
SIGNED_IN = [route for route in ROUTES if route.who.signed_in]
CLOSED = [route for route in ROUTES if route not in OPEN]


@pytest.fixture(scope="module")
def site(module_server: Server) -> Server:
    """A server with a victim, a stranger, a group and a space."""
    admin = Api.of(module_server, "admin")
    for name in ("victim", "mallory"):
        admin.post("/users", {"name": name, "password": "some-pass-123"}).ok(201)
        module_server.users[name] = "some-pass-123"
    new_things(module_server)
    return module_server


def new_things(server: Server) -> dict[str, str]:
    """Values for the parameters of paths: of things that are there, and that a call may remove."""
    admin = Api.of(server, "admin")
    mark = secrets.token_hex(4)
    made = {"user": f"u{mark}", "group": f"g{mark}", "inner": f"i{mark}", "space": f"s{mark}"}
    made |= {"token": "999999", "device": "999999", "notification": "999999"}
    admin.post("/users", {"name": made["user"]}).ok(201)
    admin.post("/groups", {"name": made["group"]}).ok(201)
    admin.post("/groups", {"name": made["inner"]}).ok(201)
    admin.post("/spaces", {"name": made["space"]}).ok(201)
    admin.put(f"/spaces/{made['space']}/members/user/{made['user']}", {"role": "viewer"}).ok()
    path = f"/dav/spaces/{made['space']}/"
    admin.put(f"/acl/denials/user/{made['user']}?path={path}", {"permissions": ["bind"]}).ok()
    hooks = admin.get("/webhooks").ok()["items"]
    hook = hooks[0] if hooks else admin.post("/webhooks", {"url": "https://hooks.example.org/"}).ok(201)["webhook"]
    admin.raw("MKCOL", f"/dav/home/{mark}/")
    receiver = {"kind": "user", "name": made["user"]}
    share = admin.post("/shares", {"path": f"/dav/home/{mark}", "receiver": receiver}).ok(201)
    link = admin.post("/links", {"path": f"/dav/home/{mark}"}).ok(201)
    made |= {"webhook": str(hook["id"]), "share": str(share["id"]), "link": str(link["id"])}
    return {**made, "kind": "user", "member": made["user"]}


def address(route: Route) -> str:
    """The template of an address, with the query that the route needs."""
    return route.path + QUERIES.get(route.path, "")


def call(api: Api, route: Route, values: dict[str, str]):
    """A well-formed call of a route."""
    path = address(route).format_map(values)
    body = BODIES.get((route.method, route.path), ...)
    if route.takes is None:
        return api.ask(route.method, path)
    if isinstance(body, dict) and body.get("name") == "NEW":
        body = {**body, "name": f"n{secrets.token_hex(4)}"}
    if isinstance(body, dict) and str(body.get("path")).endswith("/NEW"):
        path_ = f"/dav/home/n{secrets.token_hex(4)}"
        api.raw("MKCOL", path_ + "/")
        body = {**body, "path": path_}
    return api.ask(route.method, path, body)


@pytest.mark.rfc("9110", "15.5.2", "the JSON door challenges whoever sends no credentials, and tells nothing")
@pytest.mark.parametrize("route", SIGNED_IN, ids=NAME)
def test_nobody(site: Server, route: Route) -> None:
    """Without credentials nothing is told or done, and the answer says how to sign in."""
    reply = call(Api(site, None), route, new_things(site))
    reply.refused(401)
    challenges = reply.headers.get_all("WWW-Authenticate")
    assert challenges is not None and [each.split()[0] for each in challenges] == ["Basic", "Bearer"]


@pytest.mark.parametrize("route", CLOSED, ids=NAME)
def test_strangers(site: Server, route: Route) -> None:
    """Who has no right is refused in the same way, whether the thing is there or not."""
    mallory = Api.of(site, "mallory")
    there = call(mallory, route, new_things(site))
    missing = dict.fromkeys(new_things(site), "nothing-here") | {"kind": "user"}
    absent = call(mallory, route, missing)
    assert there.status in (403, 404), there
    assert (there.status, there.json) == (absent.status, absent.json)


@pytest.mark.parametrize("route", OPEN, ids=NAME)
def test_anyone(site: Server, route: Route) -> None:
    """What everybody may do is only about themselves."""
    reply = call(Api.of(site, "mallory"), route, new_things(site))
    assert reply.status in (200, 201, 202, 204) or (reply.status == 404 and OWN(route.path)), reply


@pytest.mark.parametrize("route", ROUTES, ids=NAME)
def test_administrators(site: Server, route: Route) -> None:
    """Administrators can do everything, and everything does something."""
    reply = call(Api.of(site, "admin"), route, new_things(site))
    assert reply.status in (200, 201, 202, 204) or (reply.status == 404 and OWN(route.path)), reply


@pytest.mark.parametrize("route", SIGNED_IN, ids=NAME)
def test_tokens_for_a_part(site: Server, route: Route) -> None:
    """An app token that reaches only a part manages nothing, even an administrator's."""
    secret = site.cli("token", "add", "admin", "--scope", "path:home").stdout.strip()
    reply = call(Api.bearer(site, secret), route, new_things(site))
    if not route.partial:
        reply.refused(403)
    else:
        assert reply.status in (200, 404)


@pytest.mark.parametrize("route", ROUTES, ids=NAME)
def test_tokens_that_only_read(site: Server, route: Route) -> None:
    """A token for reading changes nothing; what it reads is what its owner may read."""
    secret = site.cli("token", "add", "admin", "--scope", "read").stdout.strip()
    reply = call(Api.bearer(site, secret), route, new_things(site))
    assert reply.status == (200 if route.method == "GET" else 403), reply


def test_full_tokens(site: Server) -> None:
    """A token without limits is as good as the password."""
    secret = site.cli("token", "add", "admin").stdout.strip()
    name = f"n{secrets.token_hex(4)}"
    Api.bearer(site, secret).post("/users", {"name": name}).ok(201)
    Api(site, basic("admin", secret)).delete(f"/users/{name}").ok(204)


@pytest.mark.parametrize("route", [route for route in ROUTES if route.method != "GET"], ids=NAME)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://127.0.0.1:1"},
    ],
    ids=["origin", "null", "fetch", "port"],
)
def test_pages_of_other_sites(site: Server, route: Route, headers: dict[str, str]) -> None:
    """A browser that was made to send a request with remembered credentials changes nothing."""
    path = address(route).format_map(dict.fromkeys(PARAMETERS, "x"))
    Api.of(site, "admin").ask(route.method, path, {}, headers).refused(403)


def test_our_own_pages(site: Server) -> None:
    """Pages of the site itself may."""
    admin = Api.of(site, "admin")
    admin.ask("PATCH", "/me", {}, {"Origin": site.url, "Sec-Fetch-Site": "same-origin"}).ok()
    assert admin.ask("GET", "/me", headers={"Origin": "https://elsewhere.example"}).ok()
    assert "Access-Control-Allow-Origin" not in admin.get("/me").headers


@pytest.mark.parametrize("route", [route for route in ROUTES if route.takes is not None], ids=NAME)
@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"a=b", "application/x-www-form-urlencoded", 415),
        (b"{}", "text/plain", 415),
        (b"{}", None, 415),
        (b"{}", "application/json; charset=latin-1", 415),
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b'{"name":"a","name":"b"}', "application/json", 400),
        (b'{"quota":NaN}', "application/json", 400),
        (b'"\xff"', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"1" * 10_000, "application/json", 400),
        (b" " * (1024 * 1024 + 1), "application/json", 413),
    ],
    ids=["form", "plain", "none", "charset", "empty", "cut", "twice", "nan", "utf8", "deep", "digits", "large"],
)
def test_malformed_bodies(site: Server, route: Route, body: bytes, kind: str | None, status: int) -> None:
    """Only JSON, whole, in UTF-8, and not too much of it."""
    things = {**dict.fromkeys(PARAMETERS, "x"), "space": a_space(site)}
    path = BASE + address(route).format_map({**things, "kind": "user", "member": "x"})
    sent = {} if kind is None else {"Content-Type": kind}
    reply = Api.of(site, "admin").raw(route.method, path, body, sent)
    reply.refused(status)


def a_space(server: Server) -> str:
    """The name of some space."""
    return str(Api.of(server, "admin").get("/spaces?limit=1").ok()["items"][0]["name"])


@pytest.mark.rfc("9457", "3", "refusals are problem details that name the field and repeat nothing that was sent")
@pytest.mark.parametrize("route", [route for route in ROUTES if route.takes is not None], ids=NAME)
@pytest.mark.parametrize("body", [[], "text", 1, None, {"no-such-field": 1, "evil<b>": 2}], ids=repr)
def test_bodies_that_are_no_model(site: Server, route: Route, body: object) -> None:
    """Other kinds of JSON, and fields that nobody knows, are 422; what was sent is not repeated."""
    things = {**dict.fromkeys(PARAMETERS, "x"), "space": a_space(site)}
    path = address(route).format_map({**things, "kind": "user", "member": "x"})
    reply = Api.of(site, "admin").ask(route.method, path, body)
    assert reply.status == 422 and reply.json["field"], reply
    assert b"evil" not in reply.body and b"no-such" not in reply.body


@pytest.mark.parametrize("route", [route for route in ROUTES if route.method == "GET"], ids=NAME)
def test_queries(site: Server, route: Route) -> None:
    """What no route knows is refused, and limits are limits."""
    admin = Api.of(site, "admin")
    path = address(route).format_map(new_things(site))
    path += "&" if "?" in path else "?"
    assert admin.raw("GET", f"{BASE}{path}nonsense=1").status == 400
    if route.query is None or not issubclass(route.query, Paging):
        return
    admin.get(path + "limit=0").refused(422, "limit")
    admin.get(path + "limit=501").refused(422, "limit")
    admin.get(path + "offset=-1").refused(422, "offset")
    admin.get(path + "offset=many").refused(422, "offset")
    admin.get(path + "offset=1&offset=2").refused(400)
    admin.get(path + "limit=%FF").refused(400)
    admin.get(path + "limit=500").ok()
    assert len(admin.get(path + "offset=999999").ok()["items"]) == 0


@pytest.mark.rfc("9110", "15.5.6", "405 of the JSON door names the methods that its table has")
@pytest.mark.parametrize("route", ROUTES, ids=NAME)
def test_other_methods(site: Server, route: Route) -> None:
    """405 says what is possible, and OPTIONS says the same."""
    path = BASE + address(route).format_map(dict.fromkeys(PARAMETERS, "x"))
    nobody = Api(site, None)
    reply = nobody.raw("PROPFIND", path)
    reply.refused(405)
    allowed = {each.strip() for each in reply.headers["Allow"].split(",")}
    here = {each.method for each in ROUTES if each.path == route.path}
    assert allowed == here | {"OPTIONS"} | ({"HEAD"} if "GET" in here else set())
    options = nobody.raw("OPTIONS", path)
    assert (options.status, options.headers["Allow"]) == (204, reply.headers["Allow"])


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/v1", "/api/v2/me", "/api/v1/", "/api/v1/x", "/api/v1/me/x/y"])
@pytest.mark.parametrize("user", [None, "admin"])
def test_unknown_paths(site: Server, path: str, user: str | None) -> None:
    """Nothing is there, for anybody and by any method."""
    for method in ("GET", "POST", "OPTIONS", "PROPFIND"):
        Api.of(site, user).raw(method, path).refused(404)


@pytest.mark.parametrize("path", ["/api/v1/users/%ff", "/api/v1/users/a%2fb", "/api/v1/../me", "/api/v1/users/%00"])
def test_malformed_paths(site: Server, path: str) -> None:
    """Paths that cannot be read are problems, too."""
    Api.of(site, "admin").raw("GET", path).refused(400)


def test_head(site: Server) -> None:
    """HEAD is GET without the body."""
    admin = Api.of(site, "admin")
    head, get = admin.raw("HEAD", f"{BASE}/me"), admin.raw("GET", f"{BASE}/me")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(len(get.body)))
    refused = Api(site, None).raw("HEAD", f"{BASE}/me")
    assert (refused.status, refused.body) == (401, b"")


@pytest.mark.parametrize("gateway", ["direct", "wsgidav"])
def test_gateways_and_public_addresses(own_server, gateway: str) -> None:
    """Both gateways lead here, and addresses in answers are those that people know."""
    server = own_server(env={"DAVSHARE_GATEWAY": gateway, "DAVSHARE_PUBLIC_URL": "https://files.example"}, workers=1)
    admin = Api.of(server, "admin")
    made = admin.post("/spaces", {"name": "lab"})
    assert made.ok(201)["url"] == "https://files.example/dav/spaces/lab/"
    assert admin.post("/users/alice/password-reset").ok(201)["url"].startswith("https://files.example/reset/")
    admin.ask("PATCH", "/me", {}, {"Origin": "https://files.example"}).ok()
    admin.ask("PATCH", "/me", {}, {"Origin": server.url}).refused(403)
    admin.raw("GET", "/api/v1/nothing").refused(404)
    Api(server, None).get("/me").refused(401)
    assert admin.raw("PATCH", "/api/v1/me", b"x" * 3_000_000, {"Content-Type": "application/json"}).status == 413
    assert Ocs(server, "admin").get("user").ok()["id"] == "admin"


def test_document(site: Server) -> None:
    """The document is valid OpenAPI 3.1, needs no sign-in, and has every route with its rights and refusals."""
    reply = Api(site, None).raw("GET", f"{BASE}/openapi.json")
    document = reply.ok()
    assert reply.headers["Content-Type"] == "application/json"
    validate(document)
    told = {(method.upper(), path) for path, each in document["paths"].items() for method in each}
    assert told == {(route.method, route.path) for route in ROUTES}
    ids = [each["operationId"] for path in document["paths"].values() for each in path.values()]
    assert len(set(ids)) == len(ids)
    for route in ROUTES:
        operation = document["paths"][route.path][route.method.lower()]
        assert route.who.doc in operation["description"] and operation["summary"].endswith(".")
        assert (operation.get("security") == []) == (not route.who.signed_in)
        assert not route.who.signed_in or PROBLEM in operation["responses"]["401"]["content"]
        assert ("requestBody" in operation) == (route.takes is not None)
    assert json.loads(reply.body) == json.loads(json.dumps(openapi.document()))
