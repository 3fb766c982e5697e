"""What files and folders say about people, and why somebody may do what they may do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Annotated, Literal, cast

from davshare.api.call import Call, Route, Who
from davshare.api.moments import future, moment
from davshare.api.pages import Next, Paging
from davshare.api.rights import PermissionName, RoleName, names_of, rights_of, role_of
from davshare.api.schema import Says
from davshare.errors import NotFound, Unprocessable
from davshare.files import access, explain
from davshare.files.access import Rule
from davshare.files.context import Address, Asker, Connection
from davshare.files.explain import Considered
from davshare.files.locate import Place
from davshare.model import names
from davshare.model.access import Permission, Rights
from davshare.model.people import Actor

_PATH = Says("The address of a file or folder, such as /dav/spaces/NAME/folder or /dav/home/folder.", 0, 4096)
_WHO = Says("The name of the user or group.", 1, 64)


@dataclass(frozen=True, slots=True)
class At:
    """Which file or folder."""

    path: Annotated[str, _PATH] = ""


@dataclass(frozen=True, slots=True)
class Question:
    """Whose access to which file or folder; one's own by default."""

    path: Annotated[str, _PATH] = ""
    user: Annotated[str | None, Says("A user.", 1, 64)] = None
    group: Annotated[str | None, Says("A group instead of a user.", 1, 64)] = None
    link: Annotated[int | None, Says("Whoever comes by this public link, instead of a user.", 1)] = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that a node says."""

    on: Annotated[str, Says("The address of the node that says it.")]
    inherited: Annotated[bool, Says("Whether that is a folder above.")]
    denied: Annotated[bool, Says("Whether the permissions are denied, not granted.")]
    kind: Literal["user", "group"]
    name: Annotated[str, _WHO]
    role: Annotated[str | None, Says("A named set of permissions; null where no role is exactly these.")]
    permissions: list[PermissionName]
    expires: Annotated[datetime | None, Says("When this ends; null for never.")]


@dataclass(frozen=True, slots=True)
class AccessList:
    """What a node and the folders above it say, in the order in which it decides: the nearest first."""

    items: list[Entry]


@dataclass(frozen=True, slots=True)
class NewEntry:
    """What the node shall say: a role or permissions, one of both."""

    role: Annotated[RoleName | None, Says("A named set of permissions.")] = None
    permissions: Annotated[list[PermissionName] | None, Says("Single permissions.", 1, 8)] = None
    expires: Annotated[datetime | None, Says("When this ends; null for never.")] = None


@dataclass(frozen=True, slots=True)
class Reason:
    """One entry that was considered, and the permissions that it decided."""

    entry: Entry
    decides: list[PermissionName]
    expired: Annotated[bool, Says("Whether its time was over.")]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What somebody may do, and everything that was considered for it, the nearest first."""

    path: Annotated[str, Says("The address.")]
    role: Annotated[str | None, Says("The role that the permissions are; null for others.")]
    permissions: list[PermissionName]
    visible: Annotated[bool, Says("Whether they may know of it at all.")]
    archived: Annotated[bool, Says("Whether nothing in the space can be changed.")]
    rule: Annotated[str | None, Says("What goes before all entries, if anything does.")]
    considered: list[Reason]


@dataclass(frozen=True)
class Sight(Paging):
    """Whose sight of which folder, and which part of it; one's own by default."""

    path: Annotated[str, _PATH] = ""
    user: Annotated[str | None, Says("A user.", 1, 64)] = None
    group: Annotated[str | None, Says("A group instead of a user.", 1, 64)] = None
    link: Annotated[int | None, Says("Whoever comes by this public link, instead of a user.", 1)] = None


@dataclass(frozen=True, slots=True)
class Member:
    """One member that they see."""

    name: str
    kind: Literal["file", "folder"]
    permissions: list[PermissionName]


@dataclass(frozen=True, slots=True)
class View:
    """What somebody sees in a folder, by the order of names; of a file there are no members."""

    path: Annotated[str, Says("The address.")]
    visible: Annotated[bool, Says("Whether they may know of it at all.")]
    permissions: list[PermissionName]
    items: list[Member]
    next_offset: Next


def _address(call: Call) -> Address:
    return explain.address_of(call.query.path)


def _place(call: Call) -> Place:
    """The place that the query names, as far as the caller may know of it."""
    with call.files.db.snapshot() as connection:
        place = call.files.target(connection, Asker(call.actor), _address(call))
    if not isinstance(place, Place):
        raise NotFound
    place.found()
    return place


def _names(rights: Rights) -> list[PermissionName]:
    return cast(list[PermissionName], names_of(rights))


def _entry(each: Considered) -> Entry:
    kind = cast(Literal["user", "group"], each.kind)
    return Entry(
        each.on, each.inherited, each.denied, kind, each.name, role_of(each.rights), _names(each.rights),
        moment(each.expires),
    )  # fmt: skip


def get(call: Call) -> AccessList:
    """What a file or folder says."""
    place = _place(call)
    with call.files.db.snapshot() as connection:
        return AccessList([_entry(each) for each in explain.listed(connection, place)])


def _put(call: Call, denied: bool) -> Entry:
    new: NewEntry = call.body
    rights = rights_of(new.role, new.permissions)
    with call.files.db.session() as connection:
        principal = access.principal_named(connection, f"{call.path['kind']}:{call.path['member']}").id
    expires = future(new.expires, "expires")
    access.change(call.files, Asker(call.actor), _address(call), Rule(principal, denied, rights, expires))
    kind = cast(Literal["user", "group"], call.path["kind"])
    name = names.key(call.path["member"])
    return Entry(_place(call).href, False, denied, kind, name, role_of(rights), _names(rights), moment(expires))


def grant(call: Call) -> Entry:
    """Grant something."""
    return _put(call, False)


def deny(call: Call) -> Entry:
    """Deny something."""
    return _put(call, True)


def _drop(call: Call, denied: bool) -> None:
    with call.files.db.session() as connection:
        principal = access.principal_named(connection, f"{call.path['kind']}:{call.path['member']}").id
    access.change(call.files, Asker(call.actor), _address(call), Rule(principal, denied, Permission.NONE))


def revoke(call: Call) -> None:
    """Grant something no longer."""
    _drop(call, False)


def allow(call: Call) -> None:
    """Deny something no longer."""
    _drop(call, True)


def _whose(call: Call, connection: Connection, place: Place) -> Actor:
    """Who is asked about: the caller, or whom the query names, if the caller may read the access list."""
    question: Question | Sight = call.query
    if question.user is not None and question.group is not None:
        raise Unprocessable("group", "group: expected either a user or a group.")
    if question.link is not None and (question.user is not None or question.group is not None):
        raise Unprocessable("link", "link: expected either a link, or a user or a group.")
    if _own(call):
        return call.actor
    place.demand(Permission.READ_ACL)
    if question.link is not None:
        return explain.visitor(call.files, connection, place, question.link)
    name, kind = (question.user, "user") if question.group is None else (question.group, "group")
    return explain.actor_named(connection, name or "", kind)


def tell(call: Call) -> Explanation:
    """Explain."""
    place = _place(call)
    with call.files.db.snapshot() as connection:
        actor = _whose(call, connection, place)
        found = explain.explain(connection, place, actor)
    reasons = [Reason(_entry(each), _names(each.decides), each.expired) for each in found.considered]
    return Explanation(
        place.href, role_of(found.rights), _names(found.rights), found.visible, place.space.read_only,
        found.rule, reasons if place.rights & Permission.READ_ACL else [],
    )  # fmt: skip


def see_as(call: Call) -> View:
    """What somebody sees in a folder."""
    question: Sight = call.query
    place = _place(call)
    with call.files.db.snapshot() as connection:
        actor = _whose(call, connection, place)
        have = explain.explain(connection, place, actor)
        start = question.offset
        members = (
            []
            if not have.visible
            else list(islice(explain.seen(connection, place, actor), start, start + question.limit + 1))
        )
    items = [
        Member(each.node.name, "folder" if each.node.is_folder else "file", _names(each.rights)) for each in members
    ]
    after = start + question.limit if len(items) > question.limit else None
    return View(place.href, have.visible, _names(have.rights), items[: question.limit], after)


def _own(call: Call) -> bool:
    """Whether somebody asks about their own access."""
    question: Question | Sight = call.query
    if question.link is not None:
        return False
    return question.group is None and (question.user is None or names.key(question.user) == call.actor.name)


def _may(want: Rights) -> Callable[[Call], None]:
    def check(call: Call) -> None:
        _place(call).demand(want)

    return check


READER = Who("whoever may read the access list there", _may(Permission.READ_ACL))
CHANGER = Who("whoever may change the access list there", _may(Permission.WRITE_ACL))
ASKER = Who("whoever may read there; about others, whoever may read the access list", _may(Permission.READ))
_GRANT, _DENY = "/acl/grants/{kind}/{member}", "/acl/denials/{kind}/{member}"
ROUTES = (
    Route("GET", "/acl", "What a file or folder, and those above it, say about people.", READER, get,
          AccessList, query=At, errors=(NotFound,)),
    Route("PUT", _GRANT, "Let a user or group do something with a file or folder and all below it.", CHANGER, grant,
          Entry, NewEntry, query=At, errors=(NotFound,)),
    Route("PUT", _DENY, "Keep a user or group from something with a file or folder and all below it.", CHANGER, deny,
          Entry, NewEntry, query=At, errors=(NotFound,)),
    Route("DELETE", _GRANT, "Take a grant back.", CHANGER, revoke, query=At, errors=(NotFound,)),
    Route("DELETE", _DENY, "Take a denial back.", CHANGER, allow, query=At, errors=(NotFound,)),
    Route("GET", "/explain", "What somebody may do with a file or folder, and why.", ASKER, tell,
          Explanation, query=Question, errors=(NotFound,)),
    Route("GET", "/see-as", "A folder as somebody sees it.", ASKER, see_as, View, query=Sight, errors=(NotFound,)),
)  # fmt: skip
