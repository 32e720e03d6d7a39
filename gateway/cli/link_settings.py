"""``calgate link set``: settings of one link, how far they reach, and how many copies that touches."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.command import ACTOR, Operator, command, refuse
from gateway.cli.engine import with_engine
from gateway.cli.link import LinkName, given_settings

if TYPE_CHECKING:
    from gateway.domain.link_model import LinkId, LinkPolicy
    from gateway.services.link_settings import Effect
    from gateway.sync.engine import Engine


class Reach(enum.StrEnum):
    """To which copies a change of settings applies."""

    FUTURE = "future"
    EXISTING = "existing"


def register(app: typer.Typer) -> None:
    """Add the command to those about links."""
    command(app, "set")(set_)


def set_(
    op: Operator,
    link: LinkName,
    settings: Annotated[list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help="Settings.")] = None,
    unset: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Inherit this setting; may be repeated.")
    ] = None,
    apply_to: Annotated[
        Reach, typer.Option(help="future: copies change when their object does; existing: all of them now.")
    ] = Reach.FUTURE,
    existing: Annotated[bool, typer.Option("--existing", help="Short for --apply-to existing.")] = False,
    preview: Annotated[
        bool, typer.Option("--preview", help="Only say how many copies that touches.")
    ] = False,
) -> None:
    """Change settings, for what changes from now on or for every copy."""
    from gateway.services import link_defaults, links

    given = given_settings(settings)
    if not given and not unset:
        raise refuse("Name a setting (NAME=VALUE), or one to inherit (--unset NAME).")
    to_existing = existing or apply_to is Reach.EXISTING
    with op.database() as db:
        found = db.read(links.find, link)
        if preview:
            policy = db.read(link_defaults.policy_with, found, given, unset=unset or ())
            effect = with_engine(op, db, lambda engine: effect_on(op, engine, found.id, policy))
            shown = effect.as_json() | {"apply_to": Reach.EXISTING.value if to_existing else apply_to.value}
            op.show(shown, preview_told(effect, to_existing=to_existing))
            return
        changed, copies = db.write(
            links.change, found.id, given, unset=unset or (), to_existing=to_existing, actor=ACTOR, now=op.now
        )
    told = (
        f"{copies} copies are compared with them now."
        if to_existing
        else f"{copies} copies stay as they are until their object changes."
    )
    op.show({"id": changed.uuid, "settings": changed.policy.as_json(), "copies": copies}, f"Changed. {told}")


async def effect_on(op: Operator, engine: Engine, link_id: LinkId, policy: LinkPolicy) -> Effect:
    """Return what settings would do to the copies of one link."""
    from gateway.sync.preview import preview_settings

    return await preview_settings(
        engine.accounts,
        link_id,
        policy,
        instance_id=engine.worker.instance_id,
        limits=op.limits(),
        public_url=op.settings().base_url,
    )


def preview_told(effect: Effect, *, to_existing: bool) -> str:
    """Say what settings would do, in a sentence for people."""
    touched = f"{effect.change} change, {effect.create} are made, {effect.remove} go"
    if effect.refused:
        touched += f", {effect.refused} would not be taken by the provider"
    if to_existing:
        return f"Of {effect.copies} copies: {touched}."
    return (
        f"All {effect.copies} copies stay as they are until their object changes; with --existing: {touched}."
    )
