"""What a handler of an OCS call is told, and an entry of the table of calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from davshare.clients.arguments import Arguments
from davshare.clients.ocs import Result
from davshare.files.service import Files
from davshare.model.access import Permission
from davshare.model.people import Actor


@dataclass(frozen=True, slots=True)
class OcsCall:
    """One call: who asks, the parameters of the path, and the arguments; ``headers`` have names in lower case."""

    files: Files
    actor: Actor
    path: Mapping[str, str]
    given: Arguments
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Scheme and host as people know them.
    site: str = ""

    @property
    def limited(self) -> bool:
        """Whether an app token was used that leaves out something of what its owner may do."""
        return self.actor.node is not None or self.actor.mask != Permission.ALL


#: Who has not said who they are.
NOBODY = Actor(0, "", "", frozenset(), mask=Permission.NONE)


class OcsRoute(NamedTuple):
    """One call below ``/ocs/v1.php/`` and ``/ocs/v2.php/``; the handler may raise Refused or any refusal.

    ``partial`` lets in app tokens that reach, or may do, only a part of what
    their owner does.  ``public`` answers those who show no credentials as
    well, on behalf of :data:`NOBODY`.
    """

    method: str
    path: str
    handler: Callable[[OcsCall], Result]
    partial: bool = False
    public: bool = False
