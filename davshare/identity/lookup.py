"""People and groups by name, for whatever is asked with names."""

from __future__ import annotations

from davshare.errors import BadRequest, NotFound
from davshare.index import people
from davshare.index.database import Connection
from davshare.model import names
from davshare.model.people import Group, User

_LONGEST_TEXT = 200


def find_user(connection: Connection, name: str) -> User:
    """The user of that name, however its accents are spelled.

    :raises NotFound: there is none.
    """
    user = people.user(connection, names.key(name))
    if user is None:
        raise NotFound("There is no such user.")
    return user


def find_group(connection: Connection, name: str) -> Group:
    """The group of that name.

    :raises NotFound: there is none.
    """
    group = people.group(connection, names.key(name))
    if group is None:
        raise NotFound("There is no such group.")
    return group


def check_text(*texts: str) -> None:
    """Judge display names and addresses.

    :raises BadRequest: one is too long, or holds control characters.
    """
    for text in texts:
        if len(text) > _LONGEST_TEXT or not text.isprintable():
            raise BadRequest(f"A name or address is up to {_LONGEST_TEXT} printable characters.")
