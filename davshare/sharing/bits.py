"""Permissions as the sharing calls of ownCloud and Nextcloud count them.

github.com/owncloud/core, lib/public/Constants.php: read 1, update 2, create 4, delete 8, share 16.
"""

from __future__ import annotations

from typing import Final

from davshare.model.access import Permission, Rights

READ: Final = 1
UPDATE: Final = 2
CREATE: Final = 4
DELETE: Final = 8
SHARE: Final = 16
ALL: Final = 31
#: What makes sense of a file.
OF_FILE: Final = READ | UPDATE | SHARE

_RIGHTS: dict[int, Rights] = {
    READ: Permission.READ,
    UPDATE: Permission.WRITE_CONTENT | Permission.WRITE_PROPERTIES,
    CREATE: Permission.BIND,
    DELETE: Permission.UNBIND,
    SHARE: Permission.SHARE,
}
#: What people say to each other.
ROLES: dict[str, Rights] = {
    "viewer": Permission.READ,
    "uploader": Permission.READ | Permission.BIND,
    "editor": Permission.READ | Permission.WRITE,
    "co-owner": Permission.ALL,
}
#: The same of public links.
LINK_ROLES: dict[str, Rights] = {
    "viewer": Permission.READ,
    "uploader": Permission.READ | Permission.BIND,
    "editor": Permission.READ | Permission.WRITE,
    "drop-box": Permission.BIND,
}
#: What is enough for a bit to be told.
_SHOWN: dict[int, Rights] = {
    READ: Permission.READ,
    UPDATE: Permission.WRITE_CONTENT,
    CREATE: Permission.BIND,
    DELETE: Permission.UNBIND,
    SHARE: Permission.SHARE | Permission.WRITE_ACL,
}


def rights_of(bits: int) -> Rights:
    """The permissions that a number stands for; whoever may do anything may read."""
    found = Permission.NONE
    for bit, rights in _RIGHTS.items():
        if bits & bit:
            found |= rights
    return found | Permission.READ if found else found


def of_link(bits: int) -> Rights:
    """The permissions of a public link for a number: just these, since by some things come in only."""
    return sum(rights for bit, rights in _RIGHTS.items() if bits & bit)


def bits_of(rights: Rights, folder: bool = True) -> int:
    """The number for some permissions, as far as it can tell them; of a file fewer make sense."""
    found = sum(bit for bit, enough in _SHOWN.items() if rights & enough)
    return found if folder else found & OF_FILE


def fitting(rights: Rights, folder: bool) -> Rights:
    """Permissions without those that make no sense of a file."""
    return rights if folder else rights & ~(Permission.BIND | Permission.UNBIND)


def role_of(rights: Rights, folder: bool = True) -> str | None:
    """The role that some permissions are, to share them on or not; None for others."""
    return _role(ROLES, rights, folder)


def link_role_of(rights: Rights, folder: bool = True) -> str | None:
    """The same of what a public link lets do."""
    return _role(LINK_ROLES, rights, folder)


def _role(roles: dict[str, Rights], rights: Rights, folder: bool) -> str | None:
    plain = rights & ~Permission.SHARE
    return next((name for name, each in roles.items() if plain == fitting(each, folder) & ~Permission.SHARE), None)
