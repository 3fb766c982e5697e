"""What everything that speaks to people has to know of the site."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from davshare.config import Config


class Site(NamedTuple):
    """Scheme and host as people know them (empty: only requests say), and whether mail is sent at all."""

    url: str = ""
    mails: bool = False


def site_of(config: Config) -> Site:
    """The site that a configuration describes."""
    return Site(config.public_url, bool(config.mail_host))
