"""``calgate link runs`` and ``calgate link undo``: what a link did, taken back within 30 days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.command import ACTOR, Operator, command
from gateway.cli.engine import with_engine
from gateway.cli.link import LinkName

if TYPE_CHECKING:
    from gateway.sync.engine import Engine

_COLUMNS = ("run", "cause", "started_at_utc", "outcome", "did")


def register(app: typer.Typer) -> None:
    """Add the commands to those about links."""
    command(app, "runs")(runs)
    command(app, "undo")(undo)


def runs(
    op: Operator,
    link: LinkName,
    limit: Annotated[int, typer.Option(min=1, help="Lines.")] = 20,
) -> None:
    """List the runs of a link that had something to do, the newest first."""
    from gateway.services import links
    from gateway.services import undo as service

    with op.database() as db:
        found = db.read(links.find, link)
        rows = db.read(service.runs, found.id, limit=limit)
    shown = [
        {
            "run": one["id"],
            "cause": one["cause"],
            "started_at_utc": one["started_at_utc"],
            "outcome": one["outcome"] or "at work",
            "did": [f"{name} {number}" for name, number in sorted(one["counts"].items())],
        }
        for one in rows
    ]
    op.table(shown, _COLUMNS, empty="This link has had nothing to do.")


def undo(
    op: Operator,
    link: LinkName,
    run: Annotated[
        int | None, typer.Option(metavar="N", help="Number of the run; without it the newest that wrote.")
    ] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Only show what would be taken back.")] = False,
) -> None:
    """Take back what a run wrote; what has changed since is left alone and named."""
    from gateway.services import links

    with op.database() as db:
        found = db.read(links.find, link)

        async def work(engine: Engine) -> dict[str, Any]:
            from gateway.sync.undo import Undoer

            undoer = Undoer(
                accounts=engine.accounts,
                instance_id=engine.worker.instance_id,
                limits=op.limits(),
                public_url=op.settings().base_url,
            )
            if preview:
                plan = await undoer.preview(found, run)
                return {
                    "run": plan.run_id,
                    "undo_run": None,
                    "done": [
                        {"side": one.way.side, "action": one.way.value, "uid": one.uid} for one in plan.steps
                    ],
                    "refused": [one.as_json() for one in plan.refused],
                }
            return (await undoer.undo(found, run)).as_json()

        shown = with_engine(op, db, work)
        if not preview:
            db.write(links.note_undo, found.id, run_id=shown["run"], actor=ACTOR, now=op.now)
    shown["preview"] = preview

    def text() -> None:
        for one in shown["done"]:
            typer.echo(f"{one['action']} {one['side']} {one['uid']}")
        for one in shown["refused"]:
            typer.echo(f"left alone: {one['uid']}: {one['why']}")
        verb = "would be" if preview else "were"
        typer.echo(
            f"Run {shown['run']}: {len(shown['done'])} objects {verb} brought back,"
            f" {len(shown['refused'])} left alone."
        )
        if shown["undo_run"]:
            typer.echo(f"Take this back with: calgate link undo {found.uuid[:8]} --run {shown['undo_run']}")

    op.show(shown, text)
