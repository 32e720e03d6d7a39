"""``calgate why``: why an object is, or is not, at a provider or in a feed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.command import Operator, command
from gateway.cli.engine import with_engine

if TYPE_CHECKING:
    from gateway.services.why import Explanation
    from gateway.sync.engine import Engine


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    command(app, "why")(why)


def why(
    op: Operator,
    resource: Annotated[str, typer.Argument(metavar="RESOURCE", help="The resource.")],
    uid: Annotated[str, typer.Argument(metavar="UID", help="UID of the object.")],
) -> None:
    """Say for each link and feed why an object is there or not; asks no provider."""
    from gateway.services import links
    from gateway.services import why as service

    with op.database() as db:
        calendar = db.read(links.calendar_of, resource)

        async def look(engine: Engine) -> Explanation:
            return await db.aread(
                service.explain,
                calendar,
                uid,
                project_of=lambda name: engine.accounts.provider(name).project,
                instance_id=engine.worker.instance_id,
                limits=op.limits(),
                public_url=op.settings().base_url,
                now=op.now,
            )

        found = with_engine(op, db, look)

    def text() -> None:
        for one in (found.here, *found.links, *found.feeds):
            mark = {True: "yes", False: "no", None: "perhaps"}[one.is_there]
            typer.echo(f"{one.face} {one.name}: {mark}" if one.face != "here" else f"{resource}: {mark}")
            for sentence in one.sentences:
                typer.echo(f"  {sentence}")

    op.show(found.as_json(), text)
