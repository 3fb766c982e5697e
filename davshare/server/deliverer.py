"""Sends the messages of webhooks: one at a time for each, in order, and again until it has arrived."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from davshare.api.listening import as_json, changes_told
from davshare.errors import DavshareError
from davshare.files import changes, lookup
from davshare.files.changes import Page
from davshare.files.following import Follower, news
from davshare.files.service import Files
from davshare.files.sitekey import read_secret
from davshare.identity import outbound, webhooks
from davshare.identity.outbound import Failed
from davshare.identity.webhooks import TESTING, Webhook

log = logging.getLogger("davshare.keeper")

#: Seconds between two looks for news.
_TICK = 0.2
#: How many messages are under way at once, and the seconds that one may take.
_AT_ONCE, _SECONDS = 16, 10.0
#: How many of them are those of one user: slow receivers are the business of their owners.
_OF_USER = 4
#: Seconds until the second attempt, doubled for each further one up to an hour; and how many of them are a week.
_FIRST, _LONGEST, _WEEK = 1, 3600, 180
#: The status by which a receiver says that it wants no more (RFC 9110 section 15.5.11).
_GONE = 410


class _Known(NamedTuple):
    """Where the news of a webhook end: nothing has to be looked at while all of this is so."""

    token: str
    generation: int
    heads: dict[int, int]


class _Met(NamedTuple):
    """What became of an attempt; ``gone``: there is no use in further ones."""

    arrived: bool
    status: str
    gone: bool = False


class Deliverer:
    """The messages of one site.

    What was delivered stands in the index, so whatever dies here is sent
    again by the next one.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._key = read_secret(files.db)
        self._known: dict[int, _Known] = {}
        #: Owners by webhook.
        self._under_way: dict[int, int] = {}
        self._pool = ThreadPoolExecutor(_AT_ONCE, "davshare-deliver")
        self._version = -1
        self._due = 0.0

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop."""
        while not stop.wait(_TICK):
            try:
                self.round(time.time())
            except DavshareError as error:
                log.warning("webhooks: %s", error.message)
            except Exception:
                log.exception("webhooks failed")
        self._pool.shutdown(wait=False, cancel_futures=True)

    def round(self, now: float) -> None:
        """Begin to deliver what is due; without news and open attempts this costs nothing."""
        version = self._files.db.version
        if version == self._version and not version & 1 and now < self._due:
            return
        generation = self._files.generation()
        hooks = webhooks.active(self._files)
        heads = lookup.heads(self._files, {space for known in list(self._known.values()) for space in known.heads})
        self._known = {hook.id: self._known[hook.id] for hook in hooks if hook.id in self._known}
        self._version, self._due = version, float("inf")
        for hook in hooks:
            if hook.next > now and hook.status != TESTING:
                self._due = min(self._due, hook.next)
            elif hook.status == TESTING or self._has_news(hook, generation, heads):
                busy = list(self._under_way.values())
                if hook.id in self._under_way or busy.count(hook.user) >= _OF_USER:
                    self._due = 0.0
                else:
                    self._under_way[hook.id] = hook.user
                    self._pool.submit(self._carry, hook, generation)

    def _has_news(self, hook: Webhook, generation: int, heads: dict[int, int]) -> bool:
        known = self._known.get(hook.id)
        if known is None or known[:2] != (hook.token, generation):
            return True
        return any(heads.get(space) != head for space, head in known.heads.items())

    def _carry(self, hook: Webhook, generation: int) -> None:
        try:
            # What another attempt has met meanwhile is only in the row.
            if webhooks.is_fresh(self._files, hook):
                self._deliver(hook, generation)
        except DavshareError as error:
            log.warning("webhook %d: %s", hook.id, error.message)
        except Exception:
            log.exception("webhook %d failed", hook.id)
        finally:
            del self._under_way[hook.id]
            self._due = 0.0

    def _deliver(self, hook: Webhook, generation: int) -> None:
        """One message, if there is anything to be told."""
        with self._files.db.snapshot() as connection:
            actor = webhooks.owner(connection, hook)
        if hook.status == TESTING:
            met = self._send(hook, hook.token, _body(Page([], hook.token, False, {})))
            webhooks.note_test(self._files, hook, met.status)
            return
        try:
            follower = Follower(self._files, actor, changes.address_of(hook.address))
            follower.token = hook.token
            page, anew = news(follower)
        except DavshareError as error:
            webhooks.note(self._files, hook, _failed(hook, _Met(False, error.message)))
            return
        if page.changes or anew:
            met = self._send(hook, page.token, _body(page, anew))
            if not met.arrived:
                webhooks.note(self._files, hook, _failed(hook, met))
                return
            arrived = hook._replace(token=page.token, attempts=0, next=0, status=met.status)
            webhooks.note(self._files, hook, arrived)
        elif page.token != hook.token:
            webhooks.note(self._files, hook, hook._replace(token=page.token))
        if not page.more:
            self._known[hook.id] = _Known(page.token, generation, page.heads)

    def _send(self, hook: Webhook, after: str, body: bytes) -> _Met:
        """One attempt."""
        secret = webhooks.secret_of(self._key, hook)
        if secret is None:
            return _Met(False, "The secret cannot be read; make the webhook anew.")
        number = webhooks.message_id(hook, after, body)
        headers = {"Content-Type": "application/json", **webhooks.signed(secret, number, int(time.time()), body)}
        try:
            reach = webhooks.reach(self._files)
            answer = outbound.fetch(hook.url, reach, time.monotonic() + _SECONDS, body, headers)
        except Failed as error:
            return _Met(False, str(error))
        return _Met(200 <= answer.status < 300, str(answer.status), answer.status == _GONE)


def _body(page: Page, anew: bool = False) -> bytes:
    return as_json(changes_told(page, anew)).encode()


def _failed(hook: Webhook, met: _Met) -> Webhook:
    """The webhook after another attempt in vain."""
    attempts = hook.attempts + 1
    pause = min(_LONGEST, _FIRST << min(attempts - 1, 20))
    next_ = int(time.time()) + pause
    return hook._replace(attempts=attempts, next=next_, status=met.status, paused=met.gone or attempts >= _WEEK)
