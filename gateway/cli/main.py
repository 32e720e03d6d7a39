"""The root of the command, and the last resort where something unforeseen happens."""

from __future__ import annotations

import os
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli import (
    account,
    account_invite,
    conflicts,
    connection,
    doctor,
    feed,
    grant,
    groups,
    link,
    link_add,
    link_defaults,
    link_plan,
    link_remove,
    link_settings,
    link_undo,
    live_check,
    operate,
    person,
    resource,
    sync_work,
    transfer,
    why,
)
from gateway.cli.command import REFUSED, report

INTERRUPTED = 130

app = typer.Typer(
    name="calgate",
    help="Calgate: every resource's schedule on open standards.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
operate.register(app)
app.add_typer(resource.app)
app.add_typer(person.app)
app.add_typer(groups.app)
app.add_typer(grant.app)
app.add_typer(feed.app)
account_invite.register(account.app)
app.add_typer(account.app)
app.add_typer(connection.app)
for more in (link_add, link_defaults, link_plan, link_remove, link_settings, link_undo):
    more.register(link.app)
app.add_typer(link.app)
app.add_typer(conflicts.app)
sync_work.register(app)
why.register(app)
live_check.register(app)
transfer.register(app)
doctor.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"calgate {version('calgate')}")
        raise typer.Exit


@app.callback()
def root(
    _version_flag: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Calgate: every resource's schedule on open standards.

    Settings come from CALGATE_* variables or the TOML file named by CALGATE_CONFIG; see docs/settings.md.
    """


def main() -> None:
    """Run the command; whatever happens, the operator reads a sentence and not a traceback."""
    try:
        app(prog_name="calgate")
    except KeyboardInterrupt:
        typer.echo("calgate: interrupted.", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has gone (`calgate resource list | head`): nothing is wrong.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if os.environ.get("CALGATE_DEBUG") == "1":
            raise
        sys.exit(_last_resort(error))


def _last_resort(error: Exception) -> int:
    where = _write_log(error)
    message = f"Something unforeseen happened ({type(error).__name__}); nothing was changed by this step."
    place = f" The details are in {where}." if where else " Set CALGATE_DEBUG=1 to see the details."
    return report(message + place, code="unforeseen", is_json="--json" in sys.argv, exit_code=REFUSED)


def _write_log(error: Exception) -> Path | None:
    """Append where it happened, without the message, which may quote data of people."""
    path = Path(os.environ.get("CALGATE_DATA") or "data") / "error.log"
    lines = [f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {type(error).__name__}\n"]
    lines += traceback.format_tb(error.__traceback__)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "a") as handle:
            handle.writelines(lines)
    except OSError:
        return None
    return path
