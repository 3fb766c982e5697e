"""Every OCS call; to add one is to add a handler and an entry."""

from __future__ import annotations

from davshare.clients import (
    app_passwords,
    capabilities,
    ocs_groups,
    ocs_notifications,
    ocs_sharees,
    ocs_shares,
    ocs_users,
)
from davshare.clients.call import OcsRoute

ROUTES: tuple[OcsRoute, ...] = (
    *capabilities.ROUTES,
    *ocs_users.ROUTES,
    *ocs_groups.ROUTES,
    *app_passwords.ROUTES,
    *ocs_shares.ROUTES,
    *ocs_sharees.ROUTES,
    *ocs_notifications.ROUTES,
)
