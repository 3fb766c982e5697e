"""``davshare serve``."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from davshare import __version__
from davshare.config import KEYS, Config
from davshare.server import admin


def _switches(command: Callable[..., Any]) -> Callable[..., Any]:
    """One switch for each key of the configuration."""
    for key in reversed(KEYS):
        if key.is_flag:
            option = click.option(f"{key.switch}/--no-{key.switch[2:]}", key.name, default=None, help=key.doc)
        else:
            option = click.option(key.switch, key.name, metavar="VALUE", help=key.doc)
        command = option(command)
    return command


@click.command("serve")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@_switches
def command(folder: Path, **values: Any) -> int:
    """Serve the data folder DIR in the foreground until SIGTERM or Ctrl-C.

    Ready when GET /readyz answers 200.  Switches go before environment
    variables (DAVSHARE_LISTEN and so on), those before DIR/davshare.toml.
    """
    from davshare.observe import logs

    switches = {name: str(value) for name, value in values.items() if value is not None}
    config = admin.load_config(folder, switches).config
    logs.set_up(config.log_level)
    with admin.serving(folder):
        admin.prepare(folder, config)
        with admin.claiming(folder, config):
            return _run(folder, config)


def _run(data: Path, config: Config) -> int:
    from davshare.server import build, run

    def before_start() -> None:
        build.recover(data, config)
        build.open_ldap(config)  # or a mistake would end every worker
        admin.self_test(data, config)

    return run.serve(
        config.address,
        config.processes,
        partial(build.make_application, data, config),
        trusted_proxies=config.trusted_proxies,
        before_start=before_start,
        on_worker_exit=partial(build.recover, data, config),
        keeper=partial(build.keeper, data, config),
        announce=partial(announce, data, config),
        threads=config.threads,
        grace=float(config.grace),
    )


def announce(data: Path, config: Config, url: str) -> None:
    """Tell where the server is, once it is there."""
    url = (config.public_url or url).rstrip("/")
    click.echo(f"davshare {__version__} is ready")
    click.echo(f"  open in a browser:  {url}/")
    click.echo(f"  mount as a folder:  {url}/dav/home/")
    admins = admin.administrators(data, config)
    if admins:
        click.echo(f"  sign in as:         {admins[0]}")
        click.echo(f"  forgot a password:  {_program()} --data {shlex.quote(str(data))} user passwd {admins[0]}")


def _program() -> str:
    """What people have to type for this command here."""
    if Path(sys.argv[0]).name == "__main__.py":
        return "python -m davshare"
    return "davshare" if shutil.which("davshare") else shlex.quote(sys.argv[0])
