"""Consent, choose, done; back links; webhooks: through a running server against the laboratory."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import encode_basic_auth

from gateway.domain.model import ResourceKind
from gateway.lab.app import make_lab
from gateway.services import links, principals, resources, startup
from gateway.services.limits import Limits
from gateway.settings import Settings
from gateway.store import calendars as calendar_store
from gateway.store import links as link_store
from gateway.store.database import Database
from tests.conftest import NOW, Cli
from tests.contract.lab.lab_client import ADA, LabClient
from tests.e2e.google_world import environ
from tests.servers import Server
from tests.worlds import World as ServiceWorld
from tests.worlds import vevent


@dataclass
class Site:
    lab: LabClient
    url: str
    auth: dict[str, str]
    db: Database

    async def get(self, path: str, **more: Any) -> tuple[int, str]:
        async with self.lab.session.get(self.url + path, headers=self.auth, **more) as answer:
            return answer.status, await answer.text()

    async def post(self, path: str, fields: Any, **headers: str) -> tuple[int, str, str]:
        sent = {"Sec-Fetch-Site": "same-origin"} | headers
        async with self.lab.session.post(
            self.url + path, data=fields, headers=self.auth | sent, allow_redirects=False
        ) as answer:
            return answer.status, answer.headers.get("Location", ""), await answer.text()

    async def connect(self) -> str:
        """Go through the pages as a person; return the path of the page that follows."""
        status, consent, text = await self.post(
            "/connect",
            [("provider", "google"), ("use", "own-calendars"), ("use", "list"), ("terms", "yes")],
        )
        assert status == 303, text
        back = await self.lab.approve(consent, account=ADA)
        async with self.lab.session.get(back, headers=self.auth, allow_redirects=False) as answer:
            assert answer.status == 303, await answer.text()
            return answer.headers["Location"]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    settings = Settings(data=tmp_path / "data")
    db = startup.open_database(settings)
    startup.ready_database(db, settings, now=NOW)

    def fill(tx: Any) -> str:
        principals.add(tx, "ada", name="Ada", now=NOW)
        principals.add(tx, "eve", name="Eve", now=NOW)
        resources.add(
            tx,
            "room",
            kind=ResourceKind.ROOM,
            name="Room",
            now=NOW,
            horizon=Limits().horizon(NOW),
            owner="ada",
        )
        return principals.new_app_password(tx, "ada", label="browser", now=NOW)[1]

    secret = db.write(fill)
    async with make_lab() as laboratory, aiohttp.ClientSession() as session:
        lab = LabClient(laboratory.lab.base_url, session)
        cli = Cli(settings.data, environ(lab.base))
        server = await asyncio.to_thread(Server(cli.variables()).start)
        try:
            yield Site(
                lab=lab, url=server.url, auth={"Authorization": encode_basic_auth("ada", secret)}, db=db
            )
        finally:
            await asyncio.to_thread(server.stop)
            db.close()


async def test_consent_choose_done(site: Site) -> None:
    status, text = await site.get("/connect")
    assert status == 200
    assert "encrypted" in text
    path = await site.connect()
    status, text = await site.get(path)
    assert status == 200
    assert ADA in text
    resource = re.findall(r'<option value="([^"]+)">Room', text)[0]
    status, location, text = await site.post(path, {"resource": unescape(resource), "direction": "push"})
    assert status == 303, text
    for _ in range(600):
        status, text = await site.get(location)
        assert status == 200
        if "Changes arrive" in text:
            break
        await asyncio.sleep(0.1)
    assert "Changes arrive" in text
    (link,) = site.db.read(link_store.listing)
    assert link.remote_name == "Room"


async def test_a_form_of_another_site_is_refused(site: Site) -> None:
    fields = {"provider": "google", "terms": "yes"}
    assert (await site.post("/connect", fields, **{"Sec-Fetch-Site": "cross-site"}))[0] == 403
    assert (await site.post("/connect", fields, Origin="https://evil.example"))[0] == 403
    status, _, text = await site.post("/connect", {"provider": "google"})
    assert status == 400
    assert "privacy terms" in text


async def test_a_state_is_good_once_and_for_its_owner(site: Site) -> None:
    status, consent, _ = await site.post("/connect", {"provider": "google", "terms": "yes"})
    assert status == 303
    back = await site.lab.approve(consent, account=ADA)
    path = back.removeprefix(site.url)
    async with site.lab.session.get(back, allow_redirects=False) as answer:
        assert answer.status == 401
    assert (await site.get(path, allow_redirects=False))[0] == 303
    status, text = await site.get(path, allow_redirects=False)
    assert status == 400
    assert "used already" in text
    assert (await site.get("/connect/callback?state=guessed&code=x"))[0] == 400


@pytest.mark.parametrize("body", [b"", b"{", b"x" * 100_000, b'{"value": [1]}'])
async def test_pain_32_forged_webhooks_are_harmless(site: Site, body: bytes) -> None:
    headers = {
        "X-Goog-Channel-ID": "unknown",
        "X-Goog-Channel-Token": "guess",
        "X-Goog-Resource-State": "exists",
    }
    async with site.lab.session.post(f"{site.url}/hooks/google", data=body, headers=headers) as answer:
        assert answer.status == 202
        assert await answer.read() == b""
    async with site.lab.session.post(f"{site.url}/hooks/nobody", data=body) as answer:
        assert answer.status == 404


async def test_nothing_is_told_without_signing_in(site: Site) -> None:
    for path in ("/connect", "/connect/x", "/o/x/y"):
        async with site.lab.session.get(site.url + path) as answer:
            assert answer.status == 401
    assert (await site.get("/o/no-such-resource/marker"))[0] == 404
    assert (await site.get("/connect/no-such-account"))[0] == 404


async def test_pain_1_copies_that_are_there_already_are_adopted_after_a_look(site: Site) -> None:
    path = await site.connect()
    _status, text = await site.get(path)
    resource = unescape(re.findall(r'<option value="([^"]+)">Room', text)[0])
    _status, location, text = await site.post(path, {"resource": resource, "direction": "push"})
    (link,) = site.db.read(link_store.listing)
    for _ in range(600):
        if "Changes arrive" in (await site.get(location))[1]:
            break
        await asyncio.sleep(0.1)
    world = ServiceWorld(site.db, now=datetime.now(UTC))
    calendar = site.db.read(calendar_store.get, link.calendar_id)
    start = (datetime.now(UTC) + timedelta(days=2)).replace(minute=0, second=0, microsecond=0)
    world.put(calendar, "a.ics", vevent("a", start))
    for _ in range(600):
        if "<dd>1</dd>" in (await site.get(location))[1]:
            break
        await asyncio.sleep(0.1)
    site.db.write(links.remove, link.id, actor="ada", now=datetime.now(UTC))

    # The same calendar, chosen again: nothing begins before she has said so.
    fields = {"resource": resource, "direction": "push", "calendar": str(link.remote_calendar_id)}
    status, location, text = await site.post(path, fields)
    assert status == 303, text
    status, text = await site.get(location)
    assert "adopt 1, create 0, update 0, delete 0" in text
    plan = re.findall(r'name="plan" value="([^"]+)"', text)[0]
    assert (await site.post(location, {"plan": "another"}))[0] == 409
    assert (await site.post(location, {"plan": plan}, **{"Sec-Fetch-Site": "cross-site"}))[0] == 403
    assert (await site.post(location, {"plan": plan}))[0] == 303
    for _ in range(600):
        status, text = await site.get(location)
        if "Changes arrive" in text:
            break
        await asyncio.sleep(0.1)
    assert "Changes arrive" in text
    assert "<dd>1</dd>" in text
    assert (await site.post(location, {"plan": plan}))[0] == 409
