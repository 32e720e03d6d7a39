"""``calgate account``: sign-ins at providers."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import account_fields
from gateway.cli.command import ACTOR, Operator, command, group, refuse
from gateway.cli.engine import account_row, with_engine, without_terms

if TYPE_CHECKING:
    from gateway.domain.link_model import Account
    from gateway.domain.model import Principal
    from gateway.services import Database, Transaction
    from gateway.sync.engine import Engine

app = group("account", "Accounts at providers: connect, list, remove.")

_WAIT_S = 600.0
_POLL_S = 0.5
_PAGE = "<!doctype html><title>Calgate</title><p>{}</p>"
_THANKS = "Thank you. The command goes on; you can close this page."
_DENIED = "Nothing was connected: the access was not granted. You can close this page."


@command(app, "connect")
def connect(
    op: Operator,
    provider: Annotated[str, typer.Argument(metavar="PROVIDER", help="google, caldav, ics ...")],
    person: Annotated[str, typer.Option(metavar="LOGIN", help="Whose account it is.")],
    accept_terms: Annotated[
        bool, typer.Option("--accept-terms", help="She has read what is stored and why, and agrees.")
    ] = False,
    use: Annotated[
        str, typer.Option(metavar="USES", help="own-calendars, list, read, write, busy; by commas.")
    ] = "own-calendars,list",
    via_gateway: Annotated[
        bool, typer.Option("--via-gateway", help="The browser comes back to the running server.")
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Loopback port for the way back; 0 takes a free one.")
    ] = 0,
    hint: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="The account, where it is known.")
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Key of an application instead of a consent.")
    ] = None,
    subject: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="An application acts for this account.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="caldav, ics: the address of the server or of the file.")
    ] = None,
    login: Annotated[
        str | None, typer.Option(metavar="NAME", help="caldav, ics: the user name there.")
    ] = None,
) -> None:
    """Connect an account: prints the address of the consent page and waits for the answer.

    Where there is no consent page (caldav, ics), a password is asked for or CALGATE_ACCOUNT_PASSWORD read.
    """
    from gateway.services import accounts, principals

    if not accept_terms:
        raise without_terms(provider)
    with op.database() as db:
        owner = db.read(principals.get, person)
        if key_file is not None or subject is not None:
            found = _by_key(op, db, provider, owner, key_file, subject, uses_of(use))
        else:
            given = {"url": url, "login": login}

            async def begin(engine: Engine) -> Account:
                known = engine.accounts.provider(provider)
                if account_fields.asks_for_fields(known):
                    return await account_fields.connect(engine, known, owner, uses_of(use), given, os.environ)
                account_fields.refuse_unasked(known, given)
                return await _by_consent(op, engine, provider, owner, uses_of(use), via_gateway, port, hint)

            found = with_engine(op, db, begin)
        calendars = db.read(accounts.calendars, found.id)
    row = account_row(found, person) | {
        "calendars": [{"id": one["remote_id"], "name": one["name"]} for one in calendars]
    }
    told = f"Connected {found.label} ({found.uuid[:8]})"
    if calendars:
        told += f"; it shows {len(calendars)} calendar{'s' if len(calendars) > 1 else ''}"
    op.show(row, f"{told}. Next: calgate link add RESOURCE {found.uuid[:8]}")


def uses_of(text: str) -> frozenset[Any]:  # Any: Use, imported late
    """Return what a connection is for, from words by commas; unknown ones end the command."""
    from gateway.providers.contract import Use

    try:
        return frozenset(Use(word.strip()) for word in text.split(",") if word.strip())
    except ValueError:
        raise refuse(f"--use takes {', '.join(each.value for each in Use)}.") from None


def _by_key(
    op: Operator,
    db: Database,
    provider: str,
    owner: Principal,
    key_file: Path | None,
    subject: str | None,
    uses: frozenset[Any],  # Any: Use
) -> Account:
    from gateway.providers.contract import SignInKind

    key = ""
    if key_file is not None:
        try:
            key = key_file.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            raise refuse(f"The key file {key_file.name} cannot be read.") from None
    fields = {"key": key, "subject": subject or ""}
    return with_engine(
        op,
        db,
        lambda engine: engine.connector.with_fields(
            provider,
            fields,
            kind=SignInKind.APPLICATION,
            principal_id=owner.id,
            actor=ACTOR,
            uses=uses,
        ),
    )


async def _by_consent(
    op: Operator,
    engine: Engine,
    provider: str,
    owner: Principal,
    uses: frozenset[Any],  # Any: Use
    via_gateway: bool,
    port: int,
    hint: str | None,
) -> Account:
    from gateway.services import accounts

    answers: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    server = None
    redirect = f"{op.settings().base_url}/connect/callback"
    if not via_gateway:
        server, redirect = await _loopback(port, answers)
    challenge = await engine.connector.begin(
        provider,
        principal_id=owner.id,
        redirect_uri=redirect,
        accepts_terms=True,
        uses=uses,
        login_hint=hint,
    )
    _announce(op, challenge.url or "")
    try:
        async with asyncio.timeout(_WAIT_S):
            if server is not None:
                return await engine.connector.complete(await answers.get(), actor=ACTOR)
            db = engine.accounts.db
            while (done := await db.aread(accounts.connected, state=challenge.state)) is None:  # noqa: ASYNC110 - another process is told; only the database knows
                await asyncio.sleep(_POLL_S)
            return await db.aread(accounts.find, done)
    except TimeoutError:
        raise refuse("Nobody has consented within ten minutes; start again.") from None
    finally:
        if server is not None:
            server.close()


async def _loopback(port: int, answers: asyncio.Queue[dict[str, str]]) -> tuple[asyncio.Server, str]:
    """Listen for the one redirect of the browser."""
    from urllib.parse import parse_qsl, urlsplit

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = (await asyncio.wait_for(reader.readline(), 10)).decode("latin-1").split(" ")
            address = urlsplit(line[1]) if len(line) > 1 else urlsplit("")
            answer = dict(parse_qsl(address.query))
            if address.path == "/callback":
                answers.put_nowait(answer)
            page = _PAGE.format(_DENIED if "error" in answer else _THANKS).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n")
            writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(page), page))
            await writer.drain()
        except (OSError, TimeoutError, ValueError):
            pass  # a port scanner, or a browser that left
        finally:
            writer.close()

    try:
        server = await asyncio.start_server(serve, "127.0.0.1", port)
    except OSError as error:
        raise refuse(
            f"Cannot listen on port {port} ({error.strerror}); choose another with --port."
        ) from None
    number = server.sockets[0].getsockname()[1]
    return server, f"http://127.0.0.1:{number}/callback"


def _announce(op: Operator, url: str) -> None:
    # On its own line and at once, also with --json: somebody has to open it.
    if op.is_json:
        typer.echo(json.dumps({"open": url}), err=True)
    else:
        typer.echo(f"Open this page and consent:\n{url}")


@command(app, "list")
def list_(op: Operator) -> None:
    """List the accounts."""
    with op.database() as db:
        rows = db.read(_rows)
    op.table(rows, ("id", "provider", "name", "owner", "state", "reason"), empty="No account is connected.")
    if not op.is_json:
        for row in rows:
            if row["next"] is not None:
                typer.echo(f"{row['name']} stands still with its links; bring it back with: {row['next']}")


def _rows(tx: Transaction) -> list[dict[str, Any]]:
    from gateway.services import accounts, principals

    owners = {one.id: one.login for one in principals.list_(tx)}
    return [
        account_row(one, owners.get(one.owner_id) if one.owner_id else None) for one in accounts.listing(tx)
    ]


@command(app, "calendars")
def calendars(
    op: Operator, name: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Id or name.")]
) -> None:
    """Ask the provider for the account's calendars and list them."""
    from gateway.services import accounts
    from gateway.services.wanted_calendars import is_wanted

    with op.database() as db:
        found = db.read(accounts.find, name)
        rows = with_engine(op, db, lambda engine: engine.connector.list_calendars(found))
    shown = [
        {
            "id": "(to be made)" if is_wanted(str(one["remote_id"])) else one["remote_id"],
            "name": one["name"],
            "writable": one["is_writable"],
            "ours": one["is_ours"],
        }
        for one in rows
    ]
    op.table(shown, ("id", "name", "writable", "ours"), empty="The account shows no calendars.")


@command(app, "remove")
def remove(
    op: Operator,
    name: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Id or name.")],
    copies: Annotated[
        str, typer.Option(metavar="WHAT", help="keep, or ours: remove everything we wrote there first.")
    ] = "keep",
) -> None:
    """Give the grant back at the provider and forget the account with its links."""
    from gateway.services import accounts, links

    if copies not in {"keep", "ours", "delete"}:
        raise refuse("--copies is keep or ours.")
    with op.database() as db:
        found = db.read(accounts.find, name)

        async def work(engine: Engine) -> tuple[int, bool]:
            from gateway.sync.leave import Copies, Leaver

            removed = 0
            for status in await db.aread(links.statuses):
                if status.link.account_id != found.id:
                    continue
                how = Copies.KEEP if copies == "keep" else Copies.OURS
                leaver = Leaver(accounts=engine.accounts)
                removed += (await leaver.leave(status.link, found, how, actor=ACTOR)).removed
            return removed, await engine.connector.revoke(found)

        removed, revoked = with_engine(op, db, work)
        db.write(accounts.remove, found.id, actor=ACTOR, now=op.now)
    told = "" if revoked else " The provider could not be told; withdraw the access there by hand."
    op.show(
        {"id": found.uuid, "revoked": revoked, "copies_removed": removed},
        f"Removed {found.label}.{told}",
    )
