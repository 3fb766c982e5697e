"""davshare: WebDAV file sync and share on plain files."""

__version__ = "0.1.0"
