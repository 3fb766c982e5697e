"""The one provider at the root: from paths to resources, in the view of whoever asks."""

from __future__ import annotations

from wsgidav.dav_provider import DAVProvider

from davshare.dav.exchange import Exchange
from davshare.dav.wsgidav import resources
from davshare.dav.wsgidav.context import EXCHANGE, RESOURCES, Environ, address_of
from davshare.dav.wsgidav.refusals import translated
from davshare.errors import BadRequest, NotFound
from davshare.files.locate import Place


class Provider(DAVProvider):
    """Finds what a path leads to; stateless, the actor is in the environment."""

    def get_resource_inst(self, path: str, environ: Environ) -> resources.Resource | None:
        """The resource at a decoded path; None where nothing is that the asker may know of.

        WsgiDAV asks several times per request: each path is looked up once.

        :raises DAVError: the storage is missing.
        """
        known: dict[str, resources.Resource] = environ.setdefault(RESOURCES, {})
        found = known.get(path)
        if found is None:
            found = self._find(environ[EXCHANGE], path, environ)
            if found is not None:
                known[path] = found
        return found

    def _find(self, x: Exchange, path: str, environ: Environ) -> resources.Resource | None:
        with translated():
            try:
                address = address_of(path)
                with x.files.db.snapshot() as connection:
                    target = x.files.target(connection, x.asker, address)
                if isinstance(target, Place):
                    target.found()
            except (NotFound, BadRequest):
                return None
            return resources.make(path, environ, target)
