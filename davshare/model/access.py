"""What someone may do, as a set of permissions, and the named roles."""

from __future__ import annotations

from enum import IntFlag


class Permission(IntFlag):
    """One right on a node (RFC 3744 section 3; names after the DAV privileges)."""

    READ = 1
    WRITE_CONTENT = 2
    BIND = 4
    UNBIND = 8
    WRITE_PROPERTIES = 16
    UNLOCK = 32
    READ_ACL = 64
    WRITE_ACL = 128

    NONE = 0
    WRITE = WRITE_CONTENT | BIND | UNBIND | WRITE_PROPERTIES
    ALL = 255


#: Named sets of permissions for members of a space.
ROLES: dict[str, Permission] = {
    "viewer": Permission.READ,
    "contributor": Permission.READ | Permission.BIND,
    "editor": Permission.READ | Permission.WRITE,
    "manager": Permission.ALL,
}
