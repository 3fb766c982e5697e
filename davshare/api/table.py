"""Every operation of the door; nothing that is not here can be called.

A module of operations has models, a handler for each operation and ``ROUTES``;
to add an operation is to add a handler and an entry.
"""

from __future__ import annotations

from davshare.api import (
    acl,
    activity,
    changes,
    devices,
    groups,
    links,
    me,
    notices,
    plan,
    shares,
    site,
    spaces,
    users,
    webhooks,
)
from davshare.api.call import Route

ROUTES: tuple[Route, ...] = (
    *me.ROUTES,
    *devices.ROUTES,
    *notices.ROUTES,
    *users.ROUTES,
    *groups.ROUTES,
    *spaces.ROUTES,
    *acl.ROUTES,
    *plan.ROUTES,
    *site.ROUTES,
    *shares.ROUTES,
    *links.ROUTES,
    *changes.ROUTES,
    *activity.ROUTES,
    *webhooks.ROUTES,
)
