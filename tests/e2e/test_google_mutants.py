"""Break the laboratory on purpose: for each mutation, an invariant of the whole gateway turns red.

A proof that stays green over a broken provider proves nothing. Each scenario passes against the laboratory as it
is, and fails once the property that it leans on is taken away.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from gateway.domain.link_model import Direction
from gateway.lab.core.settings import Settings as Switches
from gateway.providers.errors import SignInRefused
from gateway.services import accounts
from gateway.store import links as link_store
from gateway.store.database import Database
from tests.contract.lab.lab_client import BEN, REDIRECT, query_of
from tests.e2e.google_world import ALL_USES, GoogleWorld, google_world
from tests.e2e.office import event

Scenario = Callable[[GoogleWorld], Awaitable[None]]


@pytest.fixture
async def world(sqlite_db: Database) -> AsyncIterator[GoogleWorld]:
    switches = Switches(user_per_minute=0.0, project_per_minute=0.0)
    async with google_world(sqlite_db, switches=switches) as made:
        yield made


def over(world: GoogleWorld) -> None:
    with world.db.transaction(write=True) as tx:
        for account in accounts.listing(tx):
            link_store.wake_account(tx, account.id)


async def no_edit_of_a_person_is_lost(world: GoogleWorld) -> None:
    """She edits while we have not looked; our own change of another field goes out, hers stays."""
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account, direction=Direction.BOTH)
    world.put(calendar, "a", event("a", "Title", "LOCATION:Here"))
    await world.run()
    (name,) = await world.there(link.remote_id)
    await world.person_edits(link.remote_id, name, location="There")
    world.put(calendar, "a", event("a", "New title", "LOCATION:Here"))
    for poll in (False, True, True):
        await world.run(poll=poll)
    there = (await world.there(link.remote_id))[name]
    assert (there["summary"], there["location"]) == ("New title", "There")
    assert b"LOCATION:There" in world.here(calendar)["a"]


async def a_create_that_is_repeated_meets_the_first_one(world: GoogleWorld) -> None:
    """The answer is lost; before we come again she has invited people, whom nothing may take away."""
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account)
    await world.run()
    await world.lab.fault("503_after", operation="calendar.events.insert")
    world.put(calendar, "a", event("a"))
    await world.run()
    (name,) = await world.there(link.remote_id)
    guests = [{"email": "zoe@example.net"}]
    await world.person_edits(link.remote_id, name, attendees=guests)
    over(world)
    for poll in (False, True):
        await world.run(poll=poll)
    there = await world.there(link.remote_id)
    assert list(there) == [name]
    assert [one["email"] for one in there[name].get("attendees", [])] == ["zoe@example.net"]


async def nobody_connects_another_account_to_a_sign_in_that_he_has_seen(world: GoogleWorld) -> None:
    """He knows state and nonce of Ada's page, signs in himself, and sends her browser back with his code."""
    challenge = await world.connector.begin(
        "google",
        principal_id=world.person("ada").id,
        redirect_uri=REDIRECT,
        accepts_terms=True,
        uses=ALL_USES,
    )
    assert challenge.url is not None
    parts = urlsplit(challenge.url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    own = hashlib.sha256(secrets.token_urlsafe(48).encode()).digest()
    query["code_challenge"] = base64.urlsafe_b64encode(own).decode().rstrip("=")
    page = f"{parts.scheme}://{parts.netloc}{parts.path}?{urlencode(query)}"
    back = query_of(await world.lab.approve(page, account=BEN))
    try:
        account = await world.connector.complete(back, actor="test")
    except SignInRefused:
        assert world.db.read(accounts.listing) == []
        return
    raise AssertionError(f"{account.uuid} was connected as Ada's")


async def an_old_token_is_refreshed_once_and_the_work_goes_on(world: GoogleWorld) -> None:
    calendar, account = world.add_resource(), await world.connect()
    link = await world.link(calendar, account)
    await world.run()
    before = (await world.lab.control("GET", "status"))["counts"].get("oauth.refresh_token", 0)
    for number in range(3):
        await world.lab.control("POST", "expire-tokens")
        world.put(calendar, f"e{number}", event(f"e{number}", days=number))
        await world.run()
    assert len(await world.there(link.remote_id)) == 3
    after = (await world.lab.control("GET", "status"))["counts"].get("oauth.refresh_token", 0)
    assert after - before == 3


MUTANTS: dict[str, tuple[str, Scenario]] = {
    "ignore If-Match": ("ignore_if_match", no_edit_of_a_person_is_lost),
    "accept any id": ("accept_any_id", a_create_that_is_repeated_meets_the_first_one),
    "drop PKCE": ("drop_pkce", nobody_connects_another_account_to_a_sign_in_that_he_has_seen),
    "never expire tokens": ("never_expire_tokens", an_old_token_is_refreshed_once_and_the_work_goes_on),
}


@pytest.mark.parametrize("name", MUTANTS)
async def test_the_invariant_holds_at_the_laboratory_as_it_is(world: GoogleWorld, name: str) -> None:
    await MUTANTS[name][1](world)
    assert [one for one in await world.lab.outbox() if "zoe" not in str(one)] == []
    assert await world.lab.violations() == []


@pytest.mark.parametrize("name", MUTANTS)
async def test_the_invariant_turns_red_once_the_laboratory_is_broken(world: GoogleWorld, name: str) -> None:
    switch, scenario = MUTANTS[name]
    await world.lab.set(**{switch: True})
    with pytest.raises(AssertionError):
        await scenario(world)
