"""Entra's token address: code, rotating refresh token, client credentials; errors in the AADSTS form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from gateway.lab.core.authorization import CodeErrors, credentials, form_of, is_form, redeem
from gateway.lab.core.calls import Answer, Call
from gateway.lab.core.errors import Refusal
from gateway.lab.microsoft import assertions, entra
from gateway.lab.microsoft.model import guid
from gateway.lab.microsoft.world import GRAPH

if TYPE_CHECKING:
    from gateway.lab.core.identity import Client
    from gateway.lab.core.tokens import RefreshToken
    from gateway.lab.microsoft.model import Mailbox
    from gateway.lab.microsoft.world import Microsoft

DEFAULT = f"{GRAPH}.default"
_FIELDS = {
    "authorization_code": {"code", "redirect_uri", "code_verifier"},
    "refresh_token": {"refresh_token"},
    "client_credentials": set[str](),
}
_SHARED = {
    "grant_type",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "scope",
    "client_info",
    "claims",
}
_CODE_ERRORS = CodeErrors(
    unknown="AADSTS9002313: Invalid request, malformed code.",
    used="AADSTS54005: OAuth2 code was already redeemed.",
    expired="AADSTS70008: The authorization code has expired.",
    address="AADSTS50011: The reply address does not match.",
    address_reason="invalid_grant",
    verifier="AADSTS501481: The code_verifier does not match.",
    no_verifier="AADSTS501481: The code_verifier does not match.",
)
_IGNORED_PREFIXES = ("x-client-", "x-app-", "x-ms-")


class TokenDoor:
    """``/{tenant}/oauth2/v2.0/token``."""

    name = "entra"

    def __init__(self, microsoft: Microsoft) -> None:
        self.microsoft = microsoft
        self.lab = microsoft.lab

    def identify(self, call: Call) -> None:
        """Name the call after its grant type; the account is known from the credential it carries."""
        call.body = form_of(call)
        call.operation = f"oauth.{call.body.get('grant_type', '')}"
        call.path_args = {"tenant": unquote(call.path.split("/")[1])}
        tokens = self.lab.tokens
        refresh = tokens.refresh.get(str(call.body.get("refresh_token", "")))
        found = refresh or tokens.codes.get(str(call.body.get("code", "")))
        call.account = found.account if found else None

    def execute(self, call: Call) -> Answer:
        """Issue tokens; raises Refusal."""
        self.lab.tokens.forget_expired(self.lab.clock.true_s())
        if not is_form(call):
            raise Refusal(400, "invalid_request", "AADSTS900144: The body must be a form.", violation=True)
        if not entra.is_tenant(self.microsoft, call.path_args["tenant"]):
            raise Refusal(400, "invalid_request", "AADSTS90002: Tenant not found.")
        form: dict[str, str] = call.body
        kind = form.get("grant_type", "")
        if kind not in _FIELDS:
            raise Refusal(
                400, "unsupported_grant_type", f"AADSTS70003: Unsupported grant_type {kind[:60]!r}."
            )
        for name in sorted(set(form) - _FIELDS[kind] - _SHARED):
            if not name.startswith(_IGNORED_PREFIXES):
                self.lab.journal.warning(call, f"the real service ignores the form field {name!r}")
        rooms = {
            "authorization_code": self._code,
            "refresh_token": self._refresh,
            "client_credentials": self._program,
        }
        return Answer(status=200, body=rooms[kind](call, form), headers={"Cache-Control": "no-store"})

    def _client(self, call: Call, form: dict[str, str]) -> Client:
        client_id, secret = credentials(call, form, malformed="AADSTS7000215: Malformed credentials.")
        client = self.lab.identity.clients.get(client_id)
        if client is None:
            raise Refusal(
                400, "unauthorized_client", "AADSTS700016: Application was not found in the directory."
            )
        if form.get("client_assertion"):
            if form.get("client_assertion_type") != assertions.KIND:
                raise Refusal(400, "invalid_request", "AADSTS700027: client_assertion_type is wrong.")
            assertions.check(self.microsoft, client_id, call.path, form["client_assertion"])
            return client
        if not secret:
            raise Refusal(401, "invalid_client", "AADSTS7000218: The request must contain 'client_secret'.")
        if client.client_secret != secret:
            raise Refusal(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
        return client

    def _person(self, call: Call, email: str) -> Mailbox:
        box = self.microsoft.state.mailboxes.get(email)
        if box is None or box.suspended:
            raise Refusal(400, "invalid_grant", "AADSTS50057: The user account is disabled.")
        if not entra.admits(self.microsoft, call.path_args["tenant"], box):
            raise Refusal(400, "invalid_grant", "AADSTS50020: User account does not exist in this tenant.")
        return box

    def _code(self, call: Call, form: dict[str, str]) -> dict[str, Any]:
        client = self._client(call, form)
        code = redeem(self.lab, client, form, _CODE_ERRORS)
        box = self._person(call, code.account)
        code.grant = self.lab.tokens.grant(code.account, client.client_id, code.scopes).key
        scopes = self._narrowed(form, code.scopes, strict=False)
        answer = self._answer(client, box, code.scopes, scopes, code.grant, form)
        if code.with_refresh:
            answer["refresh_token"] = entra.refresh_token(
                self.microsoft, client, code.account, code.scopes, code.grant
            )
        if "openid" in code.scopes:
            answer["id_token"] = entra.id_token(self.microsoft, box, client.client_id, code.nonce)
        return answer

    def _narrowed(self, form: dict[str, str], granted: list[str], *, strict: bool) -> list[str]:
        """Return the granted scopes that a call asks for; raises Refusal when consent is missing."""
        asked = form.get("scope", "").split()
        if not asked or DEFAULT in asked:
            return granted
        have = {entra.short(scope) for scope in granted}
        missing = [scope for scope in asked if entra.short(scope) not in have and scope not in entra.OPENID]
        if missing and strict:
            raise Refusal(
                400,
                "invalid_grant",
                f"AADSTS65001: The user has not consented to use the application for {missing[0]!r}.",
                domain="consent_required",
            )
        kept = [scope for scope in asked if entra.short(scope) in have]
        return kept or granted

    def _answer(
        self,
        client: Client,
        box: Mailbox,
        granted: list[str],
        scopes: list[str],
        grant: str,
        form: dict[str, str],
    ) -> dict[str, Any]:
        used = [*scopes, *(scope for scope in granted if scope in entra.OPENID and scope not in scopes)]
        answer = entra.access_token(self.microsoft, client, box.email, used, grant)
        return answer | ({"client_info": entra.client_info(box)} if form.get("client_info") == "1" else {})

    def _refresh(self, call: Call, form: dict[str, str]) -> dict[str, Any]:
        client = self._client(call, form)
        token = self._live(client, form.get("refresh_token", ""))
        call.account = token.account
        box = self._person(call, token.account)
        scopes = self._narrowed(form, token.scopes, strict=True)
        answer = self._answer(client, box, token.scopes, scopes, token.grant, form)
        answer["refresh_token"] = entra.refresh_token(
            self.microsoft, client, token.account, token.scopes, token.grant
        )
        if not self.lab.settings.keep_used_refresh_tokens:
            del self.lab.tokens.refresh[token.value]
            self.microsoft.state.used_refresh[token.value] = token.grant
        if "openid" in token.scopes:
            answer["id_token"] = entra.id_token(self.microsoft, box, client.client_id, "")
        return answer

    def _live(self, client: Client, value: str) -> RefreshToken:
        token = self.lab.tokens.refresh.get(value)
        if token is None and value in self.microsoft.state.used_refresh:
            raise Refusal(
                400, "invalid_grant", "AADSTS70000: The refresh token was redeemed before and is revoked."
            )
        if token is None or token.client_id != client.client_id:
            raise Refusal(
                400, "invalid_grant", "AADSTS50173: The provided grant has expired due to it being revoked."
            )
        settings = self.lab.settings
        age_s = self.lab.clock.true_s() - token.issued_at_s
        if 0 < settings.refresh_token_life_s < age_s and not settings.never_expire_tokens:
            raise Refusal(
                400, "invalid_grant", "AADSTS700082: The refresh token has expired due to inactivity."
            )
        return token

    def _program(self, call: Call, form: dict[str, str]) -> dict[str, Any]:
        client = self._client(call, form)
        if call.path_args["tenant"] != self.microsoft.state.tenant:
            raise Refusal(
                400, "invalid_request", "AADSTS53003: Client credentials need the address of the tenant."
            )
        if form.get("scope") != DEFAULT:
            raise Refusal(400, "invalid_scope", f"AADSTS70011: The scope must be {DEFAULT}.")
        registration = self.microsoft.state.registrations.get(client.client_id)
        roles = registration.roles if registration else []
        answer = entra.access_token(self.microsoft, client, "", roles, "")
        answer.pop("scope")
        return answer

    def refuse(
        self,
        call: Call,  # noqa: ARG002 - the protocol of a door
        *,
        status: int,
        reason: str,
        message: str,
        domain: str = "",
    ) -> Answer:
        """Render Entra's error."""
        digits = message.removeprefix("AADSTS").partition(":")[0]
        body: dict[str, Any] = {
            "error": reason,
            "error_description": message,
            "error_codes": [int(digits)] if digits.isdigit() else [],
            "timestamp": self.lab.clock.now().strftime("%Y-%m-%d %H:%M:%SZ"),
            "trace_id": guid(),
            "correlation_id": guid(),
        }
        if domain == "consent_required":
            body["suberror"] = domain
        return Answer(status=status, body=body, reason=reason)

    def check(self, call: Call, answer: Answer) -> list[str]:  # noqa: ARG002 - the protocol of a door
        """Return what in an answer contradicts RFC 6749 §5.1 and §5.2."""
        body = answer.body
        if not isinstance(body, dict):
            return ["not a JSON object"]
        wanted = ("access_token", "token_type", "expires_in") if answer.status == 200 else ("error",)
        return [f"{name} is missing" for name in wanted if name not in body]
