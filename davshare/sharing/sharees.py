"""Whom somebody can share with, found by what they type."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, NamedTuple

from davshare.files.service import Files
from davshare.files.settings import Settings
from davshare.index import people
from davshare.index.database import Connection
from davshare.model.people import Actor, Group, User
from davshare.sharing import rules

#: Most that are looked at for one answer.
_MOST = 1000
#: Nobody has this id; an empty list is none that SQL knows.
_NOBODY = (0,)


class Sharees(NamedTuple):
    """Those whose name or address is what was typed, and those in whose name it occurs."""

    exact: list[User | Group]
    partial: list[User | Group]


def find(files: Files, actor: Actor, text: str, kinds: Collection[str], offset: int, limit: int) -> Sharees:
    """Users and groups other than the asker, and a page of those who are found by a part.

    The settings say whether people are found by a part of their names, from
    how many letters on, and whether only those in one's own groups are.
    """
    settings, text = files.settings, text.strip()[:200]
    if not settings.get("sharing.group_sharing") or not settings.get("sharing.enabled"):
        kinds = [kind for kind in kinds if kind == "user" and settings.get("sharing.enabled")]
    if not kinds or not text:
        return Sharees([], [])
    near = settings.get("sharing.search.enumeration") and len(text) >= settings.get("sharing.search.min_length")
    with files.db.snapshot() as connection:
        among: Collection[int] | None = () if not near else None
        fellows: set[int] | None = None
        if settings.get("sharing.only_with_group_members"):
            fellows = _fellows(connection, actor)
        if near and settings.get("sharing.search.only_group_members"):
            among = _fellows(connection, actor)
        wanted = among if among is None or among else _NOBODY
        found = people.search(connection, kinds, [(("name",), text)], True, wanted, _MOST)
        found = [each for each in found if _is(each, text) or _begins(settings, each, text)]
        # An address is known, never guessed letter by letter.
        known = {each.id for each in found}
        by_address = people.search(connection, kinds, [(("email",), text)], True, _NOBODY, _MOST)
        found += [each for each in by_address if each.id not in known]
        closed = rules.named(connection, settings, "sharing.excluded_receiver_groups")
    allowed = [
        each for each in found
        if each.id != actor.user
        and each.id not in closed
        and (fellows is None or each.id in fellows)
        and (isinstance(each, User) or not settings.get("sharing.only_with_own_groups") or each.id in actor.principals)
    ]  # fmt: skip
    exact = [each for each in allowed if _is(each, text)]
    others = [each for each in allowed if not _is(each, text)]
    return Sharees(exact if offset == 0 else [], others[offset : offset + limit])


def _fellows(connection: Connection, actor: Actor) -> set[int]:
    """One's groups and everybody in them."""
    found: set[int] = set()
    for group in actor.principals - {actor.user}:
        found |= people.within(connection, group) | {group}
    return found


def _begins(settings: Settings, who: User | Group, text: str) -> bool:
    """Whether a part of a name is where the site lets it be: where a word begins, or anywhere."""
    user = isinstance(who, User)
    if settings.get("sharing.search.users_inside_words" if user else "sharing.search.groups_inside_words"):
        return True
    known = [each.lower() for each in (who.name, who.display_name)]
    return any(each.startswith(text.lower()) or f" {text.lower()}" in each for each in known)


def kind_of(who: User | Group) -> Literal["user", "group"]:
    """Whether somebody is a user or a group."""
    return "user" if isinstance(who, User) else "group"


def additional_info(settings: Settings, name: str | None, email: str | None) -> str | None:
    """What the site shows of people beside their names; None: nothing."""
    return {"id": name, "email": email or None}.get(settings.get("sharing.search.additional_info"))


def _is(who: User | Group, text: str) -> bool:
    known = [who.name, who.display_name, who.email if isinstance(who, User) else ""]
    return text.lower() in [each.lower() for each in known if each]
