"""Times: seconds since 1970 inside, UTC in bodies."""

from __future__ import annotations

from datetime import UTC, datetime

from davshare.errors import Unprocessable


def moment(seconds: int | None) -> datetime | None:
    """A time that may be missing."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def future(wanted: datetime | None, at: str) -> int | None:
    """The seconds of a time that has to lie ahead; ``at`` is the name of its field.

    :raises Unprocessable: it does not.
    """
    if wanted is None:
        return None
    if wanted <= datetime.now(UTC):
        raise Unprocessable(at, f"{at}: expected a time to come.")
    return int(wanted.timestamp())
