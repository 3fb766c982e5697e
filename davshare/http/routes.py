"""Paths and the templates that they fit, such as ``/users/{user}``."""

from __future__ import annotations


def parts(template: str) -> tuple[str, ...]:
    """The segments of a template."""
    return tuple(template.strip("/").split("/"))


def matched(template: tuple[str, ...], segments: tuple[str, ...]) -> dict[str, str] | None:
    """The parameters if the segments of a path fit those of a template, else None."""
    if len(template) != len(segments):
        return None
    found = {}
    for part, segment in zip(template, segments, strict=True):
        if part.startswith("{"):
            found[part[1:-1]] = segment
        elif part != segment:
            return None
    return found
