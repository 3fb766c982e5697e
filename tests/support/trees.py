"""Comparing folders on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path


def tree(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder: relative path to content, None for folders."""
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
        for path in folder.rglob("*")
        if path.name != "lost+found"
    }


def facts(folder: Path, wanted: Callable[[str], bool] = lambda name: True) -> dict[str, tuple[str, int] | None]:
    """Relative path to digest and time in seconds of each file, and to None of each folder; top names are asked for."""
    found: dict[str, tuple[str, int] | None] = {}
    for path in folder.rglob("*"):
        place = path.relative_to(folder)
        if not wanted(place.parts[0]):
            continue
        found[str(place)] = None
        if not path.is_dir():
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            found[str(place)] = (digest, int(path.stat().st_mtime))
    return found
