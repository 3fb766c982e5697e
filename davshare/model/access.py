"""What someone may do, as a set of permissions, and the named roles."""

from __future__ import annotations

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

    NONE: Final = 0
    WRITE: Final = WRITE_CONTENT | BIND | UNBIND | WRITE_PROPERTIES
    ALL: Final = 255


#: Named sets of permissions for members of a space.
ROLES: dict[str, Rights] = {
    "viewer": Permission.READ,
    "contributor": Permission.READ | Permission.BIND,
    "editor": Permission.READ | Permission.WRITE,
    "manager": Permission.ALL,
}
