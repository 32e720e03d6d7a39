"""``calgate worker``, ``calgate lab`` and ``calgate keys``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.command import Operator, command, group, refuse

keys = group("keys", "The keys that seal secrets at rest.")


def register(app: typer.Typer) -> None:
    """Add these commands to the root."""
    app.add_typer(keys)
    command(app, "worker")(worker)
    command(app, "lab")(lab)


def worker(op: Operator) -> None:
    """Work on provider links in this process, beside any number of servers and workers."""
    from gateway import app as server

    server.run_worker(op.settings())


def lab(
    op: Operator,
    port: Annotated[int, typer.Option(help="TCP port; 0 takes a free one.")] = 9090,
    state: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keeps its calendars; without it they are forgotten.")
    ] = None,
    account: Annotated[
        list[str] | None, typer.Option(metavar="EMAIL", help="Account to make; may be repeated.")
    ] = None,
) -> None:
    """Run the laboratory: providers, simulated for trials and for plug-in authors (docs/lab.md)."""
    import subprocess

    from gateway import lab_process

    named = [part for each in account or () for part in ("--account", each)]
    kept = ["--state", str(state)] if state is not None else []
    arguments = lab_process.command("--google", "--microsoft", "--caldav", "--port", str(port), *kept, *named)
    code = subprocess.run(arguments, check=False).returncode  # noqa: S603 - our own program
    if code:
        raise refuse("The laboratory did not start or ended with an error; it has said why.")
    del op


@command(keys, "rotate")
def rotate(op: Operator) -> None:
    """Seal everything with the first key; afterwards the old key can go."""
    from gateway.services import key_rotation, startup

    with op.database() as db:
        sealer = startup.open_sealer(db, op.settings())
        count = key_rotation.rotate_all(db, sealer)
    op.show(
        {"sealed_anew": count},
        f"{count} secrets are sealed with the first key now; the others can be dropped.",
    )


@command(keys, "adopt-instance")
def adopt_instance(op: Operator) -> None:
    """Go on with a new instance id because the old one is lost; copies are found by their marker."""
    from gateway.services import startup

    with op.database() as db:
        startup.open_instance_id(db, op.settings(), adopts_new=True)
    op.show({"adopted": True}, "This node's instance id is the one of this database now.")
