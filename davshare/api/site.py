"""The server and its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import davshare
from davshare.api import who
from davshare.api.call import Call, Route
from davshare.api.schema import MOST, Says
from davshare.errors import Unprocessable
from davshare.files import settings as service
from davshare.model.settings import BY_NAME, SETTINGS, Setting


@dataclass(frozen=True, slots=True)
class Server:
    """What answers."""

    name: Annotated[str, Says("Always davshare.")]
    version: Annotated[str, Says("Version of the server.")]


class Values:
    """Settings by name, as the table in the handbook describes them.

    :param changes: only those that are to be changed; null sets one back to the default.
    """

    def __init__(self, changes: bool) -> None:
        self._changes = changes

    def schema(self) -> dict[str, Any]:
        """An object with a property for each setting."""
        return {
            "type": "object",
            "properties": {each.name: self._one(each) for each in SETTINGS},
            "additionalProperties": False,
        }

    def _one(self, setting: Setting) -> dict[str, Any]:
        described: dict[str, Any] = {"type": "boolean"}
        if not setting.is_flag:
            described = {"type": "integer", "minimum": setting.least, "maximum": min(setting.most, MOST)}
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
            setting = BY_NAME.get(name)
            if setting is None:
                raise Unprocessable("body", "body: holds a setting that is not known.")
            if each is not None and not setting.fits(each):
                limits = f"a whole number from {setting.least} to {setting.most}"
                expected = "true or false" if setting.is_flag else limits
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


ROUTES = (
    Route("GET", "/openapi.json", "This document.", who.ANYONE, document, Document()),
    Route("GET", "/server", "Name and version of the server.", who.SIGNED_IN, server, Server, partial=True),
    Route("GET", "/settings", "All settings with their values.", who.ADMIN, get, Values(changes=False)),
    Route("PATCH", "/settings", "Change settings, at once and in every worker; null sets one back to the default.",
          who.ADMIN, change, Values(changes=False), Values(changes=True)),
)  # fmt: skip
