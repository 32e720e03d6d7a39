"""An invitation from the link to the first copies, without a password: terms, consent, choose, done."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from html import unescape
from typing import Any

import aiohttp
import pytest

from gateway.services import invitations
from gateway.store import accounts as account_store
from gateway.store import links as link_store
from tests.contract.lab.lab_client import ADA, BEN
from tests.http.web.test_pages import Site, site

__all__ = ["site"]
SAME = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def browser() -> Any:
    """A browser with a cookie jar of its own; cookies of addresses are taken as a browser takes them."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


def invite(site: Site, login: str = "ada") -> str:
    """Return the path of a fresh invitation."""
    _made, token = site.db.write(
        invitations.invite,
        login,
        provider="google",
        uses=("own-calendars", "list"),
        actor="operator",
        now=datetime.now(UTC),
    )
    return f"/invite/{token}"


async def post(site: Site, browser: Any, path: str, fields: Any, **headers: str) -> tuple[int, str, str]:
    async with browser.post(
        site.url + path, data=fields, headers=SAME | headers, allow_redirects=False
    ) as answer:
        return answer.status, answer.headers.get("Location", ""), await answer.text()


async def get(site: Site, browser: Any, path: str) -> tuple[int, str]:
    async with browser.get(site.url + path) as answer:
        return answer.status, await answer.text()


async def test_consent_choose_done_without_a_password(site: Site, browser: Any) -> None:
    path = invite(site)
    status, text = await get(site, browser, path)
    assert status == 200
    assert "encrypted" in text
    assert "Ada" in text
    assert (await post(site, browser, path, {"terms": "yes"}, **{"Sec-Fetch-Site": "cross-site"}))[0] == 403
    assert (await post(site, browser, path, {}))[0] == 400
    status, consent, text = await post(site, browser, path, {"terms": "yes"})
    assert status == 303, text
    (cookie,) = list(browser.cookie_jar)
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")

    # used once: for anybody else it is over, with the same words as an unknown one
    async with aiohttp.ClientSession() as other:
        for each in (path, "/invite/unknown"):
            status, text = await get(site, other, each)
            assert (status, "unknown, was used already" in text) == (404, True)
        assert (await get(site, other, "/invite"))[0] == 404
        assert (await post(site, other, path, {"terms": "yes"}))[0] == 404

    # consent denied: the reason is kept and she may try again
    back = await site.lab.approve(consent, account=ADA, allow=False)
    async with browser.get(back) as answer:
        assert answer.url.path == "/invite"
        assert answer.status == 400
    assert [one.state for one in site.db.read(invitations.listing)] == ["failed"]
    status, consent, text = await post(site, browser, "/invite", {"terms": "yes"})
    assert status == 303, text
    back = await site.lab.approve(consent, account=ADA)
    async with browser.get(back, allow_redirects=False) as answer:
        assert answer.status == 303
        choose = answer.headers["Location"]
    (found,) = site.db.read(invitations.listing)
    assert (found.state, choose) == ("connected", f"/connect/{found.account_uuid}")

    status, text = await get(site, browser, choose)
    resource = re.findall(r'<option value="([^"]+)">Room', text)[0]
    fields = {"resource": unescape(resource), "direction": "push"}
    status, done, text = await post(site, browser, choose, fields)
    assert status == 303, text
    for _ in range(600):
        status, text = await get(site, browser, done)
        if "Changes arrive" in text:
            break
        await asyncio.sleep(0.1)
    assert "Changes arrive" in text
    assert len(site.db.read(link_store.listing)) == 1


async def test_an_invitation_shows_nothing_but_its_own_account(site: Site, browser: Any) -> None:
    own = await site.connect()
    status, consent, text = await post(site, browser, invite(site), {"terms": "yes"})
    assert status == 303, text
    # Ada's other account exists already; the invitation does not reach it.
    assert (await get(site, browser, own))[0] == 404
    assert (await get(site, browser, "/connect"))[0] == 401
    back = await site.lab.approve(consent, account=BEN)
    async with browser.get(back, allow_redirects=False) as answer:
        mine = answer.headers["Location"]
    assert (await get(site, browser, mine))[0] == 200
    assert (await get(site, browser, own))[0] == 404
    assert len(site.db.read(account_store.listing)) == 2
    (found,) = site.db.read(invitations.listing)
    site.db.write(invitations.withdraw, found.uuid, actor="operator", now=datetime.now(UTC))
    assert (await get(site, browser, mine))[0] == 401


def test_tokens_never_reach_a_log() -> None:
    from gateway.logs import redact_path

    assert "secret-token" not in redact_path("/invite/secret-token")
