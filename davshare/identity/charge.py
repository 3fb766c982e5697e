"""Group administrators: managers of groups who may change the accounts of those in them.

They are in charge only of whom an administrator, or another source of
accounts, has put into their groups.  Whom a manager has chosen is in the group
and nothing more: otherwise whoever manages a group would be master of every
account by taking it in.  Nobody but administrators is in charge of
administrators.
"""

from __future__ import annotations

from davshare.files.service import Files
from davshare.identity.groups import CHOSEN, PAGE
from davshare.index import members, people
from davshare.index.database import Database
from davshare.model.people import Actor, Group, User


def managed(files: Files, actor: Actor) -> list[Group]:
    """The groups whose accounts an actor may administer, by name; none where the settings say so."""
    if not files.settings.get("accounts.group_admins"):
        return []
    with files.db.session() as connection:
        return members.managed_by(connection, actor.user)


def is_in_charge(files: Files, actor: Actor, user: User) -> bool:
    """Whether an actor may change somebody else's account."""
    if actor.admin:
        return True
    if user.admin or not files.settings.get("accounts.group_admins"):
        return False
    with files.db.session() as connection:
        return members.is_in_charge(connection, actor.user, user.id, CHOSEN)


def wards(database: Database, manager: int, text: str = "", offset: int = 0, limit: int = PAGE) -> list[User]:
    """A page of those in the groups that somebody manages, by name; ``text`` is as in a search for users."""
    with database.session() as connection:
        return people.users_managed_by(connection, manager, text, offset, limit)


def administrators(database: Database, offset: int = 0, limit: int = PAGE) -> list[User]:
    """A page of those who administer the server, by name."""
    with database.session() as connection:
        return people.administrators_page(connection, offset, limit)
