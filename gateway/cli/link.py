"""``calgate link``: bonds between resources and calendars at providers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.command import ACTOR, Operator, command, group, refuse
from gateway.cli.engine import link_row, with_engine
from gateway.domain.link_model import AccountState

if TYPE_CHECKING:
    from gateway.domain.link_model import Link, LinkId
    from gateway.services import Database, Transaction
    from gateway.sync.engine import Engine

app = group("link", "Links: add, show, change, plan, pause, resume, undo, remove.")

LinkName = Annotated[str, typer.Argument(metavar="LINK", help="Id; its first digits are enough.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting; may be repeated.")
]
_WAIT_S = 3600.0
_COLUMNS = ("id", "resource", "account", "calendar", "direction", "state", "copies", "behind", "reason")


@command(app, "list")
def list_(op: Operator) -> None:
    """List the links."""
    with op.database() as db:
        rows = db.read(_rows)
    op.table(rows, _COLUMNS, empty="There are no links.")


@command(app, "show")
def show(op: Operator, link: LinkName) -> None:
    """Show one link with its settings and what was put aside."""
    from gateway.services import link_defaults, links

    with op.database() as db:
        found = db.read(links.find, link)
        settings = db.read(link_defaults.of_link, found)
        shown = db.read(row_of, found.id) | {
            "settings": found.policy.as_json(),
            "settings_from": {one.name: one.source for one in settings if one.source != "built in"},
            "put_aside": [
                {"side": one["side"], "ref": one["ref"], "reason": one["reason"], "tries": one["tries"]}
                for one in db.read(links.parked, found.id)
            ],
        }

    def text() -> None:
        for key, value in shown.items():
            typer.echo(f"{key.replace('_', ' ')}: {value if value not in (None, [], {}) else '-'}")

    op.show(shown, text)


@command(app, "pause")
def pause(op: Operator, link: LinkName) -> None:
    """Stop a link; what changes meanwhile is kept."""
    from gateway.services import links

    with op.database() as db:
        found = db.read(links.find, link)
        db.write(links.pause, found.id, actor=ACTOR, now=op.now)
    op.show({"id": found.uuid, "state": "paused"}, f"Paused {found.uuid[:8]}.")


@command(app, "resume")
def resume(op: Operator, link: LinkName) -> None:
    """Let a link go on."""
    from gateway.services import links

    with op.database() as db:
        found = db.read(links.find, link)
        db.write(links.resume, found.id, actor=ACTOR, now=op.now)
        shown = db.read(row_of, found.id)
    op.show(shown, f"Link {found.uuid[:8]} goes on.")


@command(app, "sync")
def sync(
    op: Operator,
    link: LinkName,
    full: Annotated[bool, typer.Option("--full", help="Compare everything, not only changes.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Until it is done.")] = False,
    here: Annotated[
        bool, typer.Option("--here", help="Do it in this process; for instances without a running worker.")
    ] = False,
) -> None:
    """Ask the provider now, and send what waits."""
    from gateway.services import links

    with op.database() as db:
        found = db.read(links.find, link)
        db.write(links.request_sync, found.id, is_full=full)
        if here:

            async def work(engine: Engine) -> None:
                await engine.worker.run_until_idle()

            with_engine(op, db, work)
        elif wait:
            wait_for(op, db, found.id)
        shown = db.read(row_of, found.id)
    told = f"Link {found.uuid[:8]}: {shown['state']}, {shown['copies']} copies."
    op.show(shown, f"{told} {shown['reason']}" if shown["reason"] else told)


@command(app, "log")
def log(
    op: Operator,
    link: LinkName,
    limit: Annotated[int, typer.Option(min=1, help="Lines.")] = 50,
    uid: Annotated[str | None, typer.Option(help="Only of this object.")] = None,
) -> None:
    """Show what the link wrote, with the cause of each write."""
    from gateway.services import links

    with op.database() as db:
        found = db.read(links.find, link)
        rows = db.read(links.log, found.id, limit=limit, uid=uid)
    shown = [
        {
            "at_utc": one["at_utc"],
            "side": one["side"],
            "action": one["action"],
            "cause": one["cause"],
            "uid": one["uid"],
            "remote_id": one["remote_id"],
            "fields": one["fields"],
            "before": one["before_hash"],
            "after": one["after_hash"],
        }
        for one in rows
    ]
    op.table(
        shown, ("at_utc", "side", "action", "cause", "uid", "fields"), empty="This link has written nothing."
    )


# -- shared -------------------------------------------------------------------------------------------


def given_settings(pairs: list[str] | None) -> dict[str, Any]:
    """Return ``NAME=VALUE`` arguments as settings; anything else ends the command."""
    given: dict[str, Any] = {}
    for pair in pairs or []:
        name, mark, value = pair.partition("=")
        if not mark:
            raise refuse(f"A setting is written as name=value, not {pair!r}.")
        given[name.strip()] = value
    return given


def row_of(tx: Transaction, link_id: LinkId) -> dict[str, Any]:
    """Return a link as commands show it."""
    from gateway.services import links

    status = links.status(tx, link_id)
    return link_row(status, links.slug_of(tx, status.link))


def _rows(tx: Transaction) -> list[dict[str, Any]]:
    from gateway.services import links

    return [link_row(one, links.slug_of(tx, one.link)) for one in links.statuses(tx)]


def wait_for(op: Operator, db: Database, link_id: LinkId) -> None:
    """Wait until nothing is left to do, with a bar where people look on."""
    from rich.console import Console
    from rich.progress import Progress

    end = time.monotonic() + _WAIT_S
    with Progress(console=Console(stderr=True), transient=True, disable=op.is_json) as bar:
        task = bar.add_task("Syncing", total=None)
        while time.monotonic() < end:
            status = db.read(_status, link_id)
            one: Link = status.link
            bar.update(task, completed=one.done, total=one.total or None, description=one.state.value)
            if not one.state.runs or (
                one.synced_at_utc is not None and not one.is_full and not status.behind
            ):
                return
            if status.account is not None and status.account.state is not AccountState.CONNECTED:
                raise refuse(f"{status.problem} `calgate account list` says how.")
            if one.error:
                bar.update(task, description=f"{one.state.value}: {one.error}")
            time.sleep(0.3)
    raise refuse("It is not done within an hour; it goes on. See `calgate link show`.")


def _status(tx: Transaction, link_id: LinkId) -> Any:  # Any: LinkStatus, imported late
    from gateway.services import links

    return links.status(tx, link_id)
