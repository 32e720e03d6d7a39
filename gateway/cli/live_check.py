"""``calgate live-check``: whether a real account behaves as its simulator does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.command import Operator, command, refuse
from gateway.cli.engine import with_engine

if TYPE_CHECKING:
    from gateway.sync.engine import Engine
    from gateway.sync.live_check import LiveCheck


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    command(app, "live-check")(live_check)


def live_check(
    op: Operator,
    provider: Annotated[str, typer.Argument(metavar="PROVIDER", help="google, graph, caldav ...")],
    account: Annotated[
        str | None, typer.Option(metavar="ACCOUNT", help="Id or name; needed where there are several.")
    ] = None,
    calendar: Annotated[
        str | None, typer.Option(metavar="ID", help="An empty calendar, where the provider makes none.")
    ] = None,
) -> None:
    """Make a calendar and a series in a real account, edit, delete and read them, remove everything again.

    Tells where the provider answers otherwise than the simulator, and ends with an error then.
    """
    from gateway.services import accounts
    from gateway.sync.live_answers import differences, known

    with op.database() as db:
        found = [one for one in db.read(accounts.listing) if one.provider == provider]
        if account is not None:
            found = [db.read(accounts.find, account)]
        if len(found) != 1 or found[0].provider != provider:
            raise refuse(f"Name one account of {provider} with --account; see calgate account list.")

        async def work(engine: Engine) -> LiveCheck:
            from gateway.sync.live_check import LiveCheck

            check = LiveCheck(
                provider=engine.accounts.provider(provider),
                account=await engine.accounts.open(found[0]),
                now=op.now,
                calendar_id=calendar,
            )
            await check.run()
            return check

        check = with_engine(op, db, work)
    expected = known(provider)
    different = differences(expected, check.facts) if expected is not None and calendar is None else []
    shown = {
        "provider": provider,
        "facts": [{"step": step, "fact": name, "value": value} for step, name, value in check.facts],
        "compared": expected is not None and calendar is None,
        "differences": [
            {"step": one.step, "fact": one.fact, "simulator": one.simulator, "here": one.here}
            for one in different
        ],
        "left_behind": check.left,
    }

    def text() -> None:
        for step, name, value in check.facts:
            typer.echo(f"{step}: {name}: {value}")
        for one in different:
            typer.echo(f"OTHERWISE {one.step}: {one.fact}: simulator {one.simulator}, here {one.here}")
        if check.left:
            typer.echo(f"Not removed: {', '.join(check.left)}; remove it by hand.")
        elif not shown["compared"]:
            typer.echo("There is nothing to compare this with; everything was removed again.")
        else:
            typer.echo(f"{len(different)} differences; everything was removed again.")

    op.show(shown, text)
    if different or check.left:
        raise typer.Exit(1)
