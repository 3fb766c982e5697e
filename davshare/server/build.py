"""Everything long-lived is made here and handed on as arguments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from davshare.clients.openid import OpenIdCalls
from davshare.config import Config
from davshare.files import restore
from davshare.files.service import Files
from davshare.files.sitekey import read_secret
from davshare.http.application import Application
from davshare.identity import providers
from davshare.identity.bearers import Bearers
from davshare.identity.flows import Flows
from davshare.identity.gate import Gate
from davshare.identity.issuers import Issuer
from davshare.identity.logins import Logins
from davshare.identity.oidc import Oidc
from davshare.identity.openid import OpenIdProvider
from davshare.identity.sessions import Sessions
from davshare.identity.throttle import Throttle
from davshare.identity.visitors import Visitors
from davshare.identity.wiping import Wiping
from davshare.model.site import site_of
from davshare.server import admin
from davshare.server.pipeline import Pipeline
from davshare.server.visits import Visits
from davshare.server.ways import Ways
from davshare.web.authorize import AuthorizeDoor
from davshare.web.flow import FlowDoor
from davshare.web.link import LinkPages
from davshare.web.login import Door

if TYPE_CHECKING:
    from davshare.identity.directory import Directory
    from davshare.identity.ldap import Ldap


def open_files(data: Path, config: Config) -> Files:
    """The file service on a data folder."""
    return Files(data, admin.open_index(data, config), config.durability == "full", site_of(config))


def open_ldap(config: Config) -> Ldap | None:
    """The directory that keeps accounts as well, where there is one; nobody is asked yet.

    :raises UsageError: its configuration has a mistake.
    """
    if not config.ldap_url:
        return None
    from davshare.identity.ldap import Ldap

    return Ldap(config)


def open_directory(files: Files, config: Config) -> Directory | None:
    """The accounts of the directory, where there is one.

    :raises UsageError: its configuration has a mistake.
    """
    ldap = open_ldap(config)
    if ldap is None:
        return None
    from davshare.identity.directory import Directory

    return Directory(files, ldap)


def make_application(data: Path, config: Config) -> Application:
    """The application of one worker; called after the fork."""
    files = open_files(data, config)
    secret = read_secret(files.db)
    sessions = Sessions(files.db, secret)
    issuers = [Issuer(provider) for provider in providers.load(data, config.oidc)]
    oidc = Oidc(issuers)
    bearers = Bearers(files, sessions, oidc)
    directory = open_directory(files, config)
    gate = Gate(
        files.db,
        files.settings,
        basic_over_http=config.basic_over_http,
        directory=directory,
        bearers=bearers,
    )
    provider = OpenIdProvider(files, sessions, issuers, secret)
    direct = Pipeline(files, gate, config.public_url)
    direct.door = Door(files, sessions, Logins(files, oidc, sessions), config.public_url, direct.who)
    flows = Flows(files.db, secret)
    wiping = Wiping(files.db, Throttle(files.db, secret))
    pages = FlowDoor(flows, config.public_url, direct.who)
    consent = AuthorizeDoor(provider, sessions, config.public_url, direct.who)
    direct.ways = Ways(flows, pages, OpenIdCalls(provider, direct.who), consent, wiping, config.public_url)
    direct.issuers = issuers
    direct.provider = provider
    visitors = Visitors(files, secret)
    direct.visits = Visits(files, visitors, config.public_url)
    direct.visits.pages = LinkPages(files, visitors, direct.visits.uses, secret, config.public_url)
    direct.sightings.start()
    if config.gateway == "direct":
        return direct
    from davshare.server.wsgi import make_wsgidav

    return make_wsgidav(files, direct)


def recover(data: Path, config: Config) -> None:
    """Finish what a process that died has left undone."""
    files = open_files(data, config)
    try:
        restore.notice(files.db)
        files.redoer.replay()
    finally:
        files.db.close()


def keeper(data: Path, config: Config) -> None:
    """The keeper process; returns on SIGTERM."""
    from davshare.server.keeper import Keeper

    Keeper(open_files(data, config), config).run()
