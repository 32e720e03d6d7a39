"""``calgate link remove``: leave a calendar with or without what was written there."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.command import ACTOR, Operator, command, refuse
from gateway.cli.engine import with_engine
from gateway.cli.link import LinkName

if TYPE_CHECKING:
    from gateway.sync.engine import Engine
    from gateway.sync.leave import Left


class What(enum.StrEnum):
    """What becomes of what the link wrote there."""

    KEEP = "keep"
    OURS = "ours"
    CALENDAR = "calendar"
    DELETE = "delete"  # the former word for ours


def register(app: typer.Typer) -> None:
    """Add the command to those about links."""
    command(app, "remove")(remove)


def remove(
    op: Operator,
    link: LinkName,
    copies: Annotated[
        What,
        typer.Option(
            help="keep them; ours: remove exactly what we wrote there (delete is the same);"
            " calendar: delete the calendar that was made for this link."
        ),
    ] = What.KEEP,
) -> None:
    """Remove a link; what people wrote there is never touched, and that is proven by listing it."""
    from gateway.services import links

    with op.database() as db:
        found = db.read(links.find, link)
        account = db.read(links.status, found.id).account
        if account is None:
            raise refuse("The account is gone; remove it with calgate account remove.")

        async def leave(engine: Engine) -> Left:
            from gateway.sync.leave import Copies, Leaver

            how = Copies.OURS if copies is What.DELETE else Copies(copies.value)
            return await Leaver(accounts=engine.accounts).leave(found, account, how, actor=ACTOR)

        left = with_engine(op, db, leave)
        if copies is not What.CALENDAR:
            db.write(links.remove, found.id, actor=ACTOR, now=op.now)

    def text() -> None:
        for uid, why in left.kept:
            typer.echo(f"left there: {uid}: {why}")
        typer.echo(f"Removed link {found.uuid[:8]}{_told(copies, left)}")

    op.show({"id": found.uuid, **left.as_json()}, text)


def _told(copies: What, left: Left) -> str:
    if copies is What.KEEP:
        return "; its copies stay where they are."
    if left.is_calendar_gone:
        return "; its calendar is gone." if copies is not What.CALENDAR else " with its calendar."
    proof = "the calendar was read again" if left.is_proven else "not all of it could be removed"
    return f" and {left.removed} copies ({proof}); {left.foreign} events of people are untouched."
