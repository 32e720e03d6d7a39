"""``calgate grant``: who gets which level on what, on which faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.command import ACTOR, Operator, command, group

if TYPE_CHECKING:
    from gateway.domain.people import Grant

app = group("grant", "Rights of people and groups on resources and departments.")

Person = Annotated[str | None, typer.Option("--person", metavar="LOGIN", help="To this person.")]
Group = Annotated[str | None, typer.Option("--group", metavar="GROUP", help="To this group.")]
Resource = Annotated[
    str | None, typer.Option("--resource", metavar="SLUG", help="On this resource (LOGIN/SLUG: her own).")
]
Department = Annotated[
    str | None, typer.Option("--department", metavar="NAME", help="On every resource of this department.")
]


@command(app, "add")
def add(
    op: Operator,
    level: Annotated[
        str,
        typer.Argument(metavar="LEVEL", help="freebusy, read, write or manage; each includes the former."),
    ],
    person: Person = None,
    group: Group = None,
    resource: Resource = None,
    department: Department = None,
    face: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FACE", help="Only on feed, caldav, push-PROVIDER or pull-PROVIDER; repeatable."
        ),
    ] = None,
) -> None:
    """Grant a level; granting again between the same two changes it."""
    from gateway.domain.errors import InvalidInput
    from gateway.domain.people import level_from_word
    from gateway.services import grants

    try:
        wanted = level_from_word(level)
    except InvalidInput as error:
        raise typer.BadParameter(str(error), param_hint="LEVEL") from None
    if (person is None) == (group is None):
        raise typer.BadParameter("grant to one person or to one group.", param_hint="--person or --group")
    if (resource is None) == (department is None):
        raise typer.BadParameter(
            "grant on one resource or on one department.", param_hint="--resource or --department"
        )
    with op.database() as db:
        granted = db.write(
            grants.add,
            wanted,
            login=person,
            group=group,
            resource=resource,
            department=department,
            faces=face or (),
            now=op.now,
            actor=ACTOR,
        )
    op.show(_as_dict(granted), f"Granted: {_sentence(granted)} (grant {granted.id}).")


@command(app, "list")
def list_(op: Operator, resource: Resource = None, department: Department = None) -> None:
    """List all grants, or those on one resource or department."""
    from gateway.services import grants

    with op.database() as db:
        found = db.read(grants.list_, resource=resource, department=department)
    op.table(
        [_as_dict(each) for each in found],
        ("id", "level", "person", "group", "resource", "department", "faces"),
        empty="There are no grants.",
    )


@command(app, "remove")
def remove(
    op: Operator, grant_id: Annotated[int, typer.Argument(metavar="ID", help="Number of the grant.")]
) -> None:
    """Take a grant back."""
    from gateway.services import grants

    with op.database() as db:
        gone = db.write(grants.remove, grant_id, now=op.now, actor=ACTOR)
    op.show({**_as_dict(gone), "removed": True}, f"Taken back: {_sentence(gone)}.")


def _as_dict(grant: Grant) -> dict[str, object]:
    return {
        "id": grant.id,
        "level": grant.level.word,
        "person": grant.login,
        "group": grant.group,
        "resource": grant.resource,
        "department": grant.department,
        "faces": list(grant.faces),
    }


def _sentence(grant: Grant) -> str:
    who = grant.login or f"group {grant.group}"
    what = grant.resource or f"department {grant.department}"
    faces = f" on {', '.join(grant.faces)}" if grant.faces else ""
    return f"{who} may {grant.level.word} {what}{faces}"
