"""Less than somebody may do: the scope of a token that is got with other credentials."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from davshare.errors import BadRequest, Forbidden, NotFound
from davshare.files.context import Address, Asker
from davshare.files.locate import Place
from davshare.identity.apptokens import MASKS
from davshare.model import names
from davshare.model.people import Actor

if TYPE_CHECKING:
    from davshare.files.service import Files


def narrowed(files: Files, actor: Actor, scope: str) -> Actor:
    """The actor within a scope, which can only take away.

    :param scope: words as those of app tokens, separated by spaces or commas; empty: nothing is taken away.
    :raises BadRequest: a word makes no sense, or two contradict each other.
    :raises NotFound: a path leads nowhere that the actor may know of.
    :raises Forbidden: the actor is limited to another node already.
    """
    masks, ways = set(), set()
    for word in scope.replace(",", " ").split():
        kind, colon, rest = word.partition(":")
        if word in MASKS:
            masks.add(MASKS[word])
        elif colon and rest and kind in ("space", "path"):
            ways.add(_address(kind, rest))
        else:
            raise BadRequest("A scope is read, write, space:NAME or path:home/FOLDER.")
    if len(masks) > 1 or len(ways) > 1:
        raise BadRequest("A token is either read or write, and reaches one space or one path.")
    for mask in masks:
        actor = replace(actor, mask=actor.mask & mask)
    for way in ways:
        node = _node(files, actor, way)
        # A node below that of the credentials could be moved away from there later, and the token with it.
        if actor.node not in (None, node):
            raise Forbidden("These credentials reach one folder only; a token for another one cannot be had with them.")
        actor = replace(actor, node=node)
    return actor


def _address(kind: str, rest: str) -> Address:
    parts = tuple(names.key(part) for part in rest.split("/") if part)
    if kind == "space":
        parts = ("spaces", *parts)
    if not parts or parts[0] not in ("home", "spaces", "users"):
        raise BadRequest("The path of a scope begins with home/, spaces/NAME/ or users/NAME/.")
    if not {".", ".."}.isdisjoint(parts):
        raise BadRequest("The path of a scope holds a dot segment.")
    return Address(("dav", *parts))


def _node(files: Files, actor: Actor, way: Address) -> int:
    target = files.glimpse(Asker(actor), way)
    if not isinstance(target, Place) or target.node is None or not target.rights:
        raise NotFound("The scope names a path that does not exist.")
    return target.node.id
