"""Small questions that doors ask about a place."""

from __future__ import annotations

from davshare.files.locate import Place
from davshare.files.service import Files
from davshare.index import nodes, spaces
from davshare.index.database import Connection
from davshare.model.nodes import Node
from davshare.model.tokens import SyncToken


def sync_token_of(files: Files, connection: Connection, place: Place) -> str:
    """The present sync token of the collections of a place's space."""
    head, _ = spaces.head_and_floor(connection, place.space.id)
    return str(SyncToken(files.epoch, place.space.id, head))


def member(connection: Connection, folder: Node, key: str) -> Node | None:
    """One member of a folder by its NFC name."""
    return nodes.child(connection, folder.id, key)
