"""An administrator's connection: accounts of mailboxes, owned by a person or by nobody, gone with it."""

from __future__ import annotations

import pytest

from gateway.domain.errors import AlreadyExists, InvalidInput, NotFound
from gateway.domain.link_model import Account
from gateway.domain.model import PrincipalId
from gateway.providers.contract import SignedIn
from gateway.services import accounts, connections, principals
from gateway.services.connections import Connection
from gateway.store.database import Database
from gateway.store.sealed import Sealer, new_key
from tests.conftest import NOW

SEALER = Sealer([new_key()])
FIELDS = {"key": "secret", "tenant": "t"}


def added(db: Database, label: str = "Example", *, terms: bool = True) -> Connection:
    return db.write(
        connections.add,
        SEALER,
        provider="memory",
        label=label,
        fields=FIELDS,
        uses=("list",),
        accepts_terms=terms,
        actor="operator",
        now=NOW,
    )


def account(db: Database, subject: str, owner: PrincipalId | None = None) -> Account:
    return db.write(
        accounts.complete,
        SEALER,
        SignedIn(account_id=subject, name=subject, state=b"s"),
        provider="memory",
        kind="application",
        principal_id=owner,
        terms_version="1",
        state=None,
        actor="operator",
        now=NOW,
    )


def test_mailboxes_have_accounts_of_their_own_and_go_with_the_connection(db: Database) -> None:
    made, other = added(db), added(db, "Other")
    ada = db.write(principals.add, "ada", name="Ada", now=NOW)
    own = account(db, "a@example.org", ada.id)
    hers = account(db, "application:a@example.org", ada.id)
    room = account(db, "application:room@example.org")
    assert own.id != hers.id
    for one, address in ((hers, "a@example.org"), (room, "room@example.org")):
        db.write(connections.bind, made, one, address=address, now=NOW)
    db.write(connections.checked, room.id, problem="It is suspended.", now=NOW)
    boxes = db.read(connections.mailboxes, made)
    assert [(box.address, box.account.owner_id, box.is_healthy) for box in boxes] == [
        ("a@example.org", ada.id, True),
        ("room@example.org", None, False),
    ]
    db.write(connections.bind, made, room, address="room@example.org", now=NOW)
    assert all(box.is_healthy for box in db.read(connections.mailboxes, made))
    with pytest.raises(AlreadyExists, match="Another connection"):
        db.write(connections.bind, other, room, address="room@example.org", now=NOW)
    db.write(connections.remove, made, actor="operator", now=NOW)
    assert [one.id for one in db.read(accounts.listing)] == [own.id]
    assert [one.uuid for one in db.read(connections.listing)] == [other.uuid]


def test_the_key_can_be_replaced_and_is_found_by_name_or_id(db: Database) -> None:
    made = added(db)
    assert db.read(connections.fields_of, SEALER, db.read(connections.find, made.uuid[:6])) == FIELDS
    db.write(connections.replace_fields, SEALER, made, {"key": "other"}, actor="operator", now=NOW)
    assert db.read(connections.fields_of, SEALER, db.read(connections.find, "Example")) == {"key": "other"}
    added(db)
    with pytest.raises(NotFound, match="more than one"):
        db.read(connections.find, "Example")
    with pytest.raises(InvalidInput, match="privacy terms"):
        added(db, "Third", terms=False)
