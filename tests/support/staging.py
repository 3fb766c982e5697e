"""What waits in the private folder of a space."""

from __future__ import annotations

from pathlib import Path


def staged(root: Path) -> list[Path]:
    """Files and folders in the making below the root of a space, on the shelves of all processes as well."""
    found: list[Path] = []
    for each in (root / ".davshare" / "staging").iterdir():
        found += each.iterdir() if each.name.startswith("shelf-") else [each]
    return found
