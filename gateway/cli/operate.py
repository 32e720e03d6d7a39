"""``serve``, ``migrate``, ``backup`` and ``restore``: running an instance."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.command import ACTOR, Operator, command, refuse


def register(app: typer.Typer) -> None:
    """Add these commands to the root."""
    command(app, "serve")(serve)
    command(app, "migrate")(migrate)
    command(app, "backup")(backup)
    command(app, "restore")(restore)


def serve(
    op: Operator,
    host: Annotated[str | None, typer.Option(help="Address to listen on (CALGATE_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="TCP port; 0 takes a free one (CALGATE_PORT).")] = None,
    public_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Address that clients use (CALGATE_PUBLIC_URL).")
    ] = None,
    zone: Annotated[str | None, typer.Option(help="Default time zone (CALGATE_ZONE).")] = None,
    radicale_conf: Annotated[
        Path | None, typer.Option(metavar="FILE", help="radicale.conf (CALGATE_RADICALE_CONF).")
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Fill an empty instance with a demo organisation.")
    ] = False,
) -> None:
    """Run the server until Ctrl-C."""
    from gateway import app as server

    settings = op.settings(
        host=host, port=port, public_url=public_url, zone=zone, radicale_conf=radicale_conf
    )
    server.run(settings, demo=demo)


def migrate(op: Operator) -> None:
    """Bring the database to the schema of this release."""
    from gateway.services import startup

    settings = op.settings()
    db = startup.open_database(settings)
    try:
        result = startup.migrate(db, settings, now=op.now)
    finally:
        db.close()
    shown = {
        "from": result.before,
        "to": result.after,
        "copy": str(result.copy) if result.copy else None,
        "changed": result.before != result.after,
    }
    if result.before == result.after:
        text = f"Nothing to do: the database is at {result.after}."
    else:
        kept = f" A copy from before is {result.copy}." if result.copy else ""
        text = f"Migrated from {result.before or 'nothing'} to {result.after}.{kept}"
    op.show(shown, text)


def backup(
    op: Operator,
    target: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where to; an older backup there is replaced.")
    ],
    with_keys: Annotated[
        Path | None,
        typer.Option(metavar="KEYFILE", help="Also write the keys there, encrypted by a passphrase."),
    ] = None,
) -> None:
    """Write the whole database into one file; it can be restored on either database."""
    from gateway.services import backup as service

    passphrase = _passphrase(twice=True) if with_keys else None
    with op.database() as db:
        made = service.backup(db, target, now=op.now)
        if with_keys and passphrase:
            service.write_keys(op.settings(), with_keys, passphrase)
    shown = {
        "file": str(target),
        "rows": made.rows,
        "bytes": target.stat().st_size,
        "schema": made.schema,
        "sha256": made.sha256,
        "keys": str(with_keys) if with_keys else None,
    }
    keys = (
        f"The keys are in {with_keys}, encrypted by your passphrase."
        if with_keys
        else "secret.key and instance.id are not in it: keep them apart, or use --with-keys."
    )
    op.show(shown, f"Wrote {made.rows} rows to {target}. {keys}")


def restore(
    op: Operator,
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A file that `calgate backup` wrote.")],
    keys: Annotated[
        Path | None, typer.Option(metavar="KEYFILE", help="File that `backup --with-keys` wrote.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is in the database now.")] = False,
    without_keys: Annotated[
        bool,
        typer.Option("--without-keys", help="The keys are lost: drop what only they could open."),
    ] = False,
) -> None:
    """Put a backup back. Clients then read everything anew; links to providers stay paused."""
    from gateway.services import backup as service

    if keys and without_keys:
        raise refuse("Give --keys or --without-keys, not both.")
    settings = op.settings()
    recovered = service.read_keys(keys, _passphrase(twice=False)) if keys else None
    with op.database() as db:
        done = service.restore(
            db,
            settings,
            source,
            force=force,
            recovered=recovered,
            drops_sealed=without_keys,
            now=op.now,
            actor=ACTOR,
        )
    op.show(
        {"file": str(source), "rows": done.rows, "made_at": done.made_at_utc, "epoch": done.epoch},
        f"Restored {done.rows} rows of {done.made_at_utc:%Y-%m-%d %H:%M} UTC. Clients read everything anew.",
    )


def _passphrase(*, twice: bool) -> str:
    import getpass

    if given := os.environ.get("CALGATE_BACKUP_PASSPHRASE"):
        return given
    if not sys.stdin.isatty():
        raise refuse("There is no terminal to ask for the passphrase; set CALGATE_BACKUP_PASSPHRASE.")
    first = getpass.getpass("Passphrase of the keys: ")
    if twice and getpass.getpass("Again: ") != first:
        raise refuse("The two passphrases differ; nothing was written.")
    return first
