"""The server and its settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import davshare
from davshare.api import who
from davshare.api.call import Call, Route
from davshare.api.schema import MOST, Says
from davshare.errors import Unprocessable
from davshare.files import settings as service
from davshare.model.settings import LONGEST, SETTINGS, Setting
from davshare.model.settings import MOST as LONGEST_LIST


@dataclass(frozen=True, slots=True)
class Server:
    """What answers."""

    name: Annotated[str, Says("Always davshare.")]
    version: Annotated[str, Says("Version of the server.")]


def _text(setting: Setting) -> dict[str, Any]:
    return {"type": "string", "maxLength": LONGEST}


_TYPES: dict[str, Callable[[Setting], dict[str, Any]]] = {
    "flag": lambda setting: {"type": "boolean"},
    "number": lambda setting: {"type": "integer", "minimum": setting.least, "maximum": min(setting.most, MOST)},
    "text": _text,
    "list": lambda setting: {"type": "array", "items": _text(setting), "maxItems": LONGEST_LIST},
}


class Values:
    """Settings by name, as the table in the handbook describes them.

    :param changes: only those that are to be changed; null sets one back to the default.
    """

    def __init__(self, changes: bool, personal: bool = False) -> None:
        self._changes = changes
        self._known = {each.name: each for each in SETTINGS if each.personal or not personal}

    def schema(self) -> dict[str, Any]:
        """An object with a property for each setting."""
        return {
            "type": "object",
            "properties": {each.name: self._one(each) for each in self._known.values()},
            "additionalProperties": False,
        }

    def _one(self, setting: Setting) -> dict[str, Any]:
        described = _TYPES[setting.kind](setting)
        if self._changes:
            described = {"anyOf": [described, {"type": "null"}]}
        return {**described, "default": setting.default, "description": setting.doc}

    def read(self, value: Any) -> Mapping[str, Any]:
        """The changes.

        :raises Unprocessable: a setting is not known, or a value does not fit.
        """
        if not isinstance(value, dict):
            raise Unprocessable("body", "body: expected an object.")
        for name, each in value.items():
            setting = self._known.get(name)
            if setting is None:
                raise Unprocessable("body", "body: holds a setting that is not known.")
            if each is not None and not setting.fits(each):
                expected = "true or false" if setting.kind == "flag" else setting.expected
                raise Unprocessable(setting.name, f"{setting.name}: expected {expected}.")
        return value


class Document:
    """The OpenAPI document; what is in it is said by its own standard."""

    def schema(self) -> dict[str, Any]:
        """Any object."""
        return {"type": "object"}

    def read(self, value: Any) -> Any:
        """Nobody sends one."""
        return value


def document(call: Call) -> Mapping[str, Any]:
    """The description of all operations, this one too."""
    from davshare.api import openapi  # it is made from the table in which this is

    return openapi.document()


def server(call: Call) -> Server:
    """What answers."""
    return Server("davshare", davshare.__version__)


def get(call: Call) -> Mapping[str, Any]:
    """All settings."""
    return call.files.settings.all()


def change(call: Call) -> Mapping[str, Any]:
    """Change settings."""
    service.put(call.files.db, call.body)
    call.files.generation()
    return call.files.settings.all()


def get_of(call: Call) -> Mapping[str, Any]:
    """What holds for one person of all that can be set for single people."""
    user = service.person(call.files.db, call.path["user"])
    with call.files.db.session() as connection:
        return call.files.settings.of_person(connection, user)


def change_of(call: Call) -> Mapping[str, Any]:
    """Change what holds for one person."""
    service.put_of(call.files.db, service.person(call.files.db, call.path["user"]), call.body)
    return get_of(call)


ROUTES = (
    Route("GET", "/openapi.json", "This document.", who.ANYONE, document, Document()),
    Route("GET", "/server", "Name and version of the server.", who.SIGNED_IN, server, Server, partial=True),
    Route("GET", "/settings", "All settings with their values.", who.ADMIN, get, Values(changes=False)),
    Route("PATCH", "/settings", "Change settings, at once and in every worker; null sets one back to the default.",
          who.ADMIN, change, Values(changes=False), Values(changes=True)),
    Route("GET", "/users/{user}/settings", "Settings that people can have of their own, for one of them.",
          who.SELF_OR_ADMIN, get_of, Values(changes=False, personal=True)),
    Route("PATCH", "/users/{user}/settings", "Change what holds for one person; null: what holds for the site.",
          who.SELF_OR_ADMIN, change_of, Values(changes=False, personal=True), Values(changes=True, personal=True)),
)  # fmt: skip
