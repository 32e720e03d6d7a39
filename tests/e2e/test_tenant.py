"""An administrator's connection: one service account, many mailboxes, beside what people connect themselves."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway.lab.microsoft.model import Registration
from gateway.providers.contract import Use
from gateway.providers.errors import SignInRefused
from gateway.services import connections, key_rotation, startup
from gateway.settings import Settings
from gateway.store.database import Database
from gateway.store.schema_sync import account as account_table
from gateway.store.schema_sync import connection as connection_table
from gateway.store.sealed import Sealer, load_keys, new_key
from gateway.sync.tenant import Tenant
from tests.conftest import Cli
from tests.contract.lab.graph_client import ADA as MS_ADA
from tests.contract.lab.graph_client import BEN as MS_BEN
from tests.contract.lab.graph_client import CLIENT_ID
from tests.contract.lab.lab_client import ADA, BEN, FULL, LabClient
from tests.e2e.cli_inside import connect, run
from tests.e2e.google_world import environ
from tests.e2e.graph_world import graph_world
from tests.e2e.office import event as office_event
from tests.e2e.test_google_sync import event
from tests.e2e.test_link_cli import live
from tests.e2e.test_link_life import lab, put

__all__ = ["lab"]
SCOPES = [FULL, f"{FULL}.events", f"{FULL}.readonly", f"{FULL}.calendarlist.readonly", f"{FULL}.app.created"]


async def key(lab: LabClient, path: Path, email: str = "robot@project.example", **more: Any) -> Path:
    """Register a service account at the laboratory and write its key file."""
    made = await lab.control("POST", "service-accounts", email=email, delegated_scopes=SCOPES, **more)
    await asyncio.to_thread(path.write_text, json.dumps(made))
    return path


@pytest.fixture
async def cli(tmp_path: Path, lab: LabClient) -> Cli:
    found = Cli(tmp_path / "data", environ(lab.base))
    await run(found, "resource", "add", "room", "--kind", "room", "--policy", "allow", "--email", BEN)
    await run(found, "person", "add", "ada")
    return found


async def test_one_key_many_mailboxes_each_with_its_own_account_and_health(
    tmp_path: Path, lab: LabClient, cli: Cli
) -> None:
    file = await key(lab, tmp_path / "key.json")
    add = ("connection", "add", "google", "--key-file", str(file), "--name", "Example", "--mailbox")
    refused = await run(cli, *add, ADA, fails=True)
    assert "accept-terms" in refused["error"]["message"]
    refused = await run(cli, *add, "stranger@example.net", "--accept-terms", fails=True)
    assert refused["error"]["code"] == "sign-in-refused"
    assert await run(cli, "connection", "list") == []

    # Ada has connected her account herself; the administrator's stands beside it.
    own = await connect(cli, lab)
    made = await run(cli, *add, ADA, "--person", "ada", "--accept-terms")
    assert made["account"] != own["id"]
    rows = await run(
        cli, "connection", "mailbox", "Example", "stranger@example.net", "--resource", "room", fails=True
    )
    assert [(one["address"], one["problem"] is None) for one in rows] == [
        ("stranger@example.net", False),
        (BEN, True),
    ]
    shown = await run(cli, "connection", "show", "Example")
    assert [(one["address"], one["owner"], one["problem"]) for one in shown] == [
        (ADA, "ada", None),
        (BEN, None, None),
    ]

    # The room's mailbox is linked like any other account.
    await put(cli, tmp_path / "in.ics", event("a", "Visit"))
    link = await run(cli, "link", "add", "room", rows[1]["account"], "--calendar", BEN)
    await run(cli, "link", "sync", link["id"], "--here")
    assert [one["summary"] for one in await live(lab, BEN)] == ["Visit"]

    # Health: one mailbox goes, the other does not.
    await lab.control("POST", "accounts", email=BEN, suspended=True)
    await lab.control("POST", "expire-tokens", account=BEN)
    checked = await run(cli, "connection", "check", "Example", fails=True)
    assert [one["problem"] is None for one in checked] == [True, False]
    assert (await run(cli, "connection", "list"))[0]["well"] == 1
    await lab.control("POST", "accounts", email=BEN, suspended=False)
    assert [one["problem"] for one in await run(cli, "connection", "check", "Example")] == [None, None]

    # A new key; one that opens nothing changes nothing.
    other = tmp_path / "other.json"
    await key(lab, other, email="second@project.example")
    broken = tmp_path / "broken.json"
    await asyncio.to_thread(broken.write_text, other.read_text().replace("second@", "unknown@"))
    await run(cli, "connection", "rekey", "Example", "--key-file", str(broken), fails=True)
    assert (await run(cli, "connection", "rekey", "Example", "--key-file", str(other)))["failed"] == []
    assert [one["problem"] for one in await run(cli, "connection", "check", "Example")] == [None, None]

    gone = await run(cli, "connection", "remove", "Example")
    assert gone["accounts_removed"] == 2
    assert [one["id"] for one in await run(cli, "account", "list")] == [own["id"]]
    assert await run(cli, "link", "list") == []


async def test_the_key_is_sealed_and_sealed_anew_when_keys_rotate(
    tmp_path: Path, lab: LabClient, cli: Cli
) -> None:
    file = await key(lab, tmp_path / "key.json")
    await run(cli, "connection", "add", "google", "--key-file", str(file), "--mailbox", ADA, "--accept-terms")
    settings = Settings(data=cli.data)
    db = startup.open_database(settings)
    try:
        with db.transaction(write=False) as tx:
            rows = repr([*tx.execute(select(connection_table)), *tx.execute(select(account_table))])
        assert "PRIVATE KEY" not in rows
        assert "robot@project.example" not in rows
        old = load_keys(settings)
        new = Sealer([new_key(), *old])
        key_rotation.rotate_all(db, new)
        (found,) = db.read(connections.listing)
        assert "PRIVATE KEY" in db.read(connections.fields_of, new, found)["key"]
    finally:
        db.close()


async def test_an_invitation_is_made_listed_and_taken_back(cli: Cli) -> None:
    made = await run(cli, "account", "invite", "ada", "--provider", "google")
    assert "/invite/" in made["link"]
    assert [one["state"] for one in await run(cli, "account", "invitations")] == ["invited"]
    await run(cli, "account", "uninvite", made["id"])
    assert [one["state"] for one in await run(cli, "account", "invitations")] == ["withdrawn"]
    for wrong in (("nobody", "google"), ("ada", "ics"), ("ada", "unknown")):
        await run(cli, "account", "invite", wrong[0], "--provider", wrong[1], fails=True)


async def test_microsoft_s_application_permission_takes_the_same_way(sqlite_db: Database) -> None:
    async with graph_world(sqlite_db) as world:
        state = world.laboratory.microsoft.state
        state.registrations[CLIENT_ID] = Registration(client_id=CLIENT_ID, roles=["Calendars.ReadWrite"])
        own = await world.connect(MS_ADA)
        tenant = Tenant(accounts=world.accounts)
        made, account = await tenant.add(
            "graph",
            {"tenant": state.tenant},
            label="Example",
            address=MS_ADA,
            owner_id=own.owner_id,
            uses=frozenset({Use.WRITE, Use.READ, Use.LIST}),
            accepts_terms=True,
            actor="test",
        )
        assert account.id != own.id
        room = await tenant.add_mailbox(made, MS_BEN, owner_id=None, actor="test")
        with pytest.raises(SignInRefused):
            await tenant.add_mailbox(made, "nobody@example.org", owner_id=None, actor="test")
        calendar = world.add_resource()
        link = await world.link(calendar, room)
        world.put(calendar, "a", office_event("a", "Visit"))
        await world.run()
        assert [one["subject"] for one in (await world.there(link.remote_id)).values()] == ["Visit"]
        assert [box.problem for box in await tenant.check(made)] == [None, None]
        assert [box.links for box in sqlite_db.read(connections.mailboxes, made)] == [0, 1]
