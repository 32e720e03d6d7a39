"""``calgate link defaults``: settings that links inherit, for all resources or for one."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.command import ACTOR, Operator, command, refuse
from gateway.cli.link import given_settings

_COLUMNS = ("setting", "value", "from")


def register(app: typer.Typer) -> None:
    """Add the command to those about links."""
    command(app, "defaults")(defaults)


def defaults(
    op: Operator,
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help="Settings; none to only look.")
    ] = None,
    resource: Annotated[
        str | None, typer.Option(metavar="SLUG", help="Of this resource's links; without it of all.")
    ] = None,
    unset: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Inherit this again; may be repeated.")
    ] = None,
    existing: Annotated[
        bool, typer.Option("--existing", help="Also bring the copies that are there to it.")
    ] = False,
    preview: Annotated[
        bool, typer.Option("--preview", help="Only say how many links and copies that concerns.")
    ] = False,
) -> None:
    """Show or change the settings that links inherit: Calgate's own, all resources', the resource's."""
    from gateway.services import link_defaults, links

    if preview and existing:
        raise refuse("--preview changes nothing; leave --existing out.")
    with op.database() as db:
        calendar = db.read(links.calendar_of, resource) if resource else None
        if not settings and not unset:
            found = db.read(link_defaults.explain, calendar.id if calendar else None, None)
            rows = [{"setting": one.name, "value": one.value, "from": one.source} for one in found]
            op.table(rows, _COLUMNS, empty="")
            return
        touched = db.write(
            link_defaults.change,
            calendar,
            given_settings(settings),
            unset=unset or (),
            to_existing=existing,
            is_preview=preview,
            actor=ACTOR,
            now=op.now,
        )
    verb = "would change" if preview else "change"
    rest = (
        f"their {touched.copies} copies are brought to it."
        if existing
        else f"their {touched.copies} copies stay as they are."
    )
    op.show({"links": touched.links, "copies": touched.copies}, f"{touched.links} links {verb}; {rest}")
