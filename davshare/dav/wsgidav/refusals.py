"""Refusals of ours as WsgiDAV's, and the other way round."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from wsgidav.dav_error import DAVError, DAVErrorCondition

from davshare.errors import BodyCut, DavshareError
from davshare.files.properties import Refused
from davshare.http.responses import REASONS

_DAV = "{DAV:}"


@contextmanager
def translated() -> Iterator[None]:
    """Inside, refusals of ours leave as :class:`DAVError`; that the client is gone stays what it is.

    :raises DAVError: for every other refusal.
    """
    try:
        yield
    except BodyCut:
        raise
    except DavshareError as error:
        raise to_wsgidav(error) from error


def to_wsgidav(error: DavshareError) -> DAVError:
    """A refusal as WsgiDAV's code understands it."""
    if isinstance(error, Refused) and error.reasons:
        error = next(iter(error.reasons.values()))
    condition = None
    if error.condition:
        condition = DAVErrorCondition(_DAV + error.condition)
        condition.hrefs.extend(error.hrefs)
    return DAVError(error.status, error.message, err_condition=condition, add_headers=list(error.headers))


def from_wsgidav(error: DAVError) -> DavshareError:
    """A refusal of WsgiDAV's own code; its words may repeat the request, so they are left out."""
    code = "" if error.err_condition is None else str(error.err_condition.condition_code)
    hrefs = () if error.err_condition is None else error.err_condition.hrefs
    found = DavshareError(
        f"{REASONS.get(error.value, 'The request was refused')}.",
        condition=code.removeprefix(_DAV),
        hrefs=hrefs,
        headers=error.add_headers or (),
    )
    found.status = error.value
    return found
