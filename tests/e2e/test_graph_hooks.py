"""Microsoft's change notifications through the real door: handshake, hints, renewal, lifecycle notices, forgeries."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from sqlalchemy import select

from gateway.domain.link_model import Direction, Link
from gateway.domain.model import Calendar
from gateway.http.webhooks import door
from gateway.providers.contract import Handshake, Notification
from gateway.store import links as link_store
from gateway.store import watches
from gateway.store.database import Database
from gateway.store.schema_sync import link as link_table
from plugins.graph.subscriptions import read_notification
from tests.e2e.graph_world import GraphWorld, graph_world
from tests.e2e.hooks import hooks
from tests.e2e.office import SOON


@dataclass
class Watched:
    world: GraphWorld
    calendar: Calendar
    link: Link
    address: str

    async def subscriptions(self) -> list[dict[str, Any]]:
        return list((await self.world.lab.control("GET", "microsoft/subscriptions"))["subscriptions"])

    async def due(self) -> bool:
        """Return whether the link wants to pull without being asked to, once all messages have arrived."""
        await self.world.lab.idle()
        query = select(link_table.c.pull_at).where(link_table.c.id == self.link.id)
        with self.world.db.transaction(write=False) as tx:
            return bool(tx.execute(query).scalar_one() <= link_store.clock_ms(tx))

    async def settle(self) -> None:
        await self.world.lab.idle()
        await self.world.run()

    async def lifecycle(self, event: str) -> None:
        (one,) = await self.subscriptions()
        await self.world.lab.control("POST", "microsoft/lifecycle", subscription=one["id"], event=event)
        await self.world.lab.idle()

    async def calls(self, name: str) -> int:
        counts = (await self.world.lab.control("GET", "status"))["counts"]
        return int(counts.get(f"graph.subscriptions.{name}", 0))


@pytest.fixture
async def watched(sqlite_db: Database) -> AsyncIterator[Watched]:
    async with graph_world(sqlite_db) as world, hooks(world) as address:
        await world.lab.set(webhook_http=True)
        calendar, account = world.add_resource(), await world.connect()
        made = await world.lab.control("POST", "microsoft/calendars", account="ada@example.org", name="Team")
        link = await world.link(calendar, account, direction=Direction.BOTH, remote=made["id"])
        await world.run()
        yield Watched(world, calendar, link, address)
        assert await world.lab.outbox() == []
        assert await world.lab.violations() == []


def theirs(title: str) -> dict[str, Any]:
    return {
        "subject": title,
        "start": {"dateTime": f"{SOON:%Y-%m-%d}T15:00:00", "timeZone": "UTC"},
        "end": {"dateTime": f"{SOON:%Y-%m-%d}T16:00:00", "timeZone": "UTC"},
    }


async def test_pain_31_a_notification_of_outlook_makes_the_link_due_and_carries_no_content(
    watched: Watched,
) -> None:
    (one,) = await watched.subscriptions()
    assert one["immutable"] is True
    assert one["lifecycle_url"] == f"{watched.address}/hooks/graph"
    assert not await watched.due()
    await watched.world.person_adds(watched.link.remote_id, **theirs("Theirs"))
    assert await watched.due()
    await watched.world.run()
    assert len(watched.world.here(watched.calendar)) == 1


async def test_pain_31_a_subscription_is_prolonged_at_half_life_and_made_anew_when_it_is_gone(
    watched: Watched,
) -> None:
    db, link_id = watched.world.db, watched.link.id

    def age(tx: Any) -> None:
        known = watches.of_link(tx, link_id)
        assert known is not None
        now = datetime.now(UTC)
        watches.renew(tx, link_id, expires_at_utc=known["expires_at_utc"], renew_at_utc=now)

    (first,) = await watched.subscriptions()
    db.write(age)
    await watched.world.run(poll=True)
    (second,) = await watched.subscriptions()
    assert second["id"] == first["id"]
    assert (await watched.calls("create"), await watched.calls("patch")) == (1, 1)
    # The secret is still the one that messages carry.
    await watched.world.person_adds(watched.link.remote_id, **theirs("Later"))
    assert await watched.due()
    watched.world.laboratory.microsoft.state.subscriptions.clear()
    db.write(age)
    await watched.world.run(poll=True)
    (third,) = await watched.subscriptions()
    assert third["id"] != first["id"]


async def test_every_lifecycle_notice_is_answered(watched: Watched) -> None:
    await watched.lifecycle("missed")
    assert await watched.due()
    await watched.world.run()
    (before,) = await watched.subscriptions()
    await watched.lifecycle("reauthorizationRequired")
    assert await watched.due()
    await watched.world.run()
    assert await watched.calls("patch") == 1
    (after,) = await watched.subscriptions()
    assert after["id"] == before["id"]
    await watched.lifecycle("subscriptionRemoved")
    watched.world.laboratory.microsoft.state.subscriptions.clear()
    await watched.world.run()
    (again,) = await watched.subscriptions()
    assert again["id"] != before["id"]


async def test_pain_32_a_wrong_client_state_moves_nothing_and_spoils_no_other_entry(watched: Watched) -> None:
    (one,) = await watched.subscriptions()
    state = one["state"]
    wrong = [f"{state.partition('.')[0]}.wrong", "nobody.secret", "", None, 7, state + "x", "." * 200]
    async with aiohttp.ClientSession() as session:

        async def send(*states: object) -> None:
            body = {"value": [{"subscriptionId": one["id"], "clientState": each} for each in states]}
            async with session.post(f"{watched.address}/hooks/graph", json=body) as answer:
                assert answer.status == 202

        await send(*wrong)
        assert not await watched.due()
        await send(*wrong, state, *wrong)
        assert await watched.due()


async def test_a_message_that_never_ends_or_is_too_large_costs_nothing(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b'{"value": ['
            await asyncio.sleep(0.05)

    async def huge() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 65536

    url = f"{watched.address}/hooks/graph"
    async with aiohttp.ClientSession() as session:
        monkeypatch.setattr(door, "PATIENCE_S", 0.2)
        for body in (endless(), huge()):
            try:
                async with session.post(url, data=body) as answer:
                    assert answer.status == 202
            except aiohttp.ClientError:
                pass  # the door has closed the connection, which is an answer too
        # In several pieces, as a large batch comes.
        monkeypatch.setattr(door, "PATIENCE_S", 60.0)
        (one,) = await watched.subscriptions()
        text = json.dumps({"value": [{"clientState": one["state"]}]}).encode()

        async def pieces() -> AsyncIterator[bytes]:
            for number in range(0, len(text), 20):
                yield text[number : number + 20]
                await asyncio.sleep(0.001)

        assert not await watched.due()
        async with session.post(url, data=pieces()) as answer:
            assert answer.status == 202
        assert await watched.due()


def asked(token: str) -> object:
    return read_notification(Notification(headers={}, query={"validationToken": token}, body=b""))


def test_a_handshake_is_echoed_as_text_bounded_and_never_as_markup() -> None:
    assert asked("Validation: 1 + 1 = 2 & more") == Handshake(body=b"Validation: 1 + 1 = 2 & more")
    for token in ("", "x" * 3000, "<script>alert(1)</script>", "a\r\nb", "\x00"):
        assert asked(token) == ()


async def test_the_door_answers_a_handshake_as_plain_text(watched: Watched) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{watched.address}/hooks/graph", params={"validationToken": "a b+c%20"}) as answer,
    ):
        assert answer.status == 200
        assert answer.content_type == "text/plain"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert await answer.read() == b"a b+c%20"


@pytest.mark.parametrize(
    "body", [b"", b"[", b"7", b'{"value": {}}', b'{"value": [[], 1, null]}', b"[" * 9999]
)
def test_what_is_no_batch_says_nothing(body: bytes) -> None:
    assert read_notification(Notification(headers={}, query={}, body=body)) == ()
