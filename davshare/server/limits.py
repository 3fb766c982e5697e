"""How long and how much the connection layer puts up with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds, sizes in bytes.

    ``head``: from the first byte of a request to the end of its head;
    ``body``: silence inside a body; ``idle``: silence between two requests;
    ``send``: how long a reader may take no bytes; ``linger`` and
    ``linger_bytes``: what is still read and thrown away after the last answer,
    so that the client sees it; ``drain`` and ``drain_bytes``: how much of an
    unread body is read to save the connection; ``at_hand``: the largest body
    that is collected before anyone is asked; ``queue``: how many requests may
    wait for a thread; ``sweep``: how often all of this is looked at.
    """

    head: float = 30.0
    body: float = 60.0
    idle: float = 75.0
    send: float = 60.0
    linger: float = 2.0
    linger_bytes: int = 8 * 1024 * 1024
    drain: float = 5.0
    drain_bytes: int = 1024 * 1024
    at_hand: int = 64 * 1024
    queue: int = 1024
    sweep: float = 1.0
