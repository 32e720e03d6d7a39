"""``calgate person``: people, their passwords and app passwords."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.command import ACTOR, Operator, command, group, refuse

if TYPE_CHECKING:
    from gateway.domain.model import Principal
    from gateway.domain.people import AppPassword

app = group("person", "People who can sign in.")

Login = Annotated[str, typer.Argument(metavar="LOGIN", help="Login: a name or a mail address.")]


@command(app, "add")
def add(
    op: Operator,
    login: Login,
    name: Annotated[str | None, typer.Option(help="Name that others see.")] = None,
    email: Annotated[str | None, typer.Option(help="Mail address.")] = None,
    admin: Annotated[bool, typer.Option("--admin", help="May administer the instance.")] = False,
) -> None:
    """Add a person. Give her a password or an app password next."""
    from gateway.services import principals

    with op.database() as db:
        person = db.write(
            principals.add, login, name=name, email=email, is_admin=admin, now=op.now, actor=ACTOR
        )
    op.show(as_dict(person), f"Added {person.login}. Next: calgate person app-password {person.login}")


@command(app, "list")
def list_(op: Operator) -> None:
    """List everybody."""
    from gateway.services import principals

    with op.database() as db:
        people = db.read(principals.list_)
    op.table(
        [as_dict(person) for person in people],
        ("login", "name", "email", "is_admin", "has_password"),
        empty="There is nobody yet. Add a person with: calgate person add LOGIN",
    )


@command(app, "password")
def password(
    op: Operator,
    login: Login,
    from_stdin: Annotated[
        bool, typer.Option("--stdin", help="Read the password from standard input, one line.")
    ] = False,
) -> None:
    """Set the password that a person signs in with; it is asked for twice."""
    from gateway.services import principals

    with op.database() as db:
        person = db.read(principals.get, login)
        chosen = _read_line() if from_stdin else _ask_twice()
        hashed = principals.hash_password(chosen)
        person = db.write(principals.set_password, person.login, hashed, now=op.now, actor=ACTOR)
    op.show({"login": person.login, "has_password": True}, f"{person.login} has a new password.")


@command(app, "app-password")
def app_password(
    op: Operator,
    login: Login,
    label: Annotated[str, typer.Option(help="Which client it is for.")] = "calendar client",
    list_them: Annotated[bool, typer.Option("--list", help="List her app passwords instead.")] = False,
    revoke: Annotated[
        int | None, typer.Option(metavar="ID", help="Revoke one instead; it stops working at once.")
    ] = None,
) -> None:
    """Make a password for one client of a person. It is shown this once."""
    from gateway.services import principals

    with op.database() as db:
        if list_them:
            known = db.read(principals.list_app_passwords, login)
            op.table([_row(each) for each in known], ("id", "label", "made", "last_used", "revoked"),
                     empty="There are none yet.")  # fmt: skip
            return
        if revoke is not None:
            db.write(principals.revoke_app_password, login, revoke, op.now, actor=ACTOR)
            op.show({"id": revoke, "revoked": True}, f"App password {revoke} is revoked.")
            return
        person = db.read(principals.get, login)
        number, secret = db.write(principals.new_app_password, person.login, label, op.now, actor=ACTOR)
    op.show(
        {"id": number, "login": person.login, "label": label, "password": secret},
        f"login     {person.login}\npassword  {secret}\nIt is shown this once; revoke it with"
        f" calgate person app-password {person.login} --revoke {number}",
    )


@command(app, "remove")
def remove(
    op: Operator,
    login: Login,
    with_calendars: Annotated[
        bool, typer.Option("--with-calendars", help="Delete the calendars that she made, too.")
    ] = False,
) -> None:
    """Remove a person with her app passwords, feeds and grants."""
    from gateway.services import principals

    with op.database() as db:
        db.write(principals.remove, login, with_calendars=with_calendars, now=op.now, actor=ACTOR)
    op.show({"login": login.lower(), "removed": True}, f"Removed {login}.")


def as_dict(person: Principal) -> dict[str, object]:
    """Return what the command prints of a person."""
    return {
        "login": person.login,
        "name": person.name,
        "email": person.email,
        "is_admin": person.is_admin,
        "has_password": person.has_password,
        "uuid": person.uuid,
    }


def _row(known: AppPassword) -> dict[str, object]:
    return {
        "id": known.id,
        "label": known.label,
        "made": known.created_at_utc,
        "last_used": known.last_used_at_utc,
        "revoked": known.revoked_at_utc,
    }


def _read_line() -> str:
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise refuse("There was no password on standard input.")
    return line


def _ask_twice() -> str:
    import getpass

    if not sys.stdin.isatty():
        raise refuse("There is no terminal to ask on; give the password with --stdin.")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != first:
        raise refuse("The two passwords differ; nothing was changed.")
    return first
