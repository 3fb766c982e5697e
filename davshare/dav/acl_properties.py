"""The access control list of a resource as properties (RFC 3744 section 5).

The list is told in the order in which it decides: what the resource says
itself before what its folders say, the nearest first, and on each denials before
grants.  The first entry that names a privilege decides about it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from davshare.dav.scope import REFUSED, Scope, Value, group_url, principal_url
from davshare.dav.xml import href, privilege
from davshare.files.access import Told
from davshare.model.access import Permission, Rights, privileges_of
from davshare.model.nodes import Node

RESTRICTIONS: Final = "<d:no-invert/><d:deny-before-grant/>"
_LANG = 'xml:lang="en"'
#: Every privilege, what it is for, and what it holds.
_TREE: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("read", "Read content, properties and listings", ("read-current-user-privilege-set",)),
    ("write", "Change everything but access", ("write-properties", "write-content", "bind", "unbind")),
    ("unlock", "Remove the locks of others", ()),
    ("read-acl", "Read who may do what", ()),
    ("write-acl", "Change who may do what", ()),
    ("share", "Let others in, to no more than one may do", ()),
)
_LEAVES = {
    "read-current-user-privilege-set": "See what one may do oneself; comes with read",
    "write-properties": "Change properties",
    "write-content": "Replace the content of files",
    "bind": "Add members to a collection",
    "unbind": "Remove members from a collection",
}
#: What cannot be granted by itself.
ABSTRACT = frozenset({"read-current-user-privilege-set"})


def supported_privilege_set(scope: Scope) -> Value:
    """RFC 3744 section 5.3: the same on every resource."""
    told = supported_privileges()
    return lambda node: told


@lru_cache(maxsize=1)
def supported_privileges() -> str:
    """The tree of privileges."""
    inner = "".join(
        _supported(name, text, "".join(_supported(leaf, _LEAVES[leaf], "", leaf in ABSTRACT) for leaf in leaves))
        for name, text, leaves in _TREE
    )
    return _supported("all", "Everything", inner)


def _supported(name: str, text: str, inner: str, abstract: bool = False) -> str:
    mark = "<d:abstract/>" if abstract else ""
    return (
        f"<d:supported-privilege>{privilege(name)}{mark}"
        f"<d:description {_LANG}>{text}</d:description>{inner}</d:supported-privilege>"
    )


def acl(scope: Scope) -> Value:
    """RFC 3744 section 5.5; refused to those who may not read it."""

    def told(node: Node) -> str:
        if not scope.rights(node) & Permission.READ_ACL:
            return REFUSED
        return "".join([_protected(scope), *_aces(scope, node)])

    return told


def _protected(scope: Scope) -> str:
    """What goes before everything else: owners in their home."""
    owner = scope.owner
    return "" if owner is None else _ace(principal_url(owner), False, Permission.ALL, "<d:protected/>")


def _aces(scope: Scope, node: Node) -> Iterator[str]:
    for told in scope.said(node):
        yield _ace(url_of(told), told.deny, told.rights)
    for url, said in scope.said_above(node):
        for told in said:
            yield _ace(url_of(told), told.deny, told.rights, f"<d:inherited>{href(url)}</d:inherited>")


def _ace(url: str, deny: bool, rights: Rights, more: str = "") -> str:
    kind = "deny" if deny else "grant"
    told = "".join(map(privilege, privileges_of(rights)))
    return f"<d:ace><d:principal>{href(url)}</d:principal><d:{kind}>{told}</d:{kind}>{more}</d:ace>"


def url_of(told: Told) -> str:
    """The address of the principal that something is said to."""
    return principal_url(told.name) if told.kind == "user" else group_url(told.name)


def inherited_acl_set(scope: Scope) -> Value:
    """RFC 3744 section 5.7: the folders above that say something."""
    return lambda node: "".join(href(url) for url, _ in scope.said_above(node))


def acl_restrictions(scope: Scope) -> Value:
    """RFC 3744 section 5.6."""
    return lambda node: RESTRICTIONS
