"""Responses of a multistatus as text (RFC 4918 section 14.24)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from davshare.dav import visiting
from davshare.dav.properties import ALLPROP, BY_KIND, LIVE, SETTABLE, VARYING, WAY
from davshare.dav.scope import REFUSED, Scope, Value
from davshare.dav.xml import DAV, Name, empty, escape, tag
from davshare.model.nodes import FOLDER, Node

OK = "</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat>"
NOT_FOUND = "</d:prop><d:status>HTTP/1.1 404 Not Found</d:status></d:propstat>"
FORBIDDEN = "</d:prop><d:status>HTTP/1.1 403 Forbidden</d:status></d:propstat>"
_NONE: Mapping[Name, str] = {}


class Asked(NamedTuple):
    """Which properties: ``prop`` (these), ``allprop`` (and these) or ``propname``."""

    kind: str
    names: tuple[Name, ...] = ()

    @property
    def dead(self) -> bool:
        """Whether dead properties have to be looked up."""
        return self.kind != "prop" or any(name not in LIVE or name in SETTABLE for name in self.names)

    def wants(self, name: Name) -> bool:
        """Whether a costly property is asked for by name."""
        return self.kind != "propname" and name in self.names


#: Text with gaps, and what fills all of them but the first, which is for the href.
_Plan = tuple[str, list[Value]]


class _Column(NamedTuple):
    """One asked property: its name, its function (None for dead ones), and how it is written."""

    name: Name
    value: Value | None
    start: str
    end: str
    empty: str


class Renderer:
    """Writes the ``d:response`` of one node after the other.

    :param minimal: leave out what is not found (RFC 8144 section 2.1).
    """

    def __init__(self, scope: Scope, asked: Asked, minimal: bool) -> None:
        self._kind = asked.kind
        self._minimal = minimal
        names = asked.names
        if asked.kind == "allprop":
            names = (*ALLPROP, *[name for name in names if name not in ALLPROP])
        elif asked.kind == "propname":
            names = tuple(LIVE)
        self._columns = [self._column(name, scope) for name in dict.fromkeys(names)]
        self._names = frozenset(names)
        self._quick = asked.kind != "propname" and VARYING.isdisjoint(names) and visiting.NAMES.isdisjoint(names)
        self._plans: dict[int, _Plan] = {}
        self._constant = BY_KIND if scope.locks else BY_KIND | {(DAV, "lockdiscovery")}
        if scope.place.sight is not None:
            self._constant -= {(DAV, "current-user-privilege-set")}
        if scope.place.mounts is not None:
            self._constant -= {(DAV, "sync-token")}
        #: What allprop implies is not missing where it is not defined.
        self._implied = frozenset(empty(name) for name in ALLPROP if name not in asked.names)

    @staticmethod
    def _column(name: Name, scope: Scope) -> _Column:
        factory = None if scope.limited and name not in WAY else visiting.live(scope, name)
        start, end = tag(name)
        return _Column(name, None if factory is None else factory(scope), f"<{start}>", f"</{end}>", empty(name))

    def response(self, node: Node, href: str, dead: Mapping[Name, str] = _NONE) -> str:
        """One node; ``href`` is quoted, ``dead`` its dead properties."""
        if self._kind == "propname":
            return self._names_only(node, href, dead)
        if self._quick and not dead:
            whole, values = self._plans.get(node.kind) or self._plan(node)
            return whole % (href, *[value(node) for value in values])
        found: list[str] = []
        missing: list[str] = []
        refused: list[str] = []
        for name, value, start, end, nothing in self._columns:
            if dead and name in dead:
                found.append(dead[name])
                continue
            text = None if value is None else value(node)
            if text is None:
                missing.append(nothing)
            elif text == REFUSED:
                refused.append(nothing)
            elif text:
                found.append(start + text + end)
            else:
                found.append(nothing)
        if self._kind == "allprop":
            found += [text for name, text in dead.items() if name not in self._names]
            missing = [text for text in missing if text not in self._implied]
        return written(href, found, [] if self._minimal else missing, refused)

    def _plan(self, node: Node) -> _Plan:
        """The whole response of a node of this kind with gaps for what differs from one to the next.

        Which properties are defined, and some values, depend on the kind only;
        filling gaps costs a third of putting each response together.
        """
        found: list[str] = []
        missing: list[str] = []
        values: list[Value] = []
        for name, value, start, end, nothing in self._columns:
            text = None if value is None else value(node)
            if value is None or text is None:
                missing.append(nothing)
            elif name in self._constant:
                found.append(start + text.replace("%", "%%") + end if text else nothing)
            else:
                found.append(f"{start.replace('%', '%%')}%s{end}")
                values.append(value)
        if self._kind == "allprop":
            missing = [text for text in missing if text not in self._implied]
        missing = [text.replace("%", "%%") for text in missing]
        plan = written("%s", found, [] if self._minimal else missing), values
        self._plans[node.kind] = plan
        return plan

    def _names_only(self, node: Node, href: str, dead: Mapping[Name, str]) -> str:
        columns = [c for c in self._columns if c.value is not None and c.name not in dead]
        hidden = {"getcontentlength", "getcontenttype"} if node.kind == FOLDER else {
            "add-member", "quota-available-bytes", "quota-used-bytes", "sync-token",
        }  # fmt: skip
        found = [c.empty for c in columns if c.name[1] not in hidden]
        return written(href, found + [empty(name) for name in dead], [])


def written(href: str, found: Sequence[str], missing: Sequence[str], refused: Sequence[str] = ()) -> str:
    """One response: elements that were found, names of those that are not there, and of those that are kept back."""
    head = f"<d:response><d:href>{escape(href) if '&' in href else href}</d:href>"
    good = f"<d:propstat><d:prop>{''.join(found)}{OK}" if found or not (missing or refused) else ""
    bad = f"<d:propstat><d:prop>{''.join(missing)}{NOT_FOUND}" if missing else ""
    if refused:
        bad += f"<d:propstat><d:prop>{''.join(refused)}{FORBIDDEN}"
    return f"{head}{good}{bad}</d:response>"


def gone(href: str) -> str:
    """A member that is not there any more (RFC 6578 section 3.5)."""
    return f"<d:response><d:href>{escape(href)}</d:href><d:status>HTTP/1.1 404 Not Found</d:status></d:response>"
