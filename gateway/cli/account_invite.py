"""``calgate account invite``: one-time links by which people connect their accounts themselves."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.command import ACTOR, Operator, command, refuse
from gateway.cli.engine import with_engine

if TYPE_CHECKING:
    from gateway.sync.engine import Engine

_COLUMNS = ("id", "person", "provider", "state", "reason", "expires_at_utc")


def register(app: typer.Typer) -> None:
    """Add the commands to those about accounts."""
    command(app, "invite")(invite)
    command(app, "invitations")(invitations)
    command(app, "uninvite")(uninvite)


def invite(
    op: Operator,
    person: Annotated[str, typer.Argument(metavar="PERSON", help="Login.")],
    provider: Annotated[str, typer.Option(help="E.g. google.")],
    use: Annotated[
        str, typer.Option(metavar="USES", help="own-calendars, list, read, write, busy; by commas.")
    ] = "own-calendars,list",
    days: Annotated[int, typer.Option(help="For how long the link works.")] = 7,
) -> None:
    """Make a one-time link by which a person connects her account; it is shown once."""
    from gateway.providers.contract import SignInKind, Use
    from gateway.services import invitations as service

    words = tuple(word.strip() for word in use.split(",") if word.strip())
    if unknown := [word for word in words if word not in {each.value for each in Use}]:
        raise refuse(f"--use takes {', '.join(each.value for each in Use)}, not {unknown[0]}.")
    with op.database() as db:

        async def check(engine: Engine) -> bool:
            return SignInKind.USER in engine.accounts.provider(provider).sign_in.kinds

        if not with_engine(op, db, check):
            raise refuse(f"{provider} has no consent page; use calgate account connect.")
        made, token = db.write(
            service.invite,
            person,
            provider=provider,
            uses=words,
            life=timedelta(days=days),
            actor=ACTOR,
            now=op.now,
        )
    link = f"{op.settings().base_url}/invite/{token}"
    op.show(
        {"id": made.uuid, "person": person, "link": link, "expires_at_utc": made.expires_at_utc},
        f"Send this link to {person}; it works once, until {made.expires_at_utc:%Y-%m-%d %H:%M} UTC:\n{link}",
    )


def invitations(op: Operator) -> None:
    """List the invitations and what became of them."""
    from gateway.services import invitations as service

    with op.database() as db:
        found = db.read(service.listing)
    rows = [
        {
            "id": one.uuid,
            "person": one.person.login,
            "provider": one.provider,
            "state": one.state_at(op.now),
            "reason": one.reason,
            "account": one.account_uuid,
            "expires_at_utc": one.expires_at_utc,
        }
        for one in found
    ]
    op.table(rows, _COLUMNS, empty="Nobody was invited.")


def uninvite(
    op: Operator, name: Annotated[str, typer.Argument(metavar="ID", help="Id; its first digits.")]
) -> None:
    """Take an invitation back; an account that is connected already stays."""
    from gateway.services import invitations as service

    with op.database() as db:
        found = db.write(service.withdraw, name, actor=ACTOR, now=op.now)
    op.show({"id": found.uuid, "state": "withdrawn"}, f"Withdrew the invitation of {found.person.login}.")
