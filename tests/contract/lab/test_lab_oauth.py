"""Sign-in at the simulated Google: consent, codes, PKCE, refresh, revocation, service accounts."""

from __future__ import annotations

import base64
import json
import time

import pytest
from google.auth.transport.requests import Request
from google.oauth2 import service_account

from tests.contract.lab.lab_client import ADA, APP_CREATED, BEN, CLIENT_ID, FULL, SCOPE, LabClient, events


async def test_consent_gives_a_code_that_works_once_and_tokens_that_open_the_api(lab: LabClient) -> None:
    back, verifier = await lab.sign_in(scopes=(FULL, "openid", "email"))
    assert back["state"] == "st&te=1"
    answer = await lab.exchange(back["code"], verifier)
    assert answer.status == 200
    assert set(answer.body) == {
        "access_token",
        "refresh_token",
        "expires_in",
        "scope",
        "token_type",
        "id_token",
    }
    claims = json.loads(base64.urlsafe_b64decode(answer.body["id_token"].split(".")[1] + "=="))
    assert (claims["email"], claims["aud"]) == (ADA, CLIENT_ID)
    head = {"Authorization": f"Bearer {answer.body['access_token']}"}
    assert (await lab.request("GET", "/calendar/v3/calendars/primary", headers=head)).body["id"] == ADA
    again = await lab.exchange(back["code"], verifier)
    assert (again.status, again.body["error"]) == (400, "invalid_grant")
    assert (await lab.request("GET", "/calendar/v3/calendars/primary", headers=head)).status == 401


async def test_consent_can_be_denied_or_given_in_part(lab: LabClient) -> None:
    denied, _ = await lab.sign_in(allow=False)
    assert denied == {"error": "access_denied", "state": "st&te=1"}
    nothing, _ = await lab.sign_in(tick=())
    assert nothing["error"] == "access_denied"
    part, verifier = await lab.sign_in(scopes=(APP_CREATED, f"{SCOPE}calendar.freebusy"), tick=(APP_CREATED,))
    assert part["scope"] == APP_CREATED
    assert (await lab.exchange(part["code"], verifier)).body["scope"] == APP_CREATED


async def test_pkce_redirect_and_secret_are_checked(lab: LabClient) -> None:
    back, verifier = await lab.sign_in()
    for changes, status, error in (
        ({"code_verifier": "x" * 43}, 400, "invalid_grant"),
        ({"code_verifier": ""}, 400, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:2/callback"}, 400, "redirect_uri_mismatch"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
    ):
        answer = await lab.exchange(back["code"], verifier, **changes)
        assert (answer.status, answer.body["error"]) == (status, error)
    assert (await lab.exchange(back["code"], verifier)).status == 200


async def test_a_request_without_s256_is_sent_back_and_a_wrong_redirect_never_is(lab: LabClient) -> None:
    plain, _ = await lab.sign_in(code_challenge_method="plain")
    assert plain["error"] == "invalid_request"
    page = await lab.request(
        "GET",
        f"/o/oauth2/v2/auth?client_id={CLIENT_ID}&redirect_uri=https://evil.example/&response_type=code",
    )
    assert (page.status, "redirect_uri_mismatch" in page.body) == (400, True)


async def test_mutation_drop_pkce_lets_any_verifier_through(lab: LabClient) -> None:
    await lab.set(drop_pkce=True)
    back, _ = await lab.sign_in()
    assert (await lab.exchange(back["code"], "wrong")).status == 200


async def test_a_code_lives_sixty_seconds(lab: LabClient) -> None:
    back, verifier = await lab.sign_in()
    await lab.advance(61)
    assert (await lab.exchange(back["code"], verifier)).body["error"] == "invalid_grant"


async def test_refresh_tokens_need_offline_and_consent(lab: LabClient) -> None:
    first, verifier = await lab.sign_in(prompt="select_account")
    assert "refresh_token" in (await lab.exchange(first["code"], verifier)).body
    second, verifier = await lab.sign_in(prompt="select_account")
    assert "refresh_token" not in (await lab.exchange(second["code"], verifier)).body
    third, verifier = await lab.sign_in(access_type="online")
    assert "refresh_token" not in (await lab.exchange(third["code"], verifier)).body


async def test_access_tokens_expire_by_the_clock_and_refresh_brings_a_new_one(lab: LabClient) -> None:
    await lab.set(access_token_life_s=2.0)
    back, verifier = await lab.sign_in()
    tokens = (await lab.exchange(back["code"], verifier)).body
    head = {"Authorization": f"Bearer {tokens['access_token']}"}
    await lab.advance(3)
    expired = await lab.request("GET", "/calendar/v3/colors", headers=head)
    assert (expired.status, expired.reason) == (401, "authError")
    fresh = await lab.refresh(tokens["refresh_token"])
    head = {"Authorization": f"Bearer {fresh.body['access_token']}"}
    assert "refresh_token" not in fresh.body
    assert (await lab.request("GET", "/calendar/v3/colors", headers=head)).status == 200
    await lab.set(never_expire_tokens=True)
    await lab.advance(30)
    assert (await lab.request("GET", "/calendar/v3/colors", headers=head)).status == 200


async def test_testing_mode_and_rotation_are_switches(lab: LabClient) -> None:
    await lab.set(refresh_token_life_s=604800.0, rotate_refresh_tokens=True)
    back, verifier = await lab.sign_in()
    old = (await lab.exchange(back["code"], verifier)).body["refresh_token"]
    new = (await lab.refresh(old)).body["refresh_token"]
    assert (await lab.refresh(old)).body["error"] == "invalid_grant"
    await lab.advance(604801)
    assert (await lab.refresh(new)).body["error"] == "invalid_grant"


async def test_revoking_by_either_token_or_by_the_person_ends_the_grant(lab: LabClient) -> None:
    for way in ("access_token", "refresh_token", "person"):
        back, verifier = await lab.sign_in()
        tokens = (await lab.exchange(back["code"], verifier)).body
        if way == "person":
            await lab.control("POST", "google/revoke", account=ADA, client_id=CLIENT_ID)
        else:
            assert (await lab.request("POST", "/revoke", data={"token": tokens[way]})).status == 200
        assert (await lab.refresh(tokens["refresh_token"])).body["error"] == "invalid_grant"
    assert (await lab.request("POST", "/revoke", data={"token": "never"})).body["error"] == "invalid_token"


async def test_scopes_are_enforced_per_method_and_per_calendar(lab: LabClient) -> None:
    api = await lab.api(ADA, APP_CREATED)
    assert (await api.call("GET", "users/me/calendarList")).reason == "insufficientPermissions"
    assert (await api.call("GET", "calendars/primary")).status == 404
    await lab.set(app_created_foreign_status=403)
    assert (await api.call("GET", "calendars/primary")).reason == "insufficientPermissions"
    made = (await api.call("POST", "calendars", {"summary": "Pushed"})).body["id"]
    assert (await api.call("GET", events(made))).status == 200


async def test_google_auth_signs_a_service_account_in_with_delegation(lab: LabClient) -> None:
    import asyncio

    info = await lab.control("POST", "service-accounts", email="bot@p.example", delegated_scopes=[FULL])

    def token(subject: str | None, scopes: list[str]) -> str:
        credentials = service_account.Credentials.from_service_account_info(
            info, scopes=scopes, subject=subject
        )
        credentials.refresh(Request())
        return str(credentials.token)

    head = {"Authorization": f"Bearer {await asyncio.to_thread(token, BEN, [FULL])}"}
    assert (await lab.request("GET", "/calendar/v3/calendars/primary", headers=head)).body["id"] == BEN
    for subject, scopes, error in (
        (BEN, [APP_CREATED], "unauthorized_client"),
        ("ghost@example.com", [FULL], "invalid_grant"),
    ):
        with pytest.raises(Exception, match=error):
            await asyncio.to_thread(token, subject, scopes)
    own = {"Authorization": f"Bearer {await asyncio.to_thread(token, None, [FULL])}"}
    guests = {"attendees": [{"email": BEN}], "start": {"date": "2026-12-01"}, "end": {"date": "2026-12-02"}}
    path = f"/calendar/v3/{events()}?sendUpdates=none"
    assert (await lab.request("POST", path, headers=own, json=guests)).reason == "forbiddenForServiceAccounts"


async def test_an_assertion_with_a_foreign_signature_or_old_times_is_refused(lab: LabClient) -> None:
    from google.auth import crypt, jwt

    info = await lab.control("POST", "service-accounts", email="bot@p.example", delegated_scopes=[FULL])
    other = await lab.control("POST", "service-accounts", email="other@p.example", delegated_scopes=[FULL])
    now = int(time.time())
    base = {"iss": "bot@p.example", "sub": ADA, "scope": FULL, "aud": f"{lab.base}/token", "iat": now}
    for key, claims, text in (
        (other, {"exp": now + 60}, "Signature"),
        (info, {"iat": now - 9000, "exp": now - 8000}, "short-lived"),
        (info, {"exp": now + 60, "aud": "https://elsewhere.example"}, "audience"),
    ):
        signer = crypt.RSASigner.from_service_account_info(key)
        assertion = jwt.encode(signer, base | claims).decode()
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
        answer = await lab.request("POST", "/token", data=form)
        assert (answer.status, answer.body["error"]) == (400, "invalid_grant")
        assert text in answer.body["error_description"]
