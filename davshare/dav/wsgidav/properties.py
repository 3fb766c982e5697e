"""WsgiDAV's property manager over the dead properties of the file service."""

from __future__ import annotations

from lxml import etree

from davshare.dav.exchange import Exchange
from davshare.dav.wsgidav.context import EXCHANGE, Environ
from davshare.dav.wsgidav.refusals import translated
from davshare.errors import NotFound
from davshare.files import listing, properties
from davshare.files.context import Address
from davshare.files.listing import Name
from davshare.files.locate import Place
from davshare.files.properties import Instruction
from davshare.model import names


class Manager:
    """Dead properties by URL (the interface of WsgiDAV's ``PropertyManager``).

    They belong to the node behind the URL, so they follow it wherever it goes;
    every method needs the environment of the request to know who is asking.
    """

    def get_properties(self, norm_url: str, environ: Environ) -> list[str]:
        """The names of all dead properties in Clark notation."""
        return [f"{{{namespace}}}{local}" for namespace, local in self._all(norm_url, environ)]

    def get_property(self, norm_url: str, name: str, environ: Environ) -> str | None:
        """One property as the whole element; None when there is none."""
        return self._all(norm_url, environ).get(_split(name))

    def write_property(
        self, norm_url: str, name: str, property_value: bytes | str, dry_run: bool, environ: Environ
    ) -> None:
        """Set one property to a whole element.

        :raises DAVError: the asker may not, or a lock is in the way.
        """
        text = property_value.decode() if isinstance(property_value, bytes) else property_value
        self._patch(norm_url, [Instruction(_split(name), text)], dry_run, environ)

    def remove_property(self, norm_url: str, name: str, dry_run: bool, environ: Environ) -> None:
        """Remove one property; nothing happens when there is none."""
        self._patch(norm_url, [Instruction(_split(name), None)], dry_run, environ)

    def remove_properties(self, norm_url: str, environ: Environ) -> None:
        """Remove all properties."""
        self._patch(norm_url, [Instruction(name, None) for name in self._all(norm_url, environ)], False, environ)

    def copy_properties(self, src_url: str, dest_url: str, environ: Environ) -> None:
        """Set all properties of one resource on another, too."""
        found = self._all(src_url, environ)
        self._patch(dest_url, [Instruction(name, value) for name, value in found.items()], False, environ)

    def move_properties(self, src_url: str, dest_url: str, with_children: bool, environ: Environ) -> None:
        """Nothing to do when the resource itself has moved; else all of one resource go to another."""
        if self._all(src_url, environ):
            self.copy_properties(src_url, dest_url, environ)
            self.remove_properties(src_url, environ)

    def _all(self, url: str, environ: Environ) -> dict[Name, str]:
        x: Exchange = environ[EXCHANGE]
        with translated(), x.files.db.snapshot() as connection:
            try:
                target = x.files.target(connection, x.asker, Address(*names.split(url)))
                return listing.dead(connection, target.found().id) if isinstance(target, Place) else {}
            except NotFound:
                return {}

    def _patch(self, url: str, instructions: list[Instruction], dry_run: bool, environ: Environ) -> None:
        x: Exchange = environ[EXCHANGE]
        if not instructions:
            return
        address = Address(*names.split(url))
        with translated():
            if not dry_run:
                properties.patch(x.files, x.asker, address, instructions)
                return
            with x.files.db.snapshot() as connection:
                properties.decide(x.files, connection, x.asker, address)


def _split(clark: str) -> Name:
    name = etree.QName(clark)
    return name.namespace or "", name.localname
