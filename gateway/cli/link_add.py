"""``calgate link add``: bind a resource to a calendar of an account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.command import ACTOR, Operator, command, refuse
from gateway.cli.engine import with_engine
from gateway.cli.link import Set, given_settings, row_of, wait_for
from gateway.cli.link_plan import looked
from gateway.domain.link_model import Direction, Role

if TYPE_CHECKING:
    from gateway.domain.link_model import Link
    from gateway.services import Database
    from gateway.sync.engine import Engine

COMBINED_TITLE = "{title} ({resource})"


def register(app: typer.Typer) -> None:
    """Add the command to those about links."""
    command(app, "add")(add)


def add(
    op: Operator,
    resource: Annotated[str, typer.Argument(metavar="SLUG", help="The resource.")],
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Id or name of the account.")],
    calendar: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Id or name of the calendar there; without it one of our own."),
    ] = None,
    new: Annotated[
        bool, typer.Option("--new", help="Make a calendar although there may be one of that name.")
    ] = False,
    combined: Annotated[
        bool, typer.Option("--combined", help="Into the one calendar that this account's resources share.")
    ] = False,
    direction: Annotated[Direction, typer.Option(help="Which way changes go.")] = Direction.PUSH,
    role: Annotated[Role | None, typer.Option(help="target, conflict or both.")] = None,
    settings: Set = None,
    wait: Annotated[bool, typer.Option("--wait", help="Until the first sync is done.")] = False,
    review: Annotated[
        bool | None,
        typer.Option(
            "--review/--no-review",
            help="Write nothing before a plan is applied; by itself where copies of ours are there already.",
        ),
    ] = None,
) -> None:
    """Link a resource to a calendar of an account; the first sync begins at once."""
    from gateway.services import accounts, links

    given = given_settings(settings)
    if combined:
        if calendar is not None or direction is not Direction.PUSH:
            raise refuse("--combined makes its own calendar and only pushes; leave the other option out.")
        given.setdefault("title", COMBINED_TITLE)
    links.checked(direction, role, given)
    with op.database() as db:
        here = db.read(links.calendar_of, resource)
        found = db.read(accounts.find, account)

        async def row(engine: Engine) -> int:
            if calendar is not None:
                return await engine.connector.calendar_row(found, calendar)
            return await engine.connector.dedicated_calendar(found, here, is_new=new, is_combined=combined)

        looks = review or (review is None and calendar is not None and direction is not Direction.PULL)
        made = db.write(
            links.add,
            here,
            found,
            remote_calendar_id=with_engine(op, db, row),
            direction=direction,
            role=role,
            settings=given,
            is_held=looks,
            actor=ACTOR,
            now=op.now,
        )
        plan = _reviewed(op, db, made, is_wanted=bool(review)) if looks else None
        if wait:
            wait_for(op, db, made.id)
        shown = db.read(row_of, made.id) | ({"plan": plan} if plan is not None else {})
    told = f"Linked {resource} to {made.remote_name} ({made.uuid[:8]})."
    if plan is not None:
        told += f" Nothing is written yet: {plan['summary']}."
        told += f" Apply it with: calgate link apply {plan['plan'][:8]}"
    op.show(shown, told)


def _reviewed(op: Operator, db: Database, made: Link, *, is_wanted: bool) -> dict[str, Any] | None:
    """Look at the calendar before a link begins; None where it may begin: none of our copies are there."""
    from gateway.services import links
    from gateway.services.plan_summary import summary

    plan = looked(op, db, made)
    if not is_wanted and not any(item["action"] == "adopt" for item in plan["items"]):
        db.write(links.approve, plan["plan"], actor=ACTOR, now=op.now)
        return None
    return {"plan": plan["plan"], "summary": summary(plan["items"])}
