"""``calgate group``: groups of people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.command import ACTOR, Operator, command, group, refuse

if TYPE_CHECKING:
    from gateway.domain.people import Group

app = group("group", "Groups of people who get rights together.")

Slug = Annotated[str, typer.Argument(metavar="GROUP", help="Short name of the group.")]


@command(app, "add")
def add(
    op: Operator, slug: Slug, name: Annotated[str | None, typer.Option(help="Name that people see.")] = None
) -> None:
    """Add an empty group."""
    from gateway.services import groups

    with op.database() as db:
        added = db.write(groups.add, slug, name=name, now=op.now, actor=ACTOR)
    op.show(_as_dict(added), f"Added the group {slug}. Next: calgate group member {slug} --add LOGIN")


@command(app, "member")
def member(
    op: Operator,
    slug: Slug,
    add_: Annotated[list[str] | None, typer.Option("--add", metavar="LOGIN", help="Put her in.")] = None,
    remove_: Annotated[
        list[str] | None, typer.Option("--remove", metavar="LOGIN", help="Take her out.")
    ] = None,
) -> None:
    """Put people into a group or take them out; without options, list its members."""
    from gateway.services import Transaction, groups

    def change(tx: Transaction) -> Group:
        for login in add_ or ():
            groups.add_member(tx, slug, login, now=op.now, actor=ACTOR)
        for login in remove_ or ():
            groups.remove_member(tx, slug, login, now=op.now, actor=ACTOR)
        return groups.get(tx, slug)

    if set(add_ or ()) & set(remove_ or ()):
        raise refuse("The same person cannot be put in and taken out at once.")
    with op.database() as db:
        found = db.write(change) if add_ or remove_ else db.read(groups.get, slug)
    op.show(_as_dict(found), "\n".join(found.members) or "Nobody is in it.")


@command(app, "list")
def list_(op: Operator) -> None:
    """List all groups with their members."""
    from gateway.services import groups

    with op.database() as db:
        found = db.read(groups.list_)
    op.table([_as_dict(each) for each in found], ("slug", "name", "members"), empty="There are no groups.")


@command(app, "remove")
def remove(op: Operator, slug: Slug) -> None:
    """Remove a group and its grants; its members stay."""
    from gateway.services import groups

    with op.database() as db:
        db.write(groups.remove, slug, now=op.now, actor=ACTOR)
    op.show({"slug": slug, "removed": True}, f"Removed the group {slug}.")


def _as_dict(found: Group) -> dict[str, object]:
    return {"slug": found.slug, "name": found.name, "members": list(found.members)}
