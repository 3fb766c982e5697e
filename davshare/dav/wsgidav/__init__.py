"""The WebDAV door as a WsgiDAV application: its provider, resources, managers, middleware and request server."""
