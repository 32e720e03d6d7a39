"""Invitations: one link, one use, some days; hashes at rest; every step in the audit table."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import select

from gateway.domain.errors import InvalidInput, NotFound
from gateway.services import invitations, principals
from gateway.services.invitations import Invitation
from gateway.store import audit
from gateway.store.database import Database
from gateway.store.schema_sync import invitation
from tests.conftest import NOW


@pytest.fixture
def invited(db: Database) -> tuple[Database, Invitation, str]:
    db.write(principals.add, "ada", name="Ada", now=NOW)
    made, token = db.write(
        invitations.invite, "ada", provider="google", uses=("list",), actor="operator", now=NOW
    )
    return db, made, token


def test_a_token_and_a_session_are_kept_as_hashes_only(invited: tuple[Database, Invitation, str]) -> None:
    db, _made, token = invited
    _found, secret = db.write(invitations.accept, token, now=NOW)
    assert len(token) >= 43
    with db.transaction(write=False) as tx:
        row = repr(tx.execute(select(invitation)).one())
    assert token not in row
    assert secret not in row
    actions = [one.action for one in db.read(audit.newest, limit=5)]
    assert actions[:2] == ["account.invitation-opened", "account.invited"]


def test_looking_uses_nothing_up_and_accepting_does(invited: tuple[Database, Invitation, str]) -> None:
    db, made, token = invited
    for _ in range(2):
        assert db.read(invitations.look, token, now=NOW).uuid == made.uuid
    db.write(invitations.accept, token, now=NOW)
    for use_case in (invitations.look, invitations.accept):
        with pytest.raises(NotFound, match="used already"):
            db.write(use_case, token, now=NOW)


def test_of_two_at_once_one_gets_it(invited: tuple[Database, Invitation, str]) -> None:
    db, _made, token = invited
    got: list[str] = []
    start = threading.Barrier(4)

    def accept() -> None:
        start.wait()
        with suppress(NotFound):
            got.append(db.write(invitations.accept, token, now=NOW)[1])

    threads = [threading.Thread(target=accept) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(got) == 1


def test_it_ends_after_its_days_and_its_session_after_an_hour(
    invited: tuple[Database, Invitation, str],
) -> None:
    db, made, token = invited
    late = NOW + timedelta(days=7)
    with pytest.raises(NotFound, match="expired"):
        db.read(invitations.look, token, now=late)
    assert made.state_at(late) == "expired"
    _found, secret = db.write(invitations.accept, token, now=NOW)
    assert db.read(invitations.of_session, secret, now=NOW + timedelta(minutes=59)) is not None
    assert db.read(invitations.of_session, secret, now=NOW + timedelta(hours=1)) is None
    assert db.read(invitations.of_session, "guessed", now=NOW) is None


def test_withdrawn_it_ends_with_its_session(invited: tuple[Database, Invitation, str]) -> None:
    db, made, token = invited
    _found, secret = db.write(invitations.accept, token, now=NOW)
    db.write(invitations.withdraw, made.uuid[:8], actor="operator", now=NOW)
    assert db.read(invitations.of_session, secret, now=NOW) is None
    assert [one.state for one in db.read(invitations.listing)] == ["withdrawn"]
    with pytest.raises(NotFound):
        db.write(invitations.withdraw, "zzz", actor="operator", now=NOW)


def test_for_whom_and_for_how_long_is_checked(db: Database) -> None:
    with pytest.raises(NotFound):
        db.write(invitations.invite, "nobody", provider="google", uses=(), actor="operator", now=NOW)
    db.write(principals.add, "ada", name="Ada", now=NOW)
    for days in (0, 61):
        with pytest.raises(InvalidInput, match="60 days"):
            db.write(
                invitations.invite,
                "ada",
                provider="google",
                uses=(),
                life=timedelta(days=days),
                actor="operator",
                now=NOW,
            )
