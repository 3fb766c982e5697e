"""The whole WebDAV door as a WsgiDAV application on our connections."""

from __future__ import annotations

from typing import Any

from wsgidav.mw.base_mw import BaseMiddleware
from wsgidav.wsgidav_app import WsgiDAVApp

from davshare.dav.wsgidav import locks, properties
from davshare.dav.wsgidav.context import DOOR, Door
from davshare.dav.wsgidav.middleware import Authentication, Entrance, ErrorPrinter
from davshare.dav.wsgidav.provider import Provider
from davshare.dav.wsgidav.server import Resolver
from davshare.files.service import Files
from davshare.http.application import Application
from davshare.http.request import Request
from davshare.http.responses import Response
from davshare.server.gateway import WsgiApplication, WsgiCallable
from davshare.server.pipeline import Pipeline

_BLOCK = 512 * 1024


def make_wsgidav(files: Files, pipeline: Pipeline) -> Application:
    """The application that answers every request through WsgiDAV; closing it closes the pipeline."""
    return _Wsgidav(Entrance(make_app(pipeline), pipeline), pipeline)


class _Wsgidav(WsgiApplication):
    """Everything but what WSGI has no words for."""

    def __init__(self, callable_: WsgiCallable, pipeline: Pipeline) -> None:
        super().__init__(callable_, pipeline.close)
        self._pipeline = pipeline

    def answer(self, request: Request) -> Response:
        """WsgiDAV's answer, or that the connection is given away."""
        return self._pipeline.answer(request) if self._pipeline.hands_over(request) else super().answer(request)


def make_app(door: Door, resolver: type[BaseMiddleware] = Resolver) -> WsgiDAVApp:
    """WsgiDAV with our provider, managers and middleware and nothing of its own.

    :param resolver: the last middleware, which makes the request server.
    """
    config: dict[str, Any] = {
        DOOR: door,
        "provider_mapping": {"/": Provider()},
        "middleware_stack": [ErrorPrinter, Authentication, resolver],
        "property_manager": properties.Manager(),
        "lock_storage": False,
        "block_size": _BLOCK,
        "http_authenticator": {"accept_basic": False, "accept_digest": False, "default_to_digest": False},
        "verbose": 1,
        "logging": {"enable": False},
    }
    app = WsgiDAVApp(config)
    app.lock_manager = locks.Manager()
    for provider in app.provider_map.values():
        provider.verbose = app.verbose
        provider.set_lock_manager(app.lock_manager)
    return app
