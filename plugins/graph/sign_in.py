"""Signing in: a person's consent (code + PKCE), or a program that acts for mailboxes (§2, §3).

MSAL makes PKCE, state and nonce, keeps the tokens and rotates them. Its cache is our state: JSON that the
gateway seals, stored after every change and before the token is used.
"""

from __future__ import annotations

import json
import re
import secrets
import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msal

from gateway.providers.contract import (
    Challenge,
    Field,
    SignedIn,
    SignInKind,
    SignInRequest,
    Token,
    Use,
)
from gateway.providers.errors import BadAnswer, SignInExpired, SignInRefused
from plugins.graph.application_sign_in import account_key, check_mailbox
from plugins.graph.clouds import cloud_of
from plugins.graph.msal_wire import Wire, application, credential_of, token_of
from plugins.graph.scopes import missing_uses, scopes_for, short

_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{1,252}")
_SHARED_TENANTS = {"common", "organizations", "consumers"}
_FIELDS = (
    Field(
        name="subject",
        label="Mailbox to act for",
        help="The address of a person, a room or a shared mailbox of the tenant.",
    ),
    Field(
        name="tenant",
        label="Directory (tenant) id",
        help="Entra admin center, Overview. Empty: the tenant of the settings.",
        is_required=False,
    ),
    Field(
        name="client_id",
        label="Application (client) id",
        help="Of an app registration with the application permission Calendars.ReadWrite. Empty: that of the"
        " settings.",
        is_required=False,
    ),
    Field(
        name="client_secret",
        label="Client secret",
        help="Expires after two years at most; a certificate is better. Empty: that of the settings.",
        is_secret=True,
        is_required=False,
    ),
    Field(
        name="key",
        label="Certificate with its private key (PEM)",
        help="In the place of a secret.",
        is_secret=True,
        is_required=False,
        is_long=True,
    ),
)


class GraphSignIn:
    """``SignIn`` of Microsoft."""

    @property
    def kinds(self) -> Sequence[SignInKind]:
        """A person's consent first."""
        return (SignInKind.USER, SignInKind.APPLICATION)

    def begin(self, config: Mapping[str, str], request: SignInRequest) -> Challenge:
        """Prepare the consent page, or ask for tenant and mailbox."""
        scopes = scopes_for(request.uses, shared=config.get("shared") == "1")
        note: dict[str, Any] = {"uses": sorted(request.uses), "scopes": scopes}
        if request.kind is SignInKind.APPLICATION:
            state = secrets.token_urlsafe(32)
            pending = json.dumps({"kind": "application", **note}).encode()
            return Challenge(pending=pending, state=state, fields=_FIELDS, scopes=scopes)
        if request.kind is not SignInKind.USER or request.redirect_uri is None:
            raise SignInRefused("Microsoft is connected by consent in a browser or by an application.")
        app, wire = _application(config, _tenant(config), msal.SerializableTokenCache())
        with warnings.catch_warnings():
            # MSAL prefers form_post, whose cross-site POST would arrive without our cookie (§3).
            warnings.simplefilter("ignore", UserWarning)
            flow = app.initiate_auth_code_flow(
                _full(config, scopes),
                redirect_uri=request.redirect_uri,
                # Trap: whoever is signed in already would be taken without a question.
                prompt="select_account",
                login_hint=request.login_hint,
                response_mode="query",
            )
        url = wire.outside(str(flow.pop("auth_uri")))
        pending = json.dumps({"kind": "user", "flow": flow, **note}).encode()
        return Challenge(pending=pending, state=str(flow["state"]), url=url, scopes=scopes)

    def complete(
        self, config: Mapping[str, str], pending: bytes, answer: Mapping[str, str], *, now: datetime
    ) -> SignedIn:
        """Exchange the code, or try the application at the mailbox."""
        kept = json.loads(pending)
        if kept.get("kind") == "application":
            return self._mailbox(config, kept, answer, now)
        flow: dict[str, Any] = kept["flow"]
        if not secrets.compare_digest(
            answer.get("state", "").encode("utf-8", "replace"), flow["state"].encode()
        ):
            raise SignInRefused(
                "This answer does not belong to your request; start again from the connect page."
            )
        if "error" not in answer and not answer.get("code"):
            raise SignInRefused("Microsoft sent no code; start again from the connect page.")
        cache = msal.SerializableTokenCache()
        app, _ = _application(config, _tenant(config), cache)
        try:
            found = app.acquire_token_by_auth_code_flow(flow, dict(answer))
        except (ValueError, RuntimeError):
            # MSAL found that nonce, state or audience are of another request.
            raise SignInRefused(
                "The identity in the answer belongs to another request; start again."
            ) from None
        token = token_of(found, is_first=True)
        accounts = app.get_accounts()
        if len(accounts) != 1 or not accounts[0].get("home_account_id"):
            raise BadAnswer("Microsoft did not say whose account this is.", maybe_applied=True)
        if not isinstance(token.get("refresh_token"), str):
            raise SignInRefused(
                "Microsoft gave no lasting permission (offline_access); allow it and connect again.",
                code="noRefreshToken",
            )
        granted = _granted(token, kept["scopes"])
        home = str(accounts[0]["home_account_id"])
        state = {"kind": "user", "tenant": _tenant(config), "home": home, "scopes": kept["scopes"]}
        return SignedIn(
            account_id=home,
            name=str(accounts[0].get("username") or home),
            state=_packed(state, cache),
            granted=granted,
            missing=missing_uses(map(Use, kept["uses"]), granted),
        )

    def token(
        self, config: Mapping[str, str], state: bytes, *, now: datetime, is_refused: bool = False
    ) -> Token:
        """Return the token of MSAL's cache while it lives, else a fresh one; refresh tokens rotate."""
        kept = _unpacked(state)
        cache = msal.SerializableTokenCache()
        cache.deserialize(kept["cache"])
        # MSAL's own key of an account holds the host; one that moved clouds is another account.
        if kept["kind"] == "application":
            app, _ = application(config, cache=cache, **_program(config, kept))
            if is_refused:
                app.remove_tokens_for_client()
            found = app.acquire_token_for_client([f"{cloud_of(config).resource}/.default"])
        else:
            app, _ = _application(config, kept["tenant"], cache)
            known = [each for each in app.get_accounts() if each.get("home_account_id") == kept["home"]]
            if not known:
                raise SignInExpired(code="noAccount")
            found = app.acquire_token_silent_with_error(
                _full(config, kept["scopes"]), account=known[0], force_refresh=is_refused
            )
        token = token_of(found, is_first=False)
        return Token(
            access_token=str(token["access_token"]),
            expires_at_utc=now + timedelta(seconds=_life_s(token.get("expires_in"))),
            state=_packed(kept, cache) if cache.has_state_changed else state,
        )

    def revoke(self, config: Mapping[str, str], state: bytes) -> None:  # noqa: ARG002 - nothing to ask
        """Do nothing: Entra lets no program give back its own grant (docs/connect-microsoft.md).

        Forgetting the state is all there is; the person or the administrator withdraws the consent.
        """
        _unpacked(state)

    def _mailbox(
        self, config: Mapping[str, str], kept: Mapping[str, Any], answer: Mapping[str, str], now: datetime
    ) -> SignedIn:
        mailbox = answer.get("subject", "").strip().lower()
        if not re.fullmatch(r"[^\s@/\\]{1,128}@[a-z0-9.-]{1,255}", mailbox):
            raise SignInRefused("Name the mailbox to act for by its address.")
        tenant = answer.get("tenant", "").strip() or _tenant(config)
        if tenant in _SHARED_TENANTS or not _TENANT.fullmatch(tenant):
            raise SignInRefused("An application needs the id or domain of its own tenant.")
        own = {name: answer.get(name, "").strip() for name in ("client_id", "client_secret", "key")}
        state: dict[str, Any] = {
            "kind": "application",
            "tenant": tenant,
            "mailbox": mailbox,
            **{name: value for name, value in own.items() if value},
            "cache": "",
        }
        try:
            token = self.token(config, _packed(state, msal.SerializableTokenCache()), now=now)
        except SignInExpired as error:
            raise SignInRefused("Microsoft does not let this application in.", code=error.code) from None
        check_mailbox(config, mailbox, token.access_token)
        return SignedIn(
            account_id=account_key(tenant, mailbox),
            name=mailbox,
            state=token.state,
            # What an application may do is not in what it asks for; the check above was the proof.
            granted=frozenset(kept["scopes"]),
        )


def _application(
    config: Mapping[str, str], tenant: str, cache: msal.SerializableTokenCache
) -> tuple[msal.ConfidentialClientApplication, Wire]:
    credential = credential_of(config.get("client_secret", ""), config.get("certificate", ""))
    return application(
        config, tenant=tenant, credential=credential, client_id=config.get("client_id", ""), cache=cache
    )


def _program(config: Mapping[str, str], kept: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "tenant": kept["tenant"],
        "client_id": kept.get("client_id") or config.get("client_id", ""),
        "credential": credential_of(kept.get("client_secret", ""), kept.get("key", ""))
        or credential_of(config.get("client_secret", ""), config.get("certificate", "")),
    }


def _tenant(config: Mapping[str, str]) -> str:
    name = config.get("tenant") or "common"
    if not _TENANT.fullmatch(name):
        raise SignInRefused("The tenant in the settings is no tenant id, domain or common.")
    return name


def _full(config: Mapping[str, str], scopes: Sequence[str]) -> list[str]:
    resource = cloud_of(config).resource
    return [f"{resource}/{scope}" for scope in scopes]


def _granted(token: Mapping[str, Any], asked: Sequence[str]) -> frozenset[str]:
    scope = token.get("scope")
    words = scope.split() if isinstance(scope, str) else asked
    return frozenset(short(word) for word in words) - {"openid", "profile", "email", "offline_access"}


def _life_s(value: object) -> float:
    if isinstance(value, str) and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 10**7:
        return 300.0
    return float(value)


def _packed(state: Mapping[str, Any], cache: msal.SerializableTokenCache) -> bytes:
    return json.dumps({"v": 1, **state, "cache": cache.serialize()}, separators=(",", ":")).encode()


def _unpacked(state: bytes) -> dict[str, Any]:
    try:
        value = json.loads(state)
    except ValueError:
        value = None
    is_ours = isinstance(value, dict) and value.get("kind") in {"user", "application"}
    if not is_ours or not isinstance(value.get("cache"), str):
        raise SignInExpired("The stored sign-in cannot be read; connect the account again.")
    found: dict[str, Any] = value
    return found
