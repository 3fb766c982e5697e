"""Rows of users, groups, app tokens, and of failed sign-ins.

Whoever changes people or tokens also raises the generation, so that every
worker forgets what it remembered.  Failed sign-ins do not: anyone can cause them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from davshare.index.database import Connection, Cursor, changed, parts
from davshare.model.people import Group, User

_USER = "id, name, display_name, email, password, admin, disabled, quota, created, guest, second_factor, totp, source"
_FIELDS = {"name": ("name", "display_name"), "email": ("email",)}
#: Columns of a user that are flags.
_FLAGS = (5, 6, 9, 10)
GROUP = "id, name, display_name, source"
#: What a search looks at, in one text: one function call for each row.
_SEARCHED = "lower(name || '\n' || display_name || '\n' || email) LIKE ? ESCAPE '\\'"
_EVERYTHING = 2**62
#: Every group that holds a principal, directly or through other groups.
ABOVE = (
    'WITH RECURSIVE above(id) AS (SELECT "group" FROM member WHERE "user"=?'
    ' UNION SELECT m."group" FROM member m JOIN above ON m."user"=above.id)'
)
#: Every principal in a group, directly or through other groups.
WITHIN = (
    'WITH RECURSIVE within(id) AS (SELECT "user" FROM member WHERE "group"=?'
    ' UNION SELECT m."user" FROM member m JOIN within ON m."group"=within.id)'
)
_TOKEN = 'id, "user", label, mask, node, scope, created, expires'


class AppToken(NamedTuple):
    """One app token without its secret, which only its owner has; times are seconds."""

    id: int
    user: int
    label: str
    mask: int
    node: int | None
    scope: str
    created: int
    expires: int | None


def _user(row: Sequence[Any]) -> User:
    values = list(row)
    for flag in _FLAGS:
        values[flag] = bool(values[flag])
    return User._make(values)


def _search(
    connection: Connection,
    columns: str,
    kind: str,
    text: str,
    offset: int,
    limit: int | None,
    inside: str = "",
    *inside_values: int,
) -> Cursor:
    """A page of principals by name; both databases fold the case of A to Z only.

    :param inside: one more condition, with its values.
    """
    where, values = inside, [kind, *inside_values]
    if text:
        folded = "".join(letter.lower() if letter.isascii() else letter for letter in text)
        where += f" AND {_SEARCHED}"
        values.append("%" + re.sub(r"([\\%_])", r"\\\1", folded) + "%")
    return connection.execute(
        f"SELECT {columns} FROM principal WHERE kind=?{where} ORDER BY name LIMIT ? OFFSET ?",
        (*values, _EVERYTHING if limit is None else limit, offset),
    )


# users


def user(connection: Connection, name: str) -> User | None:
    """One user by name (in NFC)."""
    row = connection.execute(f"SELECT {_USER} FROM principal WHERE kind='user' AND name=?", (name,)).fetchone()
    return None if row is None else _user(row)


def user_by_id(connection: Connection, number: int) -> User | None:
    """One user by id."""
    row = connection.execute(f"SELECT {_USER} FROM principal WHERE kind='user' AND id=?", (number,)).fetchone()
    return None if row is None else _user(row)


def by_email(connection: Connection, address: str) -> list[User]:
    """The users with an e-mail address, regardless of case; two are enough."""
    rows = connection.execute(
        f"SELECT {_USER} FROM principal WHERE lower(email)=? AND email<>'' AND kind='user' LIMIT 2", (address.lower(),)
    )
    return [_user(row) for row in rows]


def users(connection: Connection) -> list[User]:
    """Every user by name."""
    return [_user(row) for row in connection.execute(f"SELECT {_USER} FROM principal WHERE kind='user' ORDER BY name")]


def administrators(connection: Connection) -> list[User]:
    """Who administers and can sign in, oldest account first."""
    rows = connection.execute(
        f"SELECT {_USER} FROM principal WHERE kind='user' AND admin<>0 AND disabled=0 ORDER BY id"
    )
    return [_user(row) for row in rows]


def search_users(connection: Connection, text: str, offset: int, limit: int | None) -> list[User]:
    """A page of users by name; ``text`` occurs in name, display name or e-mail address."""
    return [_user(row) for row in _search(connection, _USER, "user", text, offset, limit)]


def administrators_page(connection: Connection, offset: int, limit: int) -> list[User]:
    """A page of those who administer the server, by name."""
    return [_user(row) for row in _search(connection, _USER, "user", "", offset, limit, " AND admin=1")]


def users_managed_by(connection: Connection, manager: int, text: str, offset: int, limit: int | None) -> list[User]:
    """The same as :func:`search_users` among those who were put into a group that somebody manages."""
    inside = ' AND id IN (SELECT m."user" FROM member m JOIN manager g ON g."group"=m."group" WHERE g."user"=?)'
    return [_user(row) for row in _search(connection, _USER, "user", text, offset, limit, inside, manager)]


def users_in(connection: Connection, ids: str, value: int, offset: int, limit: int) -> list[User]:
    """A page, by name, of the users whose ids another statement gives."""
    rows = connection.execute(
        f"SELECT {_USER} FROM principal WHERE id IN ({ids}) ORDER BY name LIMIT ? OFFSET ?", (value, limit, offset)
    )
    return [_user(row) for row in rows]


def add_user(connection: Connection, new: User) -> int:
    """Add a user (``id`` is ignored) and return the id; the transaction ends in Taken if the name is."""
    row = connection.execute(
        "INSERT INTO principal (kind, name, display_name, email, password, admin, disabled, quota, created,"
        " guest, second_factor, totp, source) VALUES ('user',?,?,?,?,?,?,?,?,?,?,?,?) RETURNING id",
        (*new[1:5], int(new.admin), int(new.disabled), *new[7:9], int(new.guest), int(new.second_factor), *new[11:]),
    ).fetchone()
    changed(connection)
    return int(row[0])


def update_user(connection: Connection, user: User) -> None:
    """Write everything but the name of a user."""
    connection.execute(
        "UPDATE principal SET display_name=?, email=?, password=?, admin=?, disabled=?, quota=?,"
        " guest=?, second_factor=?, totp=?, source=? WHERE id=?",
        (
            *(*user[2:5], int(user.admin), int(user.disabled), user.quota),
            *(int(user.guest), int(user.second_factor), user.totp, user.source, user.id),
        ),
    )
    changed(connection)


def set_password(connection: Connection, number: int, old: str | None, new: str) -> None:
    """Replace a password's hash, unless it has changed in the meantime."""
    connection.execute(
        "UPDATE principal SET password=? WHERE id=? AND coalesce(password, '')=?", (new, number, old or "")
    )
    changed(connection)


def remove(connection: Connection, number: int) -> None:
    """Remove a user or group with memberships, tokens, grants and locks."""
    connection.execute("DELETE FROM lock WHERE creator=?", (number,))
    connection.execute("DELETE FROM principal WHERE id=?", (number,))
    changed(connection)


def principal_by_id(connection: Connection, number: int) -> User | Group | None:
    """A user or group by id."""
    found = user_by_id(connection, number)
    if found is not None:
        return found
    row = connection.execute(f"SELECT {GROUP} FROM principal WHERE kind='group' AND id=?", (number,)).fetchone()
    return None if row is None else Group._make(row)


def principals(connection: Connection, numbers: Sequence[int]) -> dict[int, User | Group]:
    """Users and groups by their ids: one statement for every few hundred."""
    found: dict[int, User | Group] = {}
    for part in parts(numbers):
        rows = connection.execute(
            f"SELECT kind, {_USER} FROM principal WHERE id IN ({','.join('?' * len(part))})", part
        )
        found.update({row[1]: _principal(row) for row in rows})
    return found


def _principal(row: Sequence[Any]) -> User | Group:
    kind, *values = row
    return _user(values) if kind == "user" else Group(values[0], values[1], values[2], values[-1])


def search(
    connection: Connection,
    kinds: Collection[str],
    wishes: Sequence[tuple[Collection[str], str]],
    anyof: bool,
    among: Collection[int] | None,
    limit: int,
) -> list[User | Group]:
    """Enabled users, and groups, by parts of ``name`` (the one for display counts as well) and ``email``.

    :param among: only these are found by a part; all others by the whole name or address.
    """
    conditions, parameters = [], []
    for fields, text in wishes:
        columns = [column for field in sorted(fields) for column in _FIELDS[field]]
        part = "%" + re.sub(r"([\\%_])", r"\\\1", text.lower()) + "%"
        inside = " OR ".join(f"lower({column}) LIKE ? ESCAPE '\\'" for column in columns)
        whole = " OR ".join(f"(lower({column})=? AND {column}<>'')" for column in columns)
        known = "1=1" if among is None else f"id IN ({','.join(str(int(each)) for each in among)})"
        conditions.append(f"((({inside}) AND {known}) OR {whole})")
        parameters += [*[part] * len(columns), *[text.lower()] * len(columns)]
    kind = ",".join("?" * len(kinds))
    rows = connection.execute(
        f"SELECT kind, {_USER} FROM principal WHERE kind IN ({kind}) AND disabled=0"
        f" AND ({(' OR ' if anyof else ' AND ').join(conditions)}) ORDER BY kind DESC, name LIMIT ?",
        (*kinds, *parameters, limit),
    )
    return [_principal(row) for row in rows]


# groups


def group(connection: Connection, name: str) -> Group | None:
    """One group by name (in NFC)."""
    row = connection.execute(f"SELECT {GROUP} FROM principal WHERE kind='group' AND name=?", (name,)).fetchone()
    return None if row is None else Group._make(row)


def groups_named(connection: Connection, found: Sequence[str]) -> frozenset[int]:
    """The ids of the groups with some names (in NFC)."""
    marks = ",".join("?" * len(found))
    rows = connection.execute(f"SELECT id FROM principal WHERE kind='group' AND name IN ({marks})", tuple(found))
    return frozenset(row[0] for row in rows)


def groups(connection: Connection) -> list[Group]:
    """Every group by name."""
    rows = connection.execute(f"SELECT {GROUP} FROM principal WHERE kind='group' ORDER BY name")
    return [Group._make(row) for row in rows]


def search_groups(connection: Connection, text: str, offset: int, limit: int | None) -> list[Group]:
    """A page of groups by name; ``text`` occurs in name or display name."""
    return [Group._make(row) for row in _search(connection, GROUP, "group", text, offset, limit)]


def update_group(connection: Connection, group: Group) -> None:
    """Write everything but the name of a group."""
    connection.execute(
        "UPDATE principal SET display_name=?, source=? WHERE id=?", (group.display_name, group.source, group.id)
    )
    changed(connection)


def add_group(connection: Connection, name: str, display_name: str, now: int, source: str = "") -> int:
    """Add a group and return its id; the transaction ends in Taken if the name is."""
    row = connection.execute(
        "INSERT INTO principal (kind, name, display_name, created, source) VALUES ('group',?,?,?,?) RETURNING id",
        (name, display_name, now, source),
    ).fetchone()
    changed(connection)
    return int(row[0])


def groups_of(connection: Connection, number: int) -> list[Group]:
    """The groups that a user, or a group, is put into by name; not those that these lie in."""
    rows = connection.execute(
        f'SELECT {GROUP} FROM principal WHERE id IN (SELECT "group" FROM member WHERE "user"=?) ORDER BY name',
        (number,),
    )
    return [Group._make(row) for row in rows]


def members_of(connection: Connection, number: int) -> list[User]:
    """The users who were put into a group by name; not those of groups in it."""
    rows = connection.execute(
        f"SELECT {_USER} FROM principal WHERE kind='user'"
        ' AND id IN (SELECT "user" FROM member WHERE "group"=?) ORDER BY name',
        (number,),
    )
    return [_user(row) for row in rows]


def principals_of(connection: Connection, number: int) -> frozenset[int]:
    """A user's own id and the ids of all groups, nested ones too: everything that grants can name."""
    rows = connection.execute(f"{ABOVE} SELECT id FROM above", (number,))
    return frozenset([number, *[row[0] for row in rows]])


def within(connection: Connection, number: int) -> frozenset[int]:
    """Ids of all users and groups in a group, through nested groups too."""
    return frozenset(row[0] for row in connection.execute(f"{WITHIN} SELECT id FROM within", (number,)))


# app tokens


def token(connection: Connection, digest: bytes) -> AppToken | None:
    """The app token whose secret has this SHA-256."""
    row = connection.execute(f"SELECT {_TOKEN} FROM apptoken WHERE hash=?", (digest,)).fetchone()
    return None if row is None else AppToken._make(row)


def tokens(connection: Connection, user: int | None = None) -> list[AppToken]:
    """The app tokens of one user or of all, oldest first."""
    return [token for _, token in owned_tokens(connection, user, 0, None)]


def owned_tokens(
    connection: Connection, user: int | None, offset: int, limit: int | None
) -> list[tuple[str, AppToken]]:
    """A page of the app tokens of one user or of all, oldest first, with the names of their owners."""
    columns = ", ".join(f"t.{column.strip()}" for column in _TOKEN.split(","))
    where, values = ("", ()) if user is None else ('WHERE t."user"=?', (user,))
    rows = connection.execute(
        f'SELECT p.name, {columns} FROM apptoken t JOIN principal p ON p.id=t."user" {where}'
        " ORDER BY t.id LIMIT ? OFFSET ?",
        (*values, _EVERYTHING if limit is None else limit, offset),
    )
    return [(row[0], AppToken._make(row[1:])) for row in rows]


def add_token(connection: Connection, new: AppToken, digest: bytes) -> int:
    """Add an app token (``id`` is ignored) and return its id."""
    row = connection.execute(
        'INSERT INTO apptoken ("user", label, mask, node, scope, created, expires, hash)'
        " VALUES (?,?,?,?,?,?,?,?) RETURNING id",
        (*new[1:], digest),
    ).fetchone()
    changed(connection)
    return int(row[0])


def token_counts(connection: Connection, users: Sequence[int]) -> dict[int, int]:
    """How many app tokens each of some users has."""
    found: dict[int, int] = {}
    for part in parts(users):
        marks = ",".join("?" * len(part))
        rows = connection.execute(
            f'SELECT "user", count(*) FROM apptoken WHERE "user" IN ({marks}) GROUP BY "user"', part
        )
        found.update((number, count) for number, count in rows)
    return found


def token_by_id(connection: Connection, number: int) -> AppToken | None:
    """One app token by id."""
    row = connection.execute(f"SELECT {_TOKEN} FROM apptoken WHERE id=?", (number,)).fetchone()
    return None if row is None else AppToken._make(row)


def remove_token(connection: Connection, number: int) -> bool:
    """Remove an app token; whether there was one."""
    done = connection.execute("DELETE FROM apptoken WHERE id=?", (number,)).rowcount
    changed(connection)
    return done > 0


# failed sign-ins


def failures(connection: Connection, key: bytes) -> tuple[int, int]:
    """How many failures a key has, and the second of the last one; zeros when it has none."""
    row = connection.execute("SELECT failures, at FROM throttle WHERE key=?", (key,)).fetchone()
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


def add_failure(connection: Connection, key: bytes, now: int, forget_before: int) -> None:
    """Count one more failure; the count starts afresh when the last one was before ``forget_before``."""
    connection.execute(
        "INSERT INTO throttle (key, failures, at) VALUES (?,1,?) ON CONFLICT (key) DO UPDATE SET"
        " failures=CASE WHEN throttle.at<? THEN 1 ELSE throttle.failures+1 END, at=excluded.at",
        (key, now, forget_before),
    )


def put_mark(connection: Connection, key: bytes, now: int) -> None:
    """Remember a success: a row without failures."""
    connection.execute(
        "INSERT INTO throttle (key, failures, at) VALUES (?,0,?)"
        " ON CONFLICT (key) DO UPDATE SET failures=0, at=excluded.at",
        (key, now),
    )


def forget_failures(connection: Connection, key: bytes) -> None:
    """Forget what is known of a key."""
    connection.execute("DELETE FROM throttle WHERE key=?", (key,))


def forget_old(connection: Connection, failures_before: int, marks_before: int) -> None:
    """Drop rows that have no effect any more."""
    connection.execute(
        "DELETE FROM throttle WHERE (failures>0 AND at<?) OR (failures=0 AND at<?)", (failures_before, marks_before)
    )
