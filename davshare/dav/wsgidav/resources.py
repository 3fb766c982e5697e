"""Files and folders as WsgiDAV's resources: they read through the index and write through the file service."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from typing import IO, Any

from lxml import etree
from wsgidav.dav_error import DAVError
from wsgidav.dav_provider import DAVCollection, DAVNonCollection

from davshare.dav import proppatch, put, virtual, xml
from davshare.dav.exchange import Exchange, state
from davshare.dav.properties import LIVE, content_type
from davshare.dav.propfind import Listing
from davshare.dav.render import Asked
from davshare.dav.wsgidav.context import EXCHANGE, RESOURCES, Environ, address_of
from davshare.dav.wsgidav.refusals import translated
from davshare.files import listing, properties, reading, transfer, tree, upload, view
from davshare.files.context import Address
from davshare.files.locate import Place
from davshare.files.transfer import Order
from davshare.files.upload import Read, Sent
from davshare.files.view import Target
from davshare.http import digests
from davshare.model.nodes import Node

_SPOOL = 1024 * 1024


def make(path: str, environ: Environ, target: Target) -> Resource:
    """The resource for what a path leads to."""
    if isinstance(target, Place) and not target.chain[-1].is_folder:
        return FileResource(path, environ, target)
    return FolderResource(path, environ, target)


class _Common:
    """What files and folders have in common; ``path`` and ``environ`` are set by WsgiDAV's base classes."""

    path: str
    environ: Environ
    target: Target

    @property
    def x(self) -> Exchange:
        """The request that this object belongs to."""
        found: Exchange = self.environ[EXCHANGE]
        return found

    @property
    def node(self) -> Node | None:
        """The row; None for collections that the server makes up, and for files that are about to come."""
        return self.target.node if isinstance(self.target, Place) else None

    @property
    def address(self) -> Address:
        """Where it is, as the file service takes it."""
        return Address(self.target.segments, self.path.endswith("/"))

    def get_ref_url(self) -> str:
        """The quoted path in the asker's view; locks and properties belong to the node behind it."""
        return self.target.href

    get_href = get_ref_url

    # -- what is told -----------------------------------------------------------------

    def get_etag(self) -> str | None:
        """The strong entity tag without its quotes."""
        if isinstance(self.target, Place):
            if self.node is None or self.target.mounts is None:
                return None if self.node is None else self.x.files.etag(self.node).strip('"')
            with self.x.files.db.snapshot() as connection:
                found, _ = state(self.x, connection, self.address)
            return None if found is None else found.strip('"')
        with self.x.files.db.snapshot() as connection:
            return virtual.etag(self.x.files, connection, self.x.actor, self.target).strip('"')

    def support_etag(self) -> bool:
        """Everything has one."""
        return True

    def get_creation_date(self) -> float | None:
        """Seconds since 1970."""
        return None if self.node is None else float(self.node.created)

    def get_last_modified(self) -> int | None:
        """Whole seconds since 1970, as in Last-Modified."""
        return None if self.node is None else self.node.mtime_ns // 1_000_000_000

    def get_display_name(self) -> str:
        """The name, or the one that somebody has set."""
        found = self._told(Asked("prop", ((xml.DAV, "displayname"),)))
        return "".join(str(part) for element in found.values() for part in element.itertext())

    def get_property_names(self, *, is_allprop: bool) -> list[str]:
        """The names of all properties, or of those that allprop gives, in Clark notation."""
        return list(self._told(Asked("allprop" if is_allprop else "propname")))

    def get_property_value(self, name: str) -> str | xml.Element:
        """A live property's text, or an element.

        :raises DAVError: it is not defined here (404).
        """
        found = self._told(Asked("prop", (_split(name),)))
        if name not in found:
            raise DAVError(404)
        return _value(found[name])

    def get_properties(self, mode: str, *, name_list: list[str] | None = None) -> list[tuple[str, Any]]:
        """(name, value) of many properties at once; a :class:`DAVError` for what is not defined."""
        if mode == "name":
            return [(name, None) for name in self.get_property_names(is_allprop=False)]
        if mode == "allprop" or name_list is None:
            return [(name, _value(element)) for name, element in self._told(Asked("allprop")).items()]
        found = self._told(Asked("prop", tuple(_split(name) for name in name_list)))
        return [(name, _value(found[name]) if name in found else DAVError(404)) for name in name_list]

    def _told(self, asked: Asked) -> dict[str, xml.Element]:
        """What PROPFIND tells of this resource, by name: nothing is worked out twice."""
        with translated(), self.x.files.db.snapshot() as connection:
            if isinstance(self.target, Place) and self.target.node is None:
                self.target = self.x.files.place(connection, self.x.asker, self.address)
            parts = "".join(Listing(self.x, connection, asked, "0").parts(self.target))
        root = etree.fromstring(f"<d:multistatus {xml.DECLARATIONS}>{parts}</d:multistatus>")
        found: dict[str, xml.Element] = {}
        for propstat in root.iter(f"{{{xml.DAV}}}propstat"):
            if " 200 " in xml.text_of(xml.child(propstat, "status")):
                prop = xml.child(propstat, "prop")
                found.update((str(each.tag), each) for each in ([] if prop is None else list(prop)))
        return found

    # -- what is changed --------------------------------------------------------------

    def set_property_value(self, name: str, value: xml.Element | None, *, dry_run: bool = False) -> None:
        """Set a property, or remove it (None).

        :raises DAVError: it is protected, or the asker may not.
        """
        update = etree.Element(f"{{{xml.DAV}}}propertyupdate")
        action = etree.SubElement(update, f"{{{xml.DAV}}}{'remove' if value is None else 'set'}")
        prop = etree.SubElement(action, f"{{{xml.DAV}}}prop")
        prop.append(etree.Element(name) if value is None else etree.fromstring(etree.tostring(value, with_tail=False)))
        with translated():
            instructions = proppatch.parse(etree.tostring(update))
            if not dry_run:
                properties.patch(self.x.files, self.x.asker, self.address, instructions)
                self._changed()
                return
            with self.x.files.db.snapshot() as connection:
                properties.decide(self.x.files, connection, self.x.asker, self.address)
            for each in instructions:
                if each.refused is not None:
                    raise each.refused

    def handle_delete(self) -> bool:
        """Remove it with everything in it, in one step.

        :raises DAVError: the asker may not, or a lock is in the way.
        """
        with translated():
            tree.delete(self.x.files, self.x.asker, self.address)
        self._changed()
        return True

    def delete(self) -> list[tuple[str, DAVError]]:
        """The same; there is never a part that failed."""
        self.handle_delete()
        return []

    def handle_copy(self, dest_path: str, *, depth_infinity: bool) -> bool:
        """Copy it to another path, in one step."""
        return self._transfer(dest_path, members=depth_infinity, move=False)

    def handle_move(self, dest_path: str) -> bool:
        """Move it to another path, in one step; it keeps its id."""
        return self._transfer(dest_path, members=True, move=True)

    def move_recursive(self, dest_path: str) -> list[tuple[str, DAVError]]:
        """The same; there is never a part that failed."""
        self.handle_move(dest_path)
        return []

    def support_recursive_move(self, dest_path: str) -> bool:
        """Moves are always whole."""
        return True

    def copy_move_single(self, dest_path: str, *, is_move: bool) -> None:
        """A file copied or moved; of a folder a copy without its members, as WsgiDAV wants it."""
        self._transfer(dest_path, members=False, move=is_move and isinstance(self, FileResource))

    def _transfer(self, dest_path: str, *, members: bool, move: bool) -> bool:
        overwrite = self.environ.get("HTTP_OVERWRITE", "T").upper() != "F"
        with translated():
            # WsgiDAV adds a slash for folders, also where a file is to be replaced by one.
            order = Order(self.address, address_of(dest_path.rstrip("/")), overwrite, members, move)
            transfer.transfer(self.x.files, self.x.asker, order)
        self._changed()
        return True

    def _changed(self) -> None:
        """Whatever was looked up before may be different now."""
        self.environ.pop(RESOURCES, None)


class FolderResource(_Common, DAVCollection):
    """A folder, or a collection that the server makes up."""

    def __init__(self, path: str, environ: Environ, target: Target) -> None:
        super().__init__(path, environ)
        self.target = target

    def get_member_names(self) -> list[str]:
        """The names of the members that the asker may see."""
        with translated(), self.x.files.db.snapshot() as connection:
            if not isinstance(self.target, Place):
                return [each.segments[-1] for each in view.members(connection, self.x.actor, self.target)]
            return [node.name for node in listing.members(connection, self.target, self.target.found())]

    def get_member_list(self) -> list[Resource]:
        """The members that the asker may see, from one state of the tree."""
        base = self.path.rstrip("/")
        found: list[Resource] = []
        with translated(), self.x.files.db.snapshot() as connection:
            if not isinstance(self.target, Place):
                for each in view.members(connection, self.x.actor, self.target):
                    found.append(make(f"{base}/{each.segments[-1]}", self.environ, each))
                return found
            for node in listing.members(connection, self.target, self.target.found()):
                address = Address((*self.target.segments, node.name))
                found.append(
                    make(f"{base}/{node.name}", self.environ, self.x.files.target(connection, self.x.asker, address))
                )
        return found

    def get_used_bytes(self) -> int | None:
        """RFC 4331 section 4."""
        return None if self.node is None else self.node.size

    def get_available_bytes(self) -> int | None:
        """RFC 4331 section 3."""
        return listing.free_bytes(self.x.files, self.target) if isinstance(self.target, Place) else None

    def support_recursive_delete(self) -> bool:
        """Deletions are always whole."""
        return True

    def create_empty_resource(self, name: str) -> FileResource:
        """A file that WsgiDAV is about to write (PUT) or lock (LOCK), else an empty one that is there at once.

        What comes next makes it: so no empty file is ever seen under the name of
        an upload, and a refused lock leaves nothing behind.
        """
        path = f"{self.path.rstrip('/')}/{name}"
        with translated():
            address = address_of(path)
            with self.x.files.db.snapshot() as connection:
                target = self.x.files.new_place(connection, self.x.asker, address)
            found = FileResource(path, self.environ, target)
            if self.environ["REQUEST_METHOD"] not in ("PUT", "LOCK"):
                found.store(0, lambda size: b"")
            return found

    def create_collection(self, name: str) -> FolderResource:
        """A new, empty folder.

        :raises DAVError: something is here already, or the asker may not.
        """
        path = f"{self.path.rstrip('/')}/{name}"
        with translated():
            address = address_of(path)
            tree.make_folder(self.x.files, self.x.asker, address)
            self._changed()
            with self.x.files.db.snapshot() as connection:
                return FolderResource(path, self.environ, self.x.files.target(connection, self.x.asker, address))


class FileResource(_Common, DAVNonCollection):
    """A file; one that WsgiDAV is about to write may not be there yet."""

    def __init__(self, path: str, environ: Environ, target: Place) -> None:
        super().__init__(path, environ)
        self.target: Place = target
        self._upload: Upload | None = None

    def get_content_length(self) -> int:
        """Bytes."""
        return 0 if self.node is None else self.node.size

    def get_content_type(self) -> str:
        """The media type that the name suggests."""
        return content_type(self.target.name)

    def support_ranges(self) -> bool:
        """Parts of files can be read."""
        return True

    def get_content(self) -> IO[bytes]:
        """The content, open for reading; the caller closes it."""
        with translated():
            content = reading.open_content(self.x.files, self.x.asker, self.address)
        return os.fdopen(content.fd, "rb")

    def begin_write(self, *, content_type: str | None = None) -> Upload:
        """Where new content goes; nothing changes before all of it has come."""
        self._upload = Upload(self)
        return self._upload

    def end_write(self, *, with_errors: bool) -> None:
        """Make what was written piece by piece the content, unless something went wrong."""
        written, self._upload = self._upload, None
        if written is not None:
            written.finish(keep=not with_errors)

    def store(self, length: int | None, read: Read) -> None:
        """Make the bytes that ``read`` gives the content."""
        x = self.x
        with translated():
            sent = x.headers if x.request.method == "PUT" else {}
            content = Sent(length, read, put.mtime(sent.get("x-oc-mtime")), digests.expected(sent))
            upload.put(x.files, x.asker, self.address, content)
            self._changed()
            with x.files.db.snapshot() as connection:
                self.target = x.files.place(connection, x.asker, self.address)


class Upload:
    """The file-like object of an upload."""

    def __init__(self, resource: FileResource) -> None:
        self._resource = resource
        self._spool: IO[bytes] | None = None

    def writelines(self, blocks: Iterable[bytes]) -> None:
        """Take the whole content as it arrives: it is in place when this returns."""
        pieces = (block for block in blocks if block)
        request = self._resource.x.request
        length = request.body.length if request.method == "PUT" else None
        self._resource.store(length, lambda size: next(pieces, b""))

    def write(self, data: bytes) -> int:
        """Keep a piece until :meth:`FileResource.end_write`."""
        if self._spool is None:
            self._spool = tempfile.SpooledTemporaryFile(_SPOOL)  # noqa: SIM115 - finish() closes it
        return self._spool.write(data)

    def close(self) -> None:
        """Nothing: ``end_write`` follows."""

    def finish(self, *, keep: bool) -> None:
        """Store the pieces, if there are some and they are wanted."""
        spool, self._spool = self._spool, None
        if spool is None:
            return
        with spool:
            if keep:
                length = spool.tell()
                spool.seek(0)
                self._resource.store(length, spool.read)


Resource = FolderResource | FileResource


def _split(clark: str) -> xml.Name:
    name = etree.QName(clark)
    return name.namespace or "", name.localname


def _value(element: xml.Element) -> str | xml.Element:
    """Plain text of live properties, everything else as it is."""
    if xml.name_of(element) in LIVE and not len(element) and not element.attrib:
        return element.text or ""
    return element
