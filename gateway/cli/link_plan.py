"""``calgate link plan``, ``apply`` and ``reconnect``: what would be written, before it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.command import ACTOR, Operator, command, refuse
from gateway.cli.engine import with_engine
from gateway.cli.link import LinkName

if TYPE_CHECKING:
    from gateway.domain.differences import Eyes
    from gateway.domain.link_model import Link
    from gateway.services import Database
    from gateway.sync.engine import Engine

AsPerson = Annotated[
    str | None,
    typer.Option(
        "--person", metavar="LOGIN", help="Show what this person may read; without it PRIVATE stays hidden."
    ),
]
_SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add the commands to those about links."""
    command(app, "plan")(plan)
    command(app, "apply")(apply)
    command(app, "reconnect")(reconnect)


def plan(op: Operator, link: LinkName, person: AsPerson = None) -> None:
    """Show what a full compare would do, field by field, and keep it as a plan that can be applied."""
    from gateway.services import links
    from gateway.services.plan_summary import summary

    with op.database() as db:
        found = db.read(links.find, link)
        waiting = db.read(links.open_plan, found.id)
        if waiting is not None and waiting["reason"] == "guard":
            items = [{**item, "held": True} for item in waiting["items"]]
            shown: dict[str, Any] = {"plan": waiting["uuid"], "reason": "guard", "items": items}
        else:
            shown = looked(op, db, found, person=person)
    shown["summary"] = summary(shown["items"])
    op.show(shown, lambda: _print(shown))


def apply(
    op: Operator, plan_id: Annotated[str, typer.Argument(metavar="PLAN", help="Id; its first digits.")]
) -> None:
    """Approve a plan: the link goes on and may do what the plan names."""
    from gateway.services import links

    with op.database() as db:
        found = db.write(links.approve, plan_id, actor=ACTOR, now=op.now)
    op.show({"id": found.uuid, "state": found.state.value}, f"Approved; link {found.uuid[:8]} goes on.")


def reconnect(
    op: Operator,
    link: LinkName,
    person: AsPerson = None,
    yes: Annotated[bool, typer.Option("--apply", help="Approve the plan at once.")] = False,
) -> None:
    """Compare a link with its calendar from the beginning: nothing is written before the plan is applied.

    For an account that was connected anew, a new database, or copies that somebody has tidied up there.
    """
    from gateway.services import links
    from gateway.services.plan_summary import summary

    with op.database() as db:
        found = db.write(links.hold, db.read(links.find, link).id, actor=ACTOR, now=op.now)
        shown = looked(op, db, found, person=person)
        if yes:
            db.write(links.approve, shown["plan"], actor=ACTOR, now=op.now)
    shown |= {"summary": summary(shown["items"]), "applied": yes}
    op.show(shown, lambda: _print(shown))


def looked(op: Operator, db: Database, found: Link, *, person: str | None = None) -> dict[str, Any]:
    """Read the whole calendar there and return the plan, as commands show it."""
    from gateway.domain.differences import Eyes

    eyes = _eyes(db, found, person) if person is not None else Eyes.PUBLIC

    async def look(engine: Engine) -> dict[str, Any]:
        from gateway.sync.preview import preview

        made = await preview(
            engine.accounts,
            found,
            instance_id=engine.worker.instance_id,
            limits=op.limits(),
            public_url=op.settings().base_url,
            eyes=eyes,
        )
        return {"plan": made.uuid, "reason": "preview", "items": made.items}

    return with_engine(op, db, look)


def _eyes(db: Database, found: Link, login: str) -> Eyes:
    from gateway.services import links, principals

    who = db.read(principals.get, login)
    eyes = db.read(links.eyes_of, found, who)
    if eyes is None:
        raise refuse(f"{login} has no right on this resource; see `calgate grant list`.")
    return eyes


def _print(shown: dict[str, Any]) -> None:
    items = [item for item in shown["items"] if item["action"] != "adopt"]
    for item in items[:_SHOWN]:
        held = " (held)" if item.get("held") else ""
        why = f": {item['why']}" if item.get("why") else ""
        typer.echo(f"{item['action']} {item['side']} {item.get('uid') or item.get('remote_id')}{held}{why}")
        for change in item.get("changes") or []:
            typer.echo(f"    {_change(change)}")
    if len(items) > _SHOWN:
        typer.echo(f"... and {len(items) - _SHOWN} more; --json shows all of them.")
    typer.echo(f"Plan {shown['plan']}: {shown['summary']}")
    if shown.get("applied"):
        typer.echo("Applied.")
    else:
        typer.echo(f"Apply it with: calgate link apply {shown['plan'][:8]}")


def _change(change: dict[str, Any]) -> str:
    name = change["field"] + (f" of {change['occurrence']}" if change.get("occurrence") else "")
    if change.get("hidden"):
        return f"{name}: hidden"
    return f"{name}: {change['before'] or '-'} -> {change['after'] or '-'}"
