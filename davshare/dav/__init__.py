"""The WebDAV door: RFC 4918 and its neighbours, translated into calls of the file service."""
