"""Signing in at Entra: MSAL keeps the tokens, PKCE, state and nonce; applications act for mailboxes."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.lab.app import Laboratory, make_lab
from gateway.lab.core.faults import Match
from gateway.lab.microsoft.model import Registration
from gateway.providers.contract import Challenge, SignInKind, SignInRequest, Use
from gateway.providers.errors import Forbidden, Misconfigured, SignInExpired, SignInRefused, Unavailable
from gateway.providers.samples import SINGLE
from plugins.graph.clouds import CLOUDS, cloud_of
from plugins.graph.provider import GraphProvider
from plugins.graph.scopes import missing_uses, scopes_for
from tests.contract.graph.graph_lab import ALL_USES, REDIRECT, Signed, config_for, connect, consent
from tests.contract.lab.graph_client import ADA, BEN, CLIENT_ID, EVE
from tests.contract.remote import opened, put, requests_of

SIGN_IN = GraphProvider().sign_in
NOW = datetime.now(UTC)


@pytest.fixture
def config(laboratory: Laboratory) -> dict[str, str]:
    return config_for(laboratory.lab.base_url)


def begin(config: dict[str, str], *uses: Use, kind: SignInKind = SignInKind.USER) -> Challenge:
    redirect = REDIRECT if kind is SignInKind.USER else None
    request = SignInRequest(kind=kind, uses=frozenset(uses) or ALL_USES, redirect_uri=redirect)
    return SIGN_IN.begin(config, request)


async def complete(config: dict[str, str], challenge: Challenge, answer: dict[str, str]) -> Any:
    return await asyncio.to_thread(SIGN_IN.complete, config, challenge.pending, answer, now=NOW)


def test_consent_asks_which_account_with_pkce_and_needs_no_network() -> None:
    config = {"client_id": "one", "client_secret": "secret", "cloud": "usdod", "tenant": "contoso.example"}
    challenge = begin(config, Use.WRITE, Use.LIST)
    address = urlsplit(challenge.url or "")
    query = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert address.netloc == "login.microsoftonline.us"
    assert address.path == "/contoso.example/oauth2/v2.0/authorize"
    assert query["prompt"] == "select_account"
    assert query["code_challenge_method"] == "S256"
    assert query["response_mode"] == "query"
    assert "https://dod-graph.microsoft.us/Calendars.ReadWrite" in query["scope"].split()
    assert "offline_access" in query["scope"].split()
    assert query["state"] == challenge.state
    assert challenge.scopes == ("Calendars.ReadWrite",)


def test_every_cloud_has_its_own_hosts_and_each_can_be_replaced() -> None:
    assert {name: urlsplit(cloud.api).netloc for name, cloud in CLOUDS.items()} == {
        "global": "graph.microsoft.com",
        "usgov": "graph.microsoft.us",
        "usdod": "dod-graph.microsoft.us",
        "china": "microsoftgraph.chinacloudapi.cn",
    }
    for name in CLOUDS:
        (origin,) = GraphProvider().hosts({"cloud": name})
        assert origin == f"https://{urlsplit(CLOUDS[name].api).netloc}:443"
    changed = cloud_of({"cloud": "china", "login_url": "https://login.example/"})
    assert (changed.login, changed.api) == ("https://login.example", CLOUDS["china"].api)
    with pytest.raises(Misconfigured, match="usgov"):
        cloud_of({"cloud": "moon"})


def test_the_narrowest_permissions_are_asked_for() -> None:
    assert scopes_for({Use.READ, Use.BUSY, Use.LIST}, shared=False) == ("Calendars.Read",)
    assert scopes_for(ALL_USES, shared=False) == ("Calendars.ReadWrite",)
    assert scopes_for({Use.WRITE}, shared=True) == ("Calendars.ReadWrite", "Calendars.ReadWrite.Shared")
    assert missing_uses(ALL_USES, ["https://graph.microsoft.com/Calendars.Read"]) == {
        Use.WRITE,
        Use.OWN_CALENDARS,
    }


async def test_a_connected_account_has_identity_name_and_a_sealed_cache(config: dict[str, str]) -> None:
    signed = await connect(config)
    assert signed.name == ADA
    assert signed.account_id.count(".") == 1
    assert signed.granted == {"Calendars.ReadWrite"}
    assert signed.missing == frozenset()
    token = await asyncio.to_thread(SIGN_IN.token, config, signed.state, now=NOW)
    assert token.access_token
    # MSAL's own cache gave it: nothing was asked, nothing has to be stored.
    assert token.state == signed.state


async def test_a_personal_account_signs_in_and_getschedule_stays_unknown(laboratory: Laboratory) -> None:
    config = config_for(laboratory.lab.base_url)
    async with opened(GraphProvider(), config, await connect(config, account=EVE)) as signed:
        (calendar,) = await signed.account.calendars()
        made = await put(signed.account, calendar.id, SINGLE)
        assert made.marker


async def test_a_denied_consent_and_a_foreign_state_connect_nothing(config: dict[str, str]) -> None:
    challenge = begin(config)
    denied = await consent(config, challenge.url or "", allow=False)
    with pytest.raises(SignInRefused, match="not allowed"):
        await complete(config, challenge, denied)
    answer = await consent(config, challenge.url or "")
    for wrong in ({**answer, "state": "x"}, {**answer, "state": "ö"}, {"code": answer["code"]}, {}):
        with pytest.raises(SignInRefused):
            await complete(config, challenge, wrong)
    with pytest.raises(SignInRefused, match="no code"):
        await complete(config, challenge, {"state": answer["state"]})
    assert (await complete(config, challenge, answer)).name == ADA


async def test_a_code_is_good_once_and_only_with_its_own_verifier(config: dict[str, str]) -> None:
    challenge = begin(config)
    answer = await consent(config, challenge.url or "")
    await complete(config, challenge, answer)
    with pytest.raises(SignInRefused):
        await complete(config, challenge, answer)


async def test_an_identity_with_another_nonce_is_refused(config: dict[str, str]) -> None:
    challenge = begin(config)
    answer = await consent(config, challenge.url or "")
    pending = json.loads(challenge.pending)
    pending["flow"]["nonce"] = "another"
    forged = Challenge(pending=json.dumps(pending).encode(), state=challenge.state, url=challenge.url)
    with pytest.raises(SignInRefused):
        await complete(config, forged, answer)


async def test_a_wrong_secret_is_a_mistake_of_the_installation(config: dict[str, str]) -> None:
    challenge = begin(config)
    answer = await consent(config, challenge.url or "")
    with pytest.raises(Misconfigured, match="secret"):
        await complete({**config, "client_secret": "wrong"}, challenge, answer)
    with pytest.raises(Misconfigured, match="client id"):
        begin({**config, "client_id": ""})


async def test_pain_29_a_rotated_refresh_token_is_stored_before_it_is_used_graph(
    laboratory: Laboratory, signed: Signed
) -> None:
    for count in (2, 3):
        _expire(laboratory)
        await asyncio.gather(*(signed.account.calendars() for _ in range(4)))
        assert len(signed.states) == count
    assert len(requests_of(laboratory, "oauth.refresh_token")) == 2


async def test_pain_28_only_the_words_of_entra_end_a_sign_in_graph(
    laboratory: Laboratory, signed: Signed
) -> None:
    for kind in ("refresh_500", "token_half"):
        _expire(laboratory)
        laboratory.lab.faults.script(kind, Match())
        with pytest.raises(Unavailable):
            await signed.account.calendars()
        if kind == "refresh_500":
            await signed.account.calendars()


async def test_pain_28_a_withdrawn_grant_is_final_graph(laboratory: Laboratory, signed: Signed) -> None:
    _expire(laboratory)
    laboratory.lab.faults.script("refresh_invalid_grant", Match())
    with pytest.raises(SignInExpired) as caught:
        await signed.account.calendars()
    assert (caught.value.code or "").startswith(("AADSTS", "invalid_grant"))


async def test_msal_remembers_no_refusal_for_us(laboratory: Laboratory, signed: Signed) -> None:
    _expire(laboratory)
    laboratory.lab.faults.script("refresh_invalid_grant", Match())
    with pytest.raises(SignInExpired):
        await signed.account.calendars()
    await signed.account.calendars()


async def test_a_token_that_is_refused_is_replaced_once(laboratory: Laboratory, signed: Signed) -> None:
    laboratory.lab.faults.script("graph_401_claims", Match())
    await signed.account.calendars()
    assert len(requests_of(laboratory, "oauth.refresh_token")) == 1
    laboratory.lab.faults.script("graph_401_claims", Match(), times=-1)
    with pytest.raises(SignInExpired):
        await signed.account.calendars()


@pytest.mark.parametrize(
    "state", [b"", b"{", b"[]", b'{"kind":"user"}', b'{"v":1,"kind":"other","cache":""}']
)
def test_a_state_that_cannot_be_read_asks_for_reconnecting(state: bytes) -> None:
    config = {"client_id": "one", "client_secret": "secret", "login_url": "https://login.example"}
    with pytest.raises(SignInExpired):
        SIGN_IN.token(config, state, now=NOW)


# -- applications


async def registered(laboratory: Laboratory, **more: Any) -> dict[str, str]:
    """Grant the application its permission; return settings with the tenant."""
    state = laboratory.microsoft.state
    state.registrations[CLIENT_ID] = Registration(client_id=CLIENT_ID, roles=["Calendars.ReadWrite"], **more)
    return config_for(laboratory.lab.base_url, tenant=state.tenant)


async def test_an_application_acts_for_a_mailbox_without_its_person(laboratory: Laboratory) -> None:
    config = await registered(laboratory)
    challenge = begin(config, kind=SignInKind.APPLICATION)
    assert {field.name for field in challenge.fields} >= {"subject", "tenant", "key"}
    signed = await complete(config, challenge, {"subject": BEN.upper()})
    assert (signed.name, signed.account_id) == (BEN, f"application:{config['tenant']}:{BEN}")
    async with opened(GraphProvider(), config, signed) as open_account:
        (calendar,) = await open_account.account.calendars()
        await put(open_account.account, calendar.id, SINGLE)
        paths = {entry["path"] for entry in requests_of(laboratory, "graph.events.create")}
        assert all(f"/users/{BEN}/" in path for path in paths)
        _expire(laboratory)
        await open_account.account.calendars()


async def test_an_application_is_told_what_it_lacks(laboratory: Laboratory) -> None:
    config = await registered(laboratory, mailboxes=[ADA])
    challenge = begin(config, kind=SignInKind.APPLICATION)
    for answer, words in (
        ({"subject": BEN}, "may not open|no mailbox"),
        ({"subject": "nobody@example.org"}, "no mailbox|may not open"),
        ({"subject": "not an address"}, "by its address"),
        ({"subject": ADA, "tenant": "common"}, "its own tenant"),
    ):
        with pytest.raises(SignInRefused, match=words):
            await complete(config, challenge, answer)
    assert (await complete(config, challenge, {"subject": ADA})).name == ADA


async def test_an_application_may_have_a_certificate_of_its_own(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    pem, public = _certificate()
    # Its assertion names the token address, so this needs https as in life.
    async with make_lab(providers=frozenset({"microsoft"}), tls=tmp_path) as laboratory:
        config = await registered(
            laboratory,
            certificate_key=public.public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            ).decode(),
        )
        config |= {"ca_file": str(tmp_path / "ca.pem"), "client_secret": ""}
        challenge = begin(config, kind=SignInKind.APPLICATION)
        signed = await complete(config, challenge, {"subject": ADA, "key": pem})
        assert signed.name == ADA
        with pytest.raises(Misconfigured, match="certificate"):
            await complete(config, challenge, {"subject": ADA, "key": "not a certificate"})
        with pytest.raises(Unavailable, match="certificate is not valid"):
            await complete({**config, "ca_file": ""}, challenge, {"subject": ADA, "key": pem})


async def test_a_mailbox_that_is_gone_is_no_deletion(laboratory: Laboratory, signed: Signed) -> None:
    (calendar,) = await signed.account.calendars()
    laboratory.lab.faults.script("graph_404_mailbox", Match())
    with pytest.raises(Forbidden) as caught:
        await signed.account.fetch(calendar.id, "anything")
    assert caught.value.reach.value == "account"


async def test_revoking_asks_nobody(signed: Signed, laboratory: Laboratory) -> None:
    number = len(laboratory.lab.journal.entries)
    SIGN_IN.revoke(signed.config, signed.states[-1])
    assert len(laboratory.lab.journal.entries) == number


def _expire(laboratory: Laboratory) -> None:
    for token in laboratory.lab.tokens.access.values():
        token.expires_at_s = 0.0


def _certificate() -> tuple[str, Any]:
    from datetime import timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "calgate")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return (private + made.public_bytes(serialization.Encoding.PEM)).decode(), key.public_key()


async def test_entra_is_asked_at_the_address_of_the_settings_only(config: dict[str, str]) -> None:
    challenge = begin(config)
    answer = await consent(config, challenge.url or "")
    closed = {**config, "allow_loopback": ""}
    with pytest.raises(Exception, match="address") as caught:
        await complete(closed, challenge, answer)
    assert type(caught.value).__name__ == "AddressRefused"
