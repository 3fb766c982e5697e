"""Which sockets have something to say: epoll where there is one, selectors elsewhere."""

from __future__ import annotations

import contextlib
import os
import select
import selectors
from collections.abc import Callable
from typing import Protocol


class Poller(Protocol):
    """Level-triggered readiness for reading; ``poll`` gives ``(descriptor, mask)`` pairs."""

    def poll(self, seconds: float, most: int, /) -> list[tuple[int, int]]:
        """Wait for ``seconds`` at most."""
        ...

    def add(self, fd: int, shared: bool = False) -> None:
        """Watch a descriptor; ``shared`` ones wake one process only."""
        ...

    def remove(self, fd: int) -> None:
        """Stop watching; an unknown descriptor is no error."""
        ...

    def close(self) -> None:
        """Give everything back."""
        ...


class EpollPoller:
    """Linux: one system call per turn, nothing per connection."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        # Bound once, because this is called for every turn.
        self.poll: Callable[[float, int], list[tuple[int, int]]] = self._epoll.poll

    def add(self, fd: int, shared: bool = False) -> None:
        """Watch a descriptor; a shared one without waking every process for each connection."""
        self._epoll.register(fd, select.EPOLLIN | (select.EPOLLEXCLUSIVE if shared else 0))

    def remove(self, fd: int) -> None:
        """Stop watching."""
        with contextlib.suppress(OSError, ValueError):
            self._epoll.unregister(fd)

    def close(self) -> None:
        """Close the epoll descriptor."""
        self._epoll.close()


class SelectorPoller:
    """macOS and the rest: whatever the standard library thinks best."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def poll(self, seconds: float, most: int, /) -> list[tuple[int, int]]:
        """Wait for ``seconds`` at most; there is no bound on the number of pairs here."""
        return [(key.fd, mask) for key, mask in self._selector.select(seconds)]

    def add(self, fd: int, shared: bool = False) -> None:
        """Watch a descriptor; a left-over of an earlier socket with the same number is replaced."""
        try:
            self._selector.register(fd, selectors.EVENT_READ)
        except KeyError:
            self.remove(fd)
            self._selector.register(fd, selectors.EVENT_READ)

    def remove(self, fd: int) -> None:
        """Stop watching."""
        with contextlib.suppress(KeyError, ValueError, OSError):
            self._selector.unregister(fd)

    def close(self) -> None:
        """Close the selector."""
        self._selector.close()


def make_poller() -> Poller:
    """The best one of this system."""
    return EpollPoller() if hasattr(select, "epoll") else SelectorPoller()


class Waker:
    """Ends a poll from another thread or from a signal handler."""

    def __init__(self) -> None:
        self.fd, self._write = os.pipe()
        os.set_blocking(self.fd, False)
        os.set_blocking(self._write, False)
        self._rung = False

    def ring(self) -> None:
        """Let the poll end; cheap when it was told already."""
        if not self._rung:
            self._rung = True
            with contextlib.suppress(OSError):
                os.write(self._write, b"!")

    def hush(self) -> None:
        """Forget the calls so far; what they announced must be looked at afterwards."""
        with contextlib.suppress(OSError):
            os.read(self.fd, 4096)
        # Only now: a call that comes between the two finds the flag set, and its news are looked at next.
        self._rung = False

    def close(self) -> None:
        """Close both ends."""
        os.close(self.fd)
        os.close(self._write)
