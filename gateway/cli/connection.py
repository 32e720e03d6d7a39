"""``calgate connection``: one key of an administrator for many mailboxes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.account import uses_of
from gateway.cli.account_fields import PREFIX
from gateway.cli.command import ACTOR, Operator, command, group, refuse
from gateway.cli.engine import with_engine, without_terms
from gateway.cli.link import given_settings

if TYPE_CHECKING:
    from gateway.domain.link_model import Account
    from gateway.services import Database
    from gateway.services.connections import Connection, Mailbox
    from gateway.sync.engine import Engine

app = group("connection", "An administrator's key for many mailboxes: add, mailbox, check, rekey, remove.")

Name = Annotated[str, typer.Argument(metavar="CONNECTION", help="Id or name.")]
KeyFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Key file of a service account, or a certificate.")
]
Fields = Annotated[
    list[str] | None,
    typer.Option(
        "--field",
        metavar="NAME=VALUE",
        help="What else the sign-in asks for, e.g. tenant; secrets come from CALGATE_ACCOUNT_<NAME>.",
    ),
]
Owner = Annotated[
    str | None, typer.Option("--person", metavar="LOGIN", help="Whose mailbox it is; without it a room's.")
]
_COLUMNS = ("address", "account", "owner", "state", "links", "checked_at_utc", "problem")


@command(app, "add")
def add(
    op: Operator,
    provider: Annotated[str, typer.Argument(metavar="PROVIDER", help="google, graph ...")],
    mailbox: Annotated[
        str, typer.Option(metavar="ADDRESS", help="A first mailbox, by which the key is tried.")
    ],
    name: Annotated[str | None, typer.Option(metavar="NAME", help="What people call it.")] = None,
    key_file: KeyFile = None,
    field: Fields = None,
    person: Owner = None,
    use: Annotated[str, typer.Option(metavar="USES", help="As with account connect.")] = "write,read,list",
    accept_terms: Annotated[
        bool, typer.Option("--accept-terms", help="The organisation agrees to what is stored and why.")
    ] = False,
) -> None:
    """Connect a whole organisation: a service account with delegation, or an application permission."""
    if not accept_terms:
        raise without_terms(provider)
    with op.database() as db:
        owner = _owner(db, person)

        async def work(engine: Engine) -> tuple[Connection, Account]:
            from gateway.sync.tenant import Tenant

            uses = uses_of(use)
            return await Tenant(accounts=engine.accounts).add(
                provider,
                _given(engine, provider, key_file, field),
                label=name or f"{provider} {mailbox.partition('@')[2]}",
                address=mailbox,
                owner_id=owner,
                uses=uses,
                accepts_terms=accept_terms,
                actor=ACTOR,
            )

        made, account = with_engine(op, db, work)
    op.show(
        {"id": made.uuid, "name": made.label, "provider": provider, "account": account.uuid},
        f"Connected {made.label} ({made.uuid[:8]}); the account of {mailbox} is {account.uuid[:8]}.",
    )


@command(app, "mailbox")
def mailbox(
    op: Operator,
    connection: Name,
    address: Annotated[list[str] | None, typer.Argument(metavar="[ADDRESS]...", help="Mailboxes.")] = None,
    resource: Annotated[
        list[str] | None,
        typer.Option(metavar="SLUG", help="The mailbox of this resource's e-mail address; may be repeated."),
    ] = None,
    person: Owner = None,
) -> None:
    """Add mailboxes to a connection: each gets an account of its own, to be linked like any other."""
    from gateway.services import connections, resources

    with op.database() as db:
        found = db.read(connections.find, connection)
        wanted = list(address or [])
        for slug in resource or []:
            email = db.read(resources.get, slug).email
            if not email:
                raise refuse(f"{slug} has no e-mail address; set one with calgate resource set.")
            wanted.append(email)
        if not wanted:
            raise refuse("Name a mailbox, or a resource that has an e-mail address (--resource).")
        owner = _owner(db, person)

        async def work(engine: Engine) -> list[dict[str, Any]]:
            from gateway.providers.errors import ProviderError
            from gateway.sync.tenant import Tenant

            rows: list[dict[str, Any]] = []
            for each in dict.fromkeys(wanted):
                try:
                    made = await Tenant(accounts=engine.accounts).add_mailbox(
                        found, each, owner_id=owner, actor=ACTOR
                    )
                    rows.append({"address": each, "account": made.uuid, "problem": None})
                except ProviderError as error:
                    rows.append({"address": each, "account": None, "problem": str(error)})
            return rows

        rows = with_engine(op, db, work)
    op.table(rows, ("address", "account", "problem"), empty="")
    if any(one["problem"] for one in rows):
        raise typer.Exit(1)


@command(app, "list")
def list_(op: Operator) -> None:
    """List the connections with how many of their mailboxes are well."""
    from gateway.services import connections

    with op.database() as db:
        rows = []
        for one in db.read(connections.listing):
            boxes = db.read(connections.mailboxes, one)
            rows.append(
                {
                    "id": one.uuid,
                    "name": one.label,
                    "provider": one.provider,
                    "mailboxes": len(boxes),
                    "well": sum(box.is_healthy for box in boxes),
                }
            )
    op.table(rows, ("id", "name", "provider", "mailboxes", "well"), empty="There are no connections.")


@command(app, "show")
def show(op: Operator, connection: Name) -> None:
    """Show the mailboxes of a connection and how each answered last."""
    from gateway.services import connections

    with op.database() as db:
        found = db.read(connections.find, connection)
        rows = _rows(db, db.read(connections.mailboxes, found))
    op.table(rows, _COLUMNS, empty="It has no mailboxes.")


@command(app, "check")
def check(op: Operator, connection: Name) -> None:
    """Ask every mailbox now; ends with an error where one does not answer."""
    from gateway.services import connections

    with op.database() as db:
        found = db.read(connections.find, connection)

        async def work(engine: Engine) -> list[Mailbox]:
            from gateway.sync.tenant import Tenant

            return await Tenant(accounts=engine.accounts).check(found)

        boxes = with_engine(op, db, work)
        rows = _rows(db, boxes)
    op.table(rows, _COLUMNS, empty="It has no mailboxes.")
    if not all(box.is_healthy for box in boxes):
        raise typer.Exit(1)


@command(app, "rekey")
def rekey(op: Operator, connection: Name, key_file: KeyFile = None, field: Fields = None) -> None:
    """Bring every mailbox to a new key; where it opens none, the old one stays."""
    from gateway.services import connections

    with op.database() as db:
        found = db.read(connections.find, connection)

        async def work(engine: Engine) -> list[tuple[str, str]]:
            from gateway.sync.tenant import Tenant

            fields = _given(engine, found.provider, key_file, field)
            return await Tenant(accounts=engine.accounts).change_key(found, fields, actor=ACTOR)

        failed = with_engine(op, db, work)
    told = "".join(f"\n{address}: {why}" for address, why in failed)
    op.show(
        {"id": found.uuid, "failed": [{"address": address, "why": why} for address, why in failed]},
        f"{found.label} has a new key; {len(failed)} mailboxes do not open with it.{told}",
    )


@command(app, "remove")
def remove(op: Operator, connection: Name) -> None:
    """Forget a connection with its accounts and links; copies stay unless `link remove` took them before."""
    from gateway.services import connections

    with op.database() as db:
        found = db.read(connections.find, connection)
        boxes = db.read(connections.mailboxes, found)
        db.write(connections.remove, found, actor=ACTOR, now=op.now)
    op.show(
        {"id": found.uuid, "accounts_removed": len(boxes)},
        f"Removed {found.label} with {len(boxes)} accounts; withdraw its key at the provider.",
    )


def _owner(db: Database, login: str | None) -> Any:  # Any: PrincipalId or None, imported late
    from gateway.services import principals

    return db.read(principals.get, login).id if login is not None else None


def _given(engine: Engine, provider: str, key_file: Path | None, pairs: list[str] | None) -> dict[str, str]:
    """Return the fields of the sign-in: given, from the environment, and the key from its file."""
    from gateway.providers.contract import SignInKind, SignInRequest, Use

    known = engine.accounts.provider(provider)
    if SignInKind.APPLICATION not in known.sign_in.kinds:
        raise refuse(f"{known.label} has no sign-in for administrators.")
    asked = known.sign_in.begin(
        engine.accounts.config(known),
        SignInRequest(kind=SignInKind.APPLICATION, uses=frozenset({Use.LIST})),
    ).fields
    given = {name: str(value) for name, value in given_settings(pairs).items()}
    if unknown := sorted(given.keys() - {each.name for each in asked}):
        raise refuse(f"{known.label} does not ask for {unknown[0]}.")
    for each in asked:
        value = os.environ.get(PREFIX + each.name.upper())
        if value and each.name not in given:
            given[each.name] = value
    if key_file is not None:
        try:
            given["key"] = key_file.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            raise refuse(f"The key file {key_file.name} cannot be read.") from None
    return given


def _rows(db: Database, boxes: list[Mailbox]) -> list[dict[str, Any]]:
    from gateway.services import principals

    logins = {one.id: one.login for one in db.read(principals.list_)}
    return [
        {
            "address": box.address,
            "account": box.account.uuid,
            "owner": logins.get(box.account.owner_id) if box.account.owner_id else None,
            "state": box.account.state.value,
            "links": box.links,
            "checked_at_utc": box.checked_at_utc,
            "problem": box.problem or box.account.reason,
        }
        for box in boxes
    ]
