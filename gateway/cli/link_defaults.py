"""``calgate link defaults``: settings that links inherit, for all resources or for one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.command import ACTOR, Operator, command, refuse
from gateway.cli.engine import with_engine
from gateway.cli.link import given_settings
from gateway.cli.link_settings import effect_on, preview_told

if TYPE_CHECKING:
    from gateway.domain.link_model import LinkId, LinkPolicy
    from gateway.services.link_settings import Effect
    from gateway.sync.engine import Engine

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
        bool,
        typer.Option(
            "--preview", help="Only say how many links that concerns, and what becomes of their copies."
        ),
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
        if preview:
            effect = with_engine(op, db, lambda engine: _effect(op, engine, touched.policies))
            told = f"{touched.links} links would change. {preview_told(effect, to_existing=False)}"
            op.show({"links": touched.links} | effect.as_json(), told)
            return
    rest = "are brought to it." if existing else "stay as they are."
    text = f"{touched.links} links change; their {touched.copies} copies {rest}"
    op.show({"links": touched.links, "copies": touched.copies}, text)


async def _effect(op: Operator, engine: Engine, policies: Mapping[LinkId, LinkPolicy]) -> Effect:
    """Return what new settings of several links would do to all of their copies."""
    from gateway.services.link_settings import Effect

    total = Effect(copies=0, change=0, create=0, remove=0, refused=0)
    for link_id, policy in policies.items():
        total += await effect_on(op, engine, link_id, policy)
    return total
