"""Many small files at once: staged one by one, then put in their places in one transaction."""

from __future__ import annotations

from davshare.errors import DavshareError
from davshare.files import upload
from davshare.files.context import Address, Asker, Connection
from davshare.files.locate import Place
from davshare.files.occupied import decided
from davshare.files.service import Files
from davshare.files.upload import Incoming, Seal, Sent, Stored
from davshare.model.people import Actor
from davshare.store.local import STAGING

#: Files, and bytes of them, that wait at most.
_MOST = 100
_MOST_BYTES = 64 * 1024 * 1024


class Batch:
    """Files of one person that wait for being put in their places."""

    def __init__(self, files: Files, actor: Actor) -> None:
        self._files = files
        self._actor = actor
        self._waiting: list[tuple[Place, Incoming, Seal]] = []

    @property
    def is_full(self) -> bool:
        """Whether it is time to commit: quotas know of nothing that is still waiting."""
        return (
            len(self._waiting) >= _MOST or sum(incoming.facts.size for _, incoming, _ in self._waiting) >= _MOST_BYTES
        )

    def take(self, asker: Asker, address: Address, sent: Sent) -> None:
        """Take in one file; if it is refused nothing remains of it.

        :raises DavshareError: whatever :func:`davshare.files.upload.put` raises.
        """
        files = self._files

        def judge(connection: Connection) -> Place:
            return upload.decide(files, connection, asker, address)

        place = decided(files, judge)
        incoming = upload.receive(files, place, sent)
        self._waiting.append((place, incoming, Seal(files, judge, incoming)))

    def commit(self) -> list[Stored | DavshareError]:
        """What became of each file, in the order in which they came; then it is empty."""
        waiting, self._waiting = self._waiting, []
        works = [(seal, [place.space.id]) for place, _, seal in waiting]
        done = self._files.committer.run_all(works, self._actor.user, self._actor.device)
        for (place, incoming, _), each in zip(waiting, done, strict=True):
            if isinstance(each, DavshareError):
                self._remove(place, incoming)
        return done

    def discard(self) -> None:
        """Forget what is waiting."""
        waiting, self._waiting = self._waiting, []
        for place, incoming, _ in waiting:
            self._remove(place, incoming)

    def _remove(self, place: Place, incoming: Incoming) -> None:
        self._files.store(place.space).remove((*STAGING, incoming.name))
