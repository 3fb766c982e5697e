"""People, and who is asking."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from davshare.model.access import Permission, Rights
from davshare.model.memo import Memo


class User(NamedTuple):
    """One account.

    ``guest``: can make nothing in the home, and has only what others granted.  ``second_factor``: a
    password alone does not sign in; ``totp`` is the encrypted secret of the
    authenticator.  ``source`` names who keeps the account: empty for us.
    """

    id: int
    name: str
    display_name: str
    email: str
    password: str | None
    admin: bool
    disabled: bool
    quota: int | None
    created: int
    guest: bool = False
    second_factor: bool = False
    totp: bytes | None = None
    source: str = ""


class Group(NamedTuple):
    """One group."""

    id: int
    name: str
    display_name: str
    source: str = ""


class Visit(NamedTuple):
    """The public link by which somebody comes who has no account.

    ``base`` is the address (decoded segments) where its node is seen, and
    nothing outside is.  ``whole``: a file stands there itself, not as the one
    member of a folder.  ``owner`` is the name of who has made the link; times
    are seconds since 1970.
    """

    link: int
    base: tuple[str, ...]
    whole: bool = False
    owner: str = ""
    created: int = 0
    expires: int | None = None


#: Everything about who asks that decides where an address leads: user, administrator or not, mask, node, link.
Outlook = tuple[int, bool, Rights, int | None, Visit | None]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is asking, with everything that decisions need.

    ``principals`` holds the user's id and those of all groups; ``mask`` and
    ``node`` are the limits of the app token that was used (``device`` is its
    id), if one was.  ``brief``: came with a token that ends soon, and makes
    nothing that would outlast it.

    Whoever comes by a public link (``visit``) acts as somebody with an app
    token of its maker for its node and no more than its rights, and ``device``
    is the link's id: so the link never gives what its maker has lost, and
    journals name both.  Nothing else of the maker is theirs.
    """

    user: int
    name: str
    display_name: str
    principals: frozenset[int]
    admin: bool = False
    mask: Rights = Permission.ALL
    node: int | None = None
    device: int | None = None
    brief: bool = False
    #: A password was shown, not a token.
    by_password: bool = False
    visit: Visit | None = None
    #: Where the request came from, and with which program; empty where nobody has said so.
    peer: str = field(default="", compare=False)
    agent: str = field(default="", compare=False)
    #: The generation of the index that all this was read in; 0: nothing is remembered about the actor.
    generation: int = 0
    #: Shared by all actors of a process: what was granted to them, by user and generation.
    memo: Memo = field(default_factory=Memo, compare=False, repr=False)

    @property
    def outlook(self) -> Outlook:
        """What two actors have in common for whom every address leads to the same."""
        return self.user, self.admin, self.mask, self.node, self.visit
