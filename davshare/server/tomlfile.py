"""Changing one key of ``davshare.toml`` and nothing else in it."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

from davshare.config import FILE_NAME, toml
from davshare.errors import Unavailable, UsageError


def set_key(data: Path, name: str, value: str) -> None:
    """Write ``name = "value"`` into the data folder's configuration: in the line that has it, or commented out.

    :raises UsageError: the file is so unusual that this cannot be done; nothing has changed.
    :raises Unavailable: it cannot be written.
    """
    path = data / FILE_NAME
    line = f"{name} = {toml(value)}"
    try:
        text = path.read_text("utf-8") if path.exists() else ""
        for pattern in (rf"(?m)^{name}\s*=.*$", rf"(?m)^# {name} = .*$"):
            changed, times = re.subn(pattern, lambda _: line, text, count=1)
            if times:
                break
        else:
            changed = f"{line}\n{text}"
        if tomllib.loads(changed) != {**tomllib.loads(text), name: value}:
            raise UsageError(f"{FILE_NAME} cannot be changed by this command; write this into it: {name} = ...")
        _replace(path, changed)
    except tomllib.TOMLDecodeError:
        raise UsageError(f"{FILE_NAME} is not valid TOML") from None
    except OSError as error:
        raise Unavailable(f"{FILE_NAME} cannot be written: {error.strerror}") from None


def _replace(path: Path, text: str) -> None:
    """The new file takes the place of the old one whole; a password may be in it, so it is nobody else's."""
    aside = path.with_name(f"{path.name}.new")
    aside.unlink(missing_ok=True)
    with open(
        os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w", encoding="utf-8"
    ) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if path.exists():
        facts = path.stat()
        if os.geteuid() == 0:
            os.chown(aside, facts.st_uid, facts.st_gid)
    os.replace(aside, path)
