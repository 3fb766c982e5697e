"""Runtime settings as the code reads them: a dictionary that follows the index."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from davshare.config import suggestion
from davshare.errors import BadRequest, NotFound
from davshare.index import people
from davshare.index import settings as rows
from davshare.index.database import Connection, Database
from davshare.model import names
from davshare.model.settings import BY_NAME, SETTINGS, Setting, Value


class Settings:
    """The runtime settings of one process; :meth:`get` costs no statement."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._values: dict[str, Value] | None = None
        self._generation = -1

    def get(self, name: str) -> Any:
        """The value, of the type that the table in :mod:`davshare.model.settings` says.

        :raises KeyError: there is no such setting; a mistake in the code.
        """
        values = self._values
        if values is None:
            values = self._load()
        return values[name]

    def of(self, connection: Connection, name: str, user: int) -> Any:
        """The value for one person: their own, or the site's.  One statement."""
        return self.of_person(connection, user).get(name, self.get(name))

    def of_person(self, connection: Connection, user: int) -> dict[str, Value]:
        """What holds for one person of all that can be set for single people."""
        stored = rows.of_user(connection, user)
        personal = [each for each in SETTINGS if each.personal]
        return {
            each.name: stored[each.name] if each.fits(stored.get(each.name)) else self.get(each.name)
            for each in personal
        }

    def all(self) -> dict[str, Value]:
        """Every setting with its value."""
        return dict(self._values if self._values is not None else self._load())

    def refresh(self, generation: int) -> None:
        """Read the rows again if the index is of another generation than the last time."""
        if generation != self._generation:
            self._load()
            self._generation = generation

    def _load(self) -> dict[str, Value]:
        with self._db.session() as connection:
            self._values = values = _current(connection)
        return values


def find(name: str) -> Setting:
    """The setting of that name.

    :raises NotFound: there is none; the message suggests one that is similar.
    """
    setting = BY_NAME.get(name)
    if setting is None:
        raise NotFound(f"There is no such setting{suggestion(name, BY_NAME)}")
    return setting


def _current(connection: Connection) -> dict[str, Value]:
    """All values; a stored one that fits no longer counts as not stored."""
    stored = rows.stored(connection)
    return {each.name: stored[each.name] if each.fits(stored.get(each.name)) else each.default for each in SETTINGS}


def change(database: Database, name: str, text: str) -> Value:
    """Set one from what a person wrote, and return the value.

    :raises NotFound: there is no such setting.
    :raises UsageError: the value does not fit.
    """
    value = find(name).parse(text)
    with database.write() as connection:
        rows.put(connection, name, value)
    return value


def put(database: Database, values: Mapping[str, Value | None]) -> None:
    """Set many at once, or none; None stands for the default.  The caller has looked whether they fit."""
    with database.write() as connection:
        for name, value in values.items():
            if value is None:
                rows.remove(connection, name)
            else:
                rows.put(connection, name, value)


def person(database: Database, name: str) -> int:
    """The id of the user of that name.

    :raises NotFound: there is none.
    """
    with database.session() as connection:
        found = people.user(connection, names.key(name))
    if found is None:
        raise NotFound("There is no such user.")
    return found.id


def values(database: Database, user: str | None) -> dict[str, Value]:
    """Everything that is set for the site, or what can be set for single people as it holds for one.

    :raises NotFound: there is no such user.
    """
    found = Settings(database)
    if user is None:
        return found.all()
    number = person(database, user)
    with database.session() as connection:
        return found.of_person(connection, number)


def put_of(database: Database, user: int, values: Mapping[str, Value | None]) -> None:
    """Set many for one person at once, or none; None: the site's value holds.  The caller has looked whether they fit.

    :raises BadRequest: one of them is for everybody.
    """
    if not all(BY_NAME[name].personal for name in values):
        raise BadRequest("This setting is the same for everybody.")
    with database.write() as connection:
        for name, value in values.items():
            rows.put_of_user(connection, user, name, value)


def reset_of(database: Database, user: int, name: str | None) -> None:
    """Let the site's value of one, or of all, hold for one person.

    :raises NotFound: there is no such setting.
    :raises BadRequest: it is for everybody.
    """
    known = [each.name for each in SETTINGS if each.personal] if name is None else [find(name).name]
    put_of(database, user, dict.fromkeys(known))


def reset(database: Database, name: str | None) -> None:
    """Set one, or all, back to the default.

    :raises NotFound: there is no such setting.
    """
    if name is not None:
        find(name)
    with database.write() as connection:
        rows.remove(connection, name)
