"""Webhooks: who has which, and how what is sent to them is signed (www.standardwebhooks.com)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from typing import TYPE_CHECKING

from davshare.errors import Conflict, Forbidden, NotFound, Unprocessable
from davshare.files import changes
from davshare.identity import apptokens, outbound
from davshare.identity.gate import actor_of
from davshare.identity.outbound import Reach
from davshare.index import people, webhooks
from davshare.index.webhooks import Webhook
from davshare.model.people import Actor
from davshare.model.sealing import seal, unseal

if TYPE_CHECKING:
    from davshare.files.service import Files
    from davshare.index.database import Connection

#: The status of a webhook whose owner wants a test.
TESTING = "test"
_PREFIX = "whsec_"
_SEAL = "webhook"


def reach(files: Files) -> Reach:
    """Where webhooks may go."""
    private = bool(files.settings.get("webhooks.private"))
    return Reach(private=private, plain=private)


def create(files: Files, key: bytes, actor: Actor, url: str, address: str) -> tuple[Webhook, str]:
    """A new webhook that tells what changes from now on, and its secret, which cannot be had again.

    :param key: the site's key.
    :param address: see :func:`davshare.files.changes.address_of`.
    :raises Forbidden: the actor came with an app token, or one that ends soon: the webhook would outlast it.
    :raises Unprocessable: nothing can be sent to the URL.
    :raises NotFound: nothing is at the address.
    :raises Conflict: the actor has too many already.
    """
    demand_full(actor)
    demand_url(files, url)
    segments = changes.address_of(address)
    secret = secrets.token_bytes(32)
    with files.db.snapshot() as connection:
        token = changes.now(files, connection, actor, segments).token
    sealed = seal(key, _SEAL, actor.user, secret)
    new = Webhook(0, actor.user, url, sealed, "/".join(segments[1:]), token, 0, 0, "", False, int(time.time()))
    with files.db.write() as connection:
        if len(webhooks.of_user(connection, actor.user)) >= files.settings.get("webhooks.of_user"):
            raise Conflict("You cannot have more webhooks.")
        new = new._replace(id=webhooks.add(connection, new))
    return new, _PREFIX + base64.b64encode(secret).decode()


def demand_full(actor: Actor) -> None:
    """Return when somebody came with all that they have.

    :raises Forbidden: they did not.
    """
    if apptokens.is_limited(actor):
        raise Forbidden("An app token manages no webhooks; sign in with the password.")


def demand_url(files: Files, url: str) -> None:
    """Return when something can be sent to a URL.

    :raises Unprocessable: it is none, or is not HTTPS.
    """
    if not outbound.is_url(url, reach(files).plain):
        raise Unprocessable("url", "url: expected an https:// address without user and fragment.")


def own(files: Files, actor: Actor) -> list[Webhook]:
    """The actor's webhooks, oldest first."""
    with files.db.session() as connection:
        return webhooks.of_user(connection, actor.user)


def find(connection: Connection, actor: Actor, number: int) -> Webhook:
    """One of the actor's webhooks.

    :raises NotFound: there is none with this id, or it is somebody else's.
    """
    found = webhooks.get(connection, number)
    if found is None or found.user != actor.user:
        raise NotFound("There is no such webhook.")
    return found


def change(files: Files, actor: Actor, number: int, url: str | None = None, paused: bool | None = None) -> Webhook:
    """Let a webhook go elsewhere, pause it, or let it go on at once.

    :raises Forbidden: as :func:`create`.
    :raises Unprocessable: as :func:`create`.
    :raises NotFound: as :func:`find`.
    """
    demand_full(actor)
    if url is not None:
        demand_url(files, url)
    with files.db.write() as connection:
        hook = find(connection, actor, number)
        hook = hook._replace(url=hook.url if url is None else url, attempts=0, next=0, status="")
        hook = hook._replace(paused=hook.paused if paused is None else paused)
        webhooks.update(connection, hook)
    return hook


def remove(files: Files, actor: Actor, number: int) -> None:
    """Remove a webhook; what was not delivered never will be.

    :raises Forbidden: as :func:`create`.
    :raises NotFound: as :func:`find`.
    """
    demand_full(actor)
    with files.db.write() as connection:
        webhooks.remove(connection, find(connection, actor, number).id)


def ask_test(files: Files, actor: Actor, number: int) -> Webhook:
    """Let a webhook get a message without changes, soon; its status says what came of it.

    :raises Forbidden: as :func:`create`.
    :raises NotFound: as :func:`find`.
    """
    demand_full(actor)
    with files.db.write() as connection:
        hook = find(connection, actor, number)._replace(status=TESTING)
        webhooks.update(connection, hook)
    return hook


# what the keeper does


def active(files: Files) -> list[Webhook]:
    """Webhooks to which something may have to be sent."""
    with files.db.session() as connection:
        return webhooks.active(connection, TESTING)


def is_fresh(files: Files, hook: Webhook) -> bool:
    """Whether a webhook is as it was when it was read."""
    with files.db.session() as connection:
        return webhooks.get(connection, hook.id) == hook


def owner(connection: Connection, hook: Webhook) -> Actor:
    """Who a webhook speaks to: its owner, with all that they can see by now.

    :raises NotFound: they are gone, or may not sign in.
    """
    user = people.user_by_id(connection, hook.user)
    if user is None or user.disabled:
        raise NotFound
    return actor_of(connection, user)


def note(files: Files, hook: Webhook, new: Webhook) -> None:
    """Remember what an attempt has met."""
    with files.db.write() as connection:
        webhooks.progress(connection, hook, new, TESTING)


def note_test(files: Files, hook: Webhook, status: str) -> None:
    """Remember what a test has met."""
    with files.db.write() as connection:
        webhooks.set_status(connection, hook.id, TESTING, status)


def secret_of(key: bytes, hook: Webhook) -> bytes | None:
    """What signs the messages of a webhook; None where the site has another key by now."""
    return unseal(key, _SEAL, hook.user, hook.secret)


def signed(secret: bytes, number: str, now: int, body: bytes) -> dict[str, str]:
    """The headers that say who sends a message, and when; ``number`` is the same when it is sent again."""
    content = f"{number}.{now}.".encode() + body
    signature = base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode()
    return {"Webhook-Id": number, "Webhook-Timestamp": str(now), "Webhook-Signature": f"v1,{signature}"}


def message_id(hook: Webhook, after: str, body: bytes) -> str:
    """The same for the same message only, so that a receiver may leave out what it had already."""
    text = f"{hook.id}\0{hook.token}\0{after}\0".encode() + body
    return f"msg_{hashlib.sha256(text).hexdigest()[:32]}"
