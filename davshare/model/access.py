"""What someone may do, as a set of permissions, and the named roles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

#: A set of permissions: their numbers added up.
Rights = int


class Permission:
    """One right on a node (RFC 3744 section 3; names after the DAV privileges).

    Plain integers: every request combines them several times.
    """

    READ: Final = 1
    WRITE_CONTENT: Final = 2
    BIND: Final = 4
    UNBIND: Final = 8
    WRITE_PROPERTIES: Final = 16
    UNLOCK: Final = 32
    READ_ACL: Final = 64
    WRITE_ACL: Final = 128
    #: Let others in, to no more than one may do; no privilege of RFC 3744.
    SHARE: Final = 256

    NONE: Final = 0
    WRITE: Final = WRITE_CONTENT | BIND | UNBIND | WRITE_PROPERTIES
    ALL: Final = 511


#: Named sets of permissions for members of a space.
ROLES: dict[str, Rights] = {
    "viewer": Permission.READ,
    "contributor": Permission.READ | Permission.BIND,
    "editor": Permission.READ | Permission.WRITE,
    "manager": Permission.ALL,
}

#: The DAV privilege of each permission (RFC 3744 section 3).
PRIVILEGES: dict[Rights, str] = {
    Permission.READ: "read",
    Permission.WRITE_CONTENT: "write-content",
    Permission.BIND: "bind",
    Permission.UNBIND: "unbind",
    Permission.WRITE_PROPERTIES: "write-properties",
    Permission.UNLOCK: "unlock",
    Permission.READ_ACL: "read-acl",
    Permission.WRITE_ACL: "write-acl",
    Permission.SHARE: "share",
}
#: What a privilege stands for, with those that hold others.
BY_PRIVILEGE: dict[str, Rights] = {
    **{name: rights for rights, name in PRIVILEGES.items()},
    "write": Permission.WRITE,
    "all": Permission.ALL,
}


def privileges_of(rights: Rights) -> list[str]:
    """The fewest privileges that make up a set of permissions."""
    if rights == Permission.ALL:
        return ["all"]
    whole = rights & Permission.WRITE == Permission.WRITE
    found = ["write"] if whole else []
    left = rights & ~Permission.WRITE if whole else rights
    return sorted([*found, *[name for bit, name in PRIVILEGES.items() if bit & left]], key=list(BY_PRIVILEGE).index)


def rights_of(words: Iterable[str]) -> Rights:
    """Permissions from names of roles and privileges.

    :raises KeyError: a word is neither.
    """
    found = Permission.NONE
    for word in words:
        found |= ROLES[word] if word in ROLES else BY_PRIVILEGE[word]
    return found


def spoken(rights: Rights) -> str:
    """A set of permissions as people say it: a role, or privileges with commas."""
    return next((name for name, each in ROLES.items() if each == rights), ",".join(privileges_of(rights)))
