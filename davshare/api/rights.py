"""Permissions by the names that RFC 3744 section 3 gives the privileges, and roles by ours."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from davshare.errors import Unprocessable
from davshare.model.access import PRIVILEGES, ROLES, Permission, Rights

RoleName = Literal["viewer", "contributor", "editor", "manager"]
PermissionName = Literal[
    "read", "write-content", "bind", "unbind", "write-properties", "unlock", "read-acl", "write-acl", "share"
]
_BITS: dict[str, Rights] = {name: bit for bit, name in PRIVILEGES.items()}


def role_of(rights: Rights) -> str | None:
    """The role that is exactly these permissions; None for others."""
    return next((name for name, each in ROLES.items() if each == rights), None)


def names_of(rights: Rights) -> list[str]:
    """The names of permissions."""
    return [name for name, bit in _BITS.items() if rights & bit]


def rights_of(role: str | None, permissions: Iterable[str] | None, at: str = "") -> Rights:
    """The permissions that a role, or a list of names, stands for; one of them has to be given.

    :raises Unprocessable: neither or both are, or the list is empty.
    """
    here = f"{at}.role" if at else "role"
    if (role is None) == (permissions is None):
        raise Unprocessable(here, f"{here}: expected either a role or permissions.")
    if role is not None:
        return ROLES[role]
    rights = Permission.NONE
    for name in permissions or ():
        rights |= _BITS[name]
    if not rights:
        raise Unprocessable(here, f"{here}: expected at least one permission.")
    return rights
