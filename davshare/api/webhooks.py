"""Webhooks of whoever is signed in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from types import EllipsisType
from typing import Annotated

from davshare.api import who
from davshare.api.call import Call, Made, Route
from davshare.api.moments import moment
from davshare.api.pages import Next, Paging, page
from davshare.api.schema import Says
from davshare.errors import Conflict, NotFound
from davshare.files.sitekey import read_secret
from davshare.identity import webhooks

_URL = Says(
    "Where messages are sent: POST of a list as /changes gives it, signed as standardwebhooks.com says.", 1, 2000
)
_ADDRESS = Says("The folder whose changes are told, as a path below /dav/; empty: all that can be seen.", 0, 8000)


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook without its secret."""

    id: Annotated[int, Says("What it is changed and removed by.", 1)]
    url: Annotated[str, _URL]
    address: Annotated[str, _ADDRESS]
    paused: Annotated[bool, Says("Nothing is sent: its owner says so, or nothing has arrived for a week.")]
    status: Annotated[str, Says("What the last attempt met; test: one is about to be made.", 0, 200)]
    attempts: Annotated[int, Says("How many have failed since the last that did not.", 0)]
    next: Annotated[datetime | None, Says("When it is tried again; null: as soon as something changes.")]
    created: datetime


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """A webhook to be made."""

    url: Annotated[str, _URL]
    address: Annotated[str, _ADDRESS] = ""


@dataclass(frozen=True, slots=True)
class WebhookChanges:
    """What shall be otherwise; what is left out stays."""

    url: Annotated[str | EllipsisType, _URL] = ...
    paused: Annotated[bool | EllipsisType, Says("Whether nothing is sent; false: it is tried again at once.")] = ...


@dataclass(frozen=True, slots=True)
class MadeWebhook:
    """A new webhook, and its secret, which nobody can see again."""

    webhook: Webhook
    secret: Annotated[str, Says("whsec_ and the key of the signatures (HMAC-SHA256) in Base64.")]


@dataclass(frozen=True, slots=True)
class WebhookList:
    """A page of webhooks, oldest first."""

    items: list[Webhook]
    next: Next


def _told(hook: webhooks.Webhook) -> Webhook:
    created = datetime.fromtimestamp(hook.created, UTC)
    again = moment(hook.next) if hook.next else None
    return Webhook(hook.id, hook.url, hook.address, hook.paused, hook.status, hook.attempts, again, created)


def _number(call: Call) -> int:
    text = call.path["webhook"]
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise NotFound
    return int(text)


def list_(call: Call) -> WebhookList:
    """The caller's webhooks."""
    known = webhooks.own(call.files, call.actor)
    found, after = page(call.query, lambda offset, limit: known[offset : offset + limit])
    return WebhookList([_told(each) for each in found], after)


def add(call: Call) -> Made:
    """A new webhook."""
    new: NewWebhook = call.body
    hook, secret = webhooks.create(call.files, read_secret(call.files.db), call.actor, new.url, new.address)
    return Made(MadeWebhook(_told(hook), secret), ("webhooks", str(hook.id)))


def get(call: Call) -> Webhook:
    """One of the caller's webhooks."""
    with call.files.db.session() as connection:
        return _told(webhooks.find(connection, call.actor, _number(call)))


def change(call: Call) -> Webhook:
    """Change one of the caller's webhooks."""
    changes: WebhookChanges = call.body
    url = None if isinstance(changes.url, EllipsisType) else changes.url
    paused = None if isinstance(changes.paused, EllipsisType) else changes.paused
    return _told(webhooks.change(call.files, call.actor, _number(call), url, paused))


def remove(call: Call) -> None:
    """Remove one of the caller's webhooks."""
    webhooks.remove(call.files, call.actor, _number(call))


def test(call: Call) -> Webhook:
    """Have a message without changes sent."""
    return _told(webhooks.ask_test(call.files, call.actor, _number(call)))


ROUTES = (
    Route("GET", "/webhooks", "The caller's webhooks.", who.SIGNED_IN, list_, WebhookList, query=Paging),
    Route("POST", "/webhooks", "Have changes sent from now on; the secret is shown once.",
          who.SIGNED_IN, add, MadeWebhook, NewWebhook, errors=(Conflict, NotFound), status=201),
    Route("GET", "/webhooks/{webhook}", "One of the caller's webhooks.", who.SIGNED_IN, get, Webhook),
    Route("PATCH", "/webhooks/{webhook}", "Change a webhook, pause it, or let it go on.",
          who.SIGNED_IN, change, Webhook, WebhookChanges),
    Route("DELETE", "/webhooks/{webhook}", "Remove a webhook.", who.SIGNED_IN, remove),
    Route("POST", "/webhooks/{webhook}/test", "Have a message without changes sent; `status` tells what came of it.",
          who.SIGNED_IN, test, Webhook, status=202),
)  # fmt: skip
