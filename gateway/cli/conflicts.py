"""``calgate conflicts``: what disagrees with a provider, and the answers of those whose calendar it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.command import ACTOR, Operator, command, group
from gateway.domain.link_model import Choice

if TYPE_CHECKING:
    from gateway.domain.model import Principal
    from gateway.services import Database

app = group("conflicts", "What disagrees with a provider and waits for a person.")

Number = Annotated[int, typer.Argument(metavar="ID", help="Number of the conflict.")]
Person = Annotated[
    str | None,
    typer.Option(
        "--person", metavar="LOGIN", help="Who answers: the owner or a manager; without it the operator."
    ),
]


@command(app, "list")
def list_(
    op: Operator,
    every: Annotated[bool, typer.Option("--all", help="Also those that were answered.")] = False,
    person: Person = None,
) -> None:
    """List the conflicts, the newest first."""
    from gateway.services import disputes

    with op.database() as db:
        rows = db.read(disputes.listing, with_resolved=every, person=_who(db, person))
    op.table(rows, ("id", "resource", "reason", "uid", "fields", "choices"), empty="There are no conflicts.")


@command(app, "show")
def show(op: Operator, number: Number, person: Person = None) -> None:
    """Show one conflict: what is here against what is there, as far as the person may read it."""
    from gateway.services import disputes

    with op.database() as db:
        found = db.read(disputes.show, number, person=_who(db, person))

    def text() -> None:
        typer.echo(f"Conflict {number} ({found['reason']}, {found['state']}): {found['uid']}")
        for change in found["changes"]:
            where = f" of {change['occurrence']}" if change.get("occurrence") else ""
            if change.get("hidden"):
                typer.echo(f"  {change['field']}{where}: hidden")
            else:
                typer.echo(
                    f"  {change['field']}{where}: here {change['before'] or '-'},"
                    f" there {change['after'] or '-'}"
                )
        if found["choices"]:
            typer.echo(f"Answers: {', '.join(found['choices'])}")

    op.show(found, text)


@command(app, "resolve")
def resolve(
    op: Operator,
    number: Number,
    choice: Annotated[Choice, typer.Argument(help="What shall stand.")],
    person: Person = None,
) -> None:
    """Answer a conflict."""
    _answer(op, number, choice, person)


@command(app, "accept")
def accept(op: Operator, number: Number, person: Person = None) -> None:
    """Accept what somebody did or proposes at the provider: it is taken over here."""
    _answer(op, number, Choice.THEIRS, person)


@command(app, "decline")
def decline(op: Operator, number: Number, person: Person = None) -> None:
    """Decline it: what is here goes out again over it."""
    _answer(op, number, Choice.OURS, person)


def _answer(op: Operator, number: int, choice: Choice, person: str | None) -> None:
    from gateway.services import disputes

    with op.database() as db:
        db.write(
            disputes.resolve,
            number,
            choice,
            limits=op.limits(),
            actor=person or ACTOR,
            person=_who(db, person),
            now=op.now,
        )
    op.show({"id": number, "resolution": choice.value}, f"Conflict {number}: {choice.value}.")


def _who(db: Database, login: str | None) -> Principal | None:
    from gateway.services import principals

    return db.read(principals.get, login) if login is not None else None
