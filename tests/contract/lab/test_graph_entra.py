"""Entra at the laboratory: consent, tenants, PKCE, codes, rotating refresh tokens, application sign-in."""

from __future__ import annotations

import base64
import json
import re
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.contract.lab.graph_client import (
    ADA,
    CLIENT_ID,
    CLIENT_SECRET,
    EVE,
    REDIRECT,
    SIGN_IN,
    WRITE,
    Graph,
    Microsoft,
)
from tests.contract.lab.lab_client import query_of


def claims_of(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


async def tokens(ms: Microsoft, **more: Any) -> dict[str, Any]:
    back, verifier = await ms.sign_in(**more)
    reply = await ms.exchange(back["code"], verifier)
    assert reply.status == 200, reply.body
    return dict(reply.body)


async def test_a_person_signs_in_with_nonce_and_client_info(ms: Microsoft) -> None:
    back, verifier = await ms.sign_in()
    assert back["state"] == "st&te=1"
    answer = (await ms.exchange(back["code"], verifier)).body
    claims = claims_of(answer["id_token"])
    assert (claims["nonce"], claims["preferred_username"], claims["aud"]) == ("n0nce", ADA, CLIENT_ID)
    info = json.loads(base64.urlsafe_b64decode(answer["client_info"] + "=="))
    assert info == {"uid": claims["oid"], "utid": claims["tid"]}
    assert WRITE in answer["scope"].split()
    assert (await Graph(ms, answer["access_token"]).call("GET", "me/events")).status == 200


async def test_discovery_names_the_addresses_of_a_tenant(ms: Microsoft) -> None:
    tenant = await ms.tenant()
    for name in ("common", "organizations", "consumers", tenant):
        found = await ms.request("GET", f"/{name}/v2.0/.well-known/openid-configuration")
        assert found.body["token_endpoint"] == f"{ms.base}/{name}/oauth2/v2.0/token"
    assert (await ms.request("GET", f"/{tenant}/discovery/v2.0/keys")).body["keys"]
    assert (await ms.request("GET", "/nowhere/v2.0/.well-known/openid-configuration")).status == 400
    instance = await ms.request("GET", "/common/discovery/instance?api-version=1.1")
    assert instance.body["metadata"][0]["preferred_network"] == ms.base.partition("://")[2]


async def test_a_person_may_deny_or_grant_less(ms: Microsoft) -> None:
    back, _ = await ms.sign_in(allow=False)
    assert (back["error"], back["state"]) == ("access_denied", "st&te=1")
    scopes = (*SIGN_IN, "MailboxSettings.Read")
    answer = await tokens(ms, scopes=scopes, tick=(WRITE, "openid"))
    assert sorted(answer["scope"].split()) == [WRITE, "openid"]
    assert "refresh_token" not in answer


async def test_tenants_admit_their_own_accounts_only(ms: Microsoft) -> None:
    address = f"/consumers/oauth2/v2.0/authorize?{urlencode(_wish())}"
    page = (await ms.request("GET", address)).body
    assert EVE in page
    assert ADA not in page
    for tenant in ("organizations", await ms.tenant()):
        address = f"/{tenant}/oauth2/v2.0/authorize?{urlencode(_wish())}"
        page = (await ms.request("GET", address)).body
        assert ADA in page
        assert EVE not in page


def _wish(**changes: str) -> dict[str, str]:
    return {
        "client_id": CLIENT_ID,
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": WRITE,
        "state": "s",
        "code_challenge": "x" * 43,
        "code_challenge_method": "S256",
    } | changes


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": "Calendars.Juggle"}, "invalid_client"),
        ({"scope": ""}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"prompt": "none"}, "interaction_required"),
    ],
)
async def test_wrong_requests_go_back_with_an_error(
    ms: Microsoft, change: dict[str, str], error: str
) -> None:
    reply = await ms.request("GET", f"/common/oauth2/v2.0/authorize?{urlencode(_wish(**change))}")
    assert reply.status == 302
    assert query_of(reply.headers["Location"])["error"] == error


@pytest.mark.parametrize("change", [{"client_id": "x"}, {"redirect_uri": "https://evil.example/"}])
async def test_an_unknown_client_or_address_is_never_redirected(
    ms: Microsoft, change: dict[str, str]
) -> None:
    reply = await ms.request("GET", f"/common/oauth2/v2.0/authorize?{urlencode(_wish(**change))}")
    assert reply.status == 400
    assert "Location" not in reply.headers


async def test_a_form_post_answer_carries_the_code(ms: Microsoft) -> None:
    address = f"{ms.base}/common/oauth2/v2.0/authorize?{urlencode(_wish(response_mode='form_post'))}"
    target, fields = await ms.posted(address)
    assert target == REDIRECT
    assert set(fields) >= {"code", "state"}


async def test_codes_are_single_use_short_lived_and_bound(ms: Microsoft) -> None:
    back, verifier = await ms.sign_in()
    reply = await ms.exchange(back["code"], "wrong" * 12)
    assert (reply.status, reply.body["error"]) == (400, "invalid_grant")
    assert reply.body["error_codes"] == [501481]
    assert (await ms.exchange(back["code"], verifier, redirect_uri="http://localhost/x")).status == 400
    assert (await ms.exchange(back["code"], verifier, client_secret="no")).status == 401
    answer = (await ms.exchange(back["code"], verifier)).body
    assert (await ms.exchange(back["code"], verifier)).status == 400
    assert (await Graph(ms, answer["access_token"]).call("GET", "me/events")).status == 401
    back, verifier = await ms.sign_in()
    await ms.advance(61)
    assert (await ms.exchange(back["code"], verifier)).status == 400


async def test_refresh_tokens_rotate_and_a_used_one_is_refused(ms: Microsoft) -> None:
    first = await tokens(ms)
    second = (await ms.refresh(first["refresh_token"])).body
    assert second["refresh_token"] != first["refresh_token"]
    reply = await ms.refresh(first["refresh_token"])
    assert (reply.status, reply.body["error"]) == (400, "invalid_grant")
    assert "AADSTS70000" in reply.body["error_description"]
    assert (await ms.refresh(second["refresh_token"])).status == 200
    await ms.set(keep_used_refresh_tokens=True)
    third = await tokens(ms)
    assert (await ms.refresh(third["refresh_token"])).status == 200
    assert (await ms.refresh(third["refresh_token"])).status == 200


async def test_a_refresh_asks_for_no_more_than_was_granted(ms: Microsoft) -> None:
    first = await tokens(ms)
    reply = await ms.refresh(first["refresh_token"], scope="MailboxSettings.Read")
    assert (reply.status, reply.body["suberror"]) == (400, "consent_required")


async def test_withdrawn_consent_and_suspended_accounts_end_the_refresh_token(ms: Microsoft) -> None:
    answer = await tokens(ms)
    await ms.control("POST", "microsoft/revoke", account=ADA, client_id=CLIENT_ID)
    reply = await ms.refresh(answer["refresh_token"])
    assert "AADSTS50173" in reply.body["error_description"]
    answer = await tokens(ms)
    await ms.control("POST", "microsoft/accounts", email=ADA, suspended=True)
    assert "AADSTS50057" in (await ms.refresh(answer["refresh_token"])).body["error_description"]


async def test_a_lost_token_answer_has_rotated_the_token(ms: Microsoft) -> None:
    answer = await tokens(ms)
    await ms.fault("token_reset_after")
    with pytest.raises(Exception, match="disconnected|reset"):
        await ms.refresh(answer["refresh_token"])
    assert (await ms.refresh(answer["refresh_token"])).status == 400


@pytest.mark.parametrize(("kind", "status"), [("refresh_invalid_grant", 400), ("refresh_500", 500)])
async def test_refresh_faults(ms: Microsoft, kind: str, status: int) -> None:
    answer = await tokens(ms)
    await ms.fault(kind)
    assert (await ms.refresh(answer["refresh_token"])).status == status
    assert (await ms.refresh(answer["refresh_token"])).status == 200


def program(**changes: str) -> dict[str, str]:
    return {
        "grant_type": "client_credentials",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "scope": "https://graph.microsoft.com/.default",
    } | changes


async def test_an_administrator_grants_a_program_every_mailbox(ms: Microsoft) -> None:
    tenant = await ms.tenant()
    query = urlencode({"client_id": CLIENT_ID, "redirect_uri": REDIRECT, "state": "x"})
    page = await ms.request("GET", f"/{tenant}/v2.0/adminconsent?{query}")
    assert "imulator" in page.body
    action = unescape(re.findall(r'action="([^"]+)"', page.body)[0])
    form = [("decision", "allow"), ("role", WRITE)]
    back = query_of((await ms.request("POST", action, data=form)).headers["Location"])
    assert (back["admin_consent"], back["tenant"]) == ("True", tenant)
    answer = (await ms.form(program(), tenant)).body
    graph = Graph(ms, answer["access_token"])
    assert "refresh_token" not in answer
    assert (await graph.call("GET", f"users/{ADA}/events")).status == 200
    assert (await graph.call("GET", "users/nobody@example.org/events")).status == 404
    assert (await graph.call("GET", "me/events")).status == 400
    assert (await graph.call("GET", f"users/{ADA}/mailboxSettings")).status == 403
    denied = await ms.request("POST", action, data=[("decision", "deny")])
    assert query_of(denied.headers["Location"])["error"] == "access_denied"


async def test_application_sign_in_needs_the_tenant_and_the_default_scope(ms: Microsoft) -> None:
    tenant = await ms.tenant()
    assert (await ms.form(program(), "common")).status == 400
    assert (await ms.form(program(scope=WRITE), tenant)).status == 400
    assert (await ms.form(program(client_secret="no"), tenant)).status == 401
    answer = await ms.form(program(), tenant)
    assert answer.status == 200
    ungranted = Graph(ms, answer.body["access_token"])
    assert (await ungranted.call("GET", f"users/{ADA}/events")).status == 403


async def test_dropped_pkce_is_a_mutation_that_shows(ms: Microsoft) -> None:
    await ms.set(drop_pkce=True)
    back, _ = await ms.sign_in()
    assert (await ms.exchange(back["code"], "anything")).status == 200
