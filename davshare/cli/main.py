"""The command ``davshare``: finds the module of a command, and turns errors into one line and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import click

from davshare import __version__
from davshare.errors import BadRequest, Conflict, DavshareError, InsufficientStorage, NotFound, Unavailable, UsageError

#: Exit codes: everything is fine; the answer is no, or problems were found;
#: called wrongly; not found; exists already or is in use; storage unavailable.
OK, NO, USAGE, MISSING, TAKEN, STORAGE = range(6)
_INTERRUPTED = 130

#: Command → its module in this package, and one line for the overview.
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("init", "Make a data folder with its first administrator."),
    "serve": ("serve", "Serve a data folder, in the foreground."),
    "user": ("user", "Add, show and change users."),
    "group": ("group", "Add and change groups."),
    "token": ("token", "Make and revoke app tokens."),
    "device": ("device", "List, revoke and wipe devices."),
    "ldap": ("ldap", "Compare accounts with an LDAP directory."),
    "space": ("space", "Add and change project spaces."),
    "acl": ("acl", "Show and change who may do what with a file or folder."),
    "share": ("share", "List and end what people share with each other."),
    "mail": ("mail", "List mail that waits, have it sent again, and try the SMTP server."),
    "explain": ("explain", "Tell why somebody may do what they may do."),
    "settings": ("settings", "Show and change what can change while the server runs."),
    "check": ("check", "Compare index, journal and files, and put right what can be."),
    "rebuild-index": ("rebuild", "Make the index anew from the files."),
    "reconcile": ("reconcile", "Take over what was changed on disk behind the server's back."),
    "journal": ("journal", "Show what changed."),
    "audit": ("audit", "Show who did what, and from where."),
    "lock": ("lock", "List and break WebDAV locks."),
    "migrate-database": ("migrate_database", "Move the index into another database."),
    "doctor": ("doctor", "Examine the machine and the data folder."),
    "config": ("config", "Show the configuration and where it comes from."),
}


class Commands(click.Group):
    """Imports a command's module when the command is called, and not for the overview."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; it is the attribute ``command`` of its module."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"davshare.cli.{COMMANDS[cmd_name][0]}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The overview, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--data",
    metavar="DIR",
    envvar="DAVSHARE_DATA",
    type=click.Path(path_type=Path),
    help="The data folder; also DAVSHARE_DATA.",
)
@click.version_option(__version__, message="davshare %(version)s")
@click.pass_context
def davshare(ctx: click.Context, data: Path | None) -> None:
    """WebDAV file sync and share on plain files.

    Exit codes: 0 fine, 1 the answer is no or problems were found, 2 called
    wrongly, 3 not found, 4 exists already or in use, 5 storage unavailable.
    """
    ctx.obj = data


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; nothing is raised."""
    try:
        code = davshare.main(arguments, prog_name="davshare", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else OK
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        return USAGE
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "davshare"
        return _complain(f"{error.format_message().rstrip('.')}; see `{where} --help`", USAGE)
    except click.ClickException as error:
        return _complain(error.format_message(), USAGE)
    except (click.Abort, KeyboardInterrupt):
        return _complain("interrupted", _INTERRUPTED)
    except DavshareError as error:
        reason = getattr(error, "reason", "")
        return _complain(f"{error.message.rstrip('.')}: {reason}" if reason else error.message, code_of(error))
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python must not complain at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return NO
    except OSError as error:
        name = f": {error.filename}" if error.filename else ""
        return _complain(f"{error.strerror or error}{name}", STORAGE)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        at = f"{Path(last.filename).name}:{last.lineno}"
        return _complain(f"internal error, please report it: {type(error).__name__}: {error} ({at})", NO)


def code_of(error: DavshareError) -> int:
    """The exit code of a refusal."""
    match error:
        case UsageError() | BadRequest():
            return USAGE
        case NotFound():
            return MISSING
        case Conflict():
            return TAKEN
        case Unavailable() | InsufficientStorage():
            return STORAGE
    return NO


def _complain(message: str, code: int) -> int:
    """One line on standard error."""
    line = " ".join(str(message).split())
    print(f"davshare: {line}", file=sys.stderr)
    return code
