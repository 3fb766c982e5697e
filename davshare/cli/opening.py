"""The data folder that a command is about."""

from __future__ import annotations

from pathlib import Path

import click

from davshare.errors import UsageError


def data_folder() -> Path:
    """The folder that ``--data`` or ``DAVSHARE_DATA`` names.

    :raises UsageError: neither does.
    """
    data = click.get_current_context().find_root().obj
    if data is None:
        raise UsageError("which data folder? say `davshare --data DIR ...` or set DAVSHARE_DATA")
    return Path(data)
