"""What time brings: shares that end soon, and spaces that are nearly full; each is told once.  For the keeper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from davshare.index import grants, people
from davshare.index import notices as rows
from davshare.model.access import Permission
from davshare.model.people import User
from davshare.notices import notices
from davshare.notices.kinds import Kind

if TYPE_CHECKING:
    from davshare.files.service import Files
    from davshare.index.database import Connection

_DAY = 86400
#: How many things one transaction tells of.
_BATCH = 100


def of_shares(files: Files, now: int) -> int:
    """Tell of shares that end within some days; of how many."""
    seconds = files.settings.get("notices.expire_days") * _DAY
    with files.db.session() as connection:
        found = rows.ending_shares(connection, now, seconds, _BATCH) if seconds else []
    if not found:
        return 0
    with files.db.write() as connection:
        for each in found:
            if rows.remember(connection, f"share:{each.share}:{each.expires}", each.expires):
                notices.share_expires(files, connection, each)
    return len(found)


def of_links(files: Files, now: int) -> int:
    """Tell of public links that end within some days; of how many."""
    seconds = files.settings.get("notices.expire_days") * _DAY
    with files.db.session() as connection:
        found = rows.ending_links(connection, now, seconds, _BATCH) if seconds else []
    if not found:
        return 0
    with files.db.write() as connection:
        for each in found:
            if rows.remember(connection, f"link:{each.link}:{each.expires}", each.expires):
                notices.link_expires(files, connection, each.creator, each.node, each.label, each.expires)
    return len(found)


def forget(files: Files, now: int) -> int:
    """Forget that things were told of which are over; how many."""
    with files.db.session() as connection:
        if not rows.any_over(connection, now):
            return 0
    with files.db.write() as connection:
        return rows.forget_over(connection, now)


def of_quotas(files: Files, now: int) -> int:
    """Tell of spaces that are nearly full, once until they are not; of how many."""
    percent = files.settings.get("notices.quota_percent")
    with files.db.session() as connection:
        found = rows.nearly_full(connection, percent, _BATCH) if percent else []
        over = rows.not_full_any_more(connection, percent or 101)
    if not found and not over:
        return 0
    with files.db.write() as connection:
        rows.forget(connection, over)
        for each in found:
            if rows.remember(connection, f"quota:{each.space}", None):
                subject: dict[str, int | str] = {"percent": each.used * 100 // each.quota}
                if each.kind == "space":
                    subject["space"] = each.name
                notices.tell(files, connection, Kind.QUOTA, each.node, subject, _responsible(connection, each))
    return len(found)


def _responsible(connection: Connection, full: rows.Full) -> list[User]:
    """Whose home it is; of a project space those who may change access there."""
    if full.owner is not None:
        owner = people.user_by_id(connection, full.owner)
        return [] if owner is None else notices.members(connection, owner)
    found: dict[int, User] = {}
    ruling = [each for each in grants.of_node(connection, full.node) if not each.deny]
    for each in ruling:
        who = people.principal_by_id(connection, each.principal) if each.rights & Permission.WRITE_ACL else None
        found |= {user.id: user for user in ([] if who is None else notices.members(connection, who))}
    return list(found.values())[: notices.MANY]
