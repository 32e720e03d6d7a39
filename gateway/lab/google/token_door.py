"""Google's token and revocation addresses: code, refresh, JWT bearer; errors in the OAuth form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.lab.core.authorization import CodeErrors, credentials, form_of, is_form, redeem
from gateway.lab.core.calls import Answer, Call
from gateway.lab.core.errors import Refusal
from gateway.lab.google import assertions
from gateway.lab.google.oauth import OPENID

if TYPE_CHECKING:
    from gateway.lab.core.identity import Client
    from gateway.lab.google.world import Google

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_FIELDS = {
    "authorization_code": {"code", "redirect_uri", "code_verifier", "client_id", "client_secret"},
    "refresh_token": {"refresh_token", "client_id", "client_secret", "scope"},
    JWT_BEARER: {"assertion"},
}
_CODE_ERRORS = CodeErrors(
    unknown="Malformed auth code.",
    used="The code was used before.",
    expired="The code has expired.",
    address="Bad Request",
    address_reason="redirect_uri_mismatch",
    verifier="Invalid code verifier.",
    no_verifier="Missing code verifier.",
)


class TokenDoor:
    """``/token`` and ``/revoke``."""

    name = "google-oauth"

    def __init__(self, google: Google) -> None:
        self.google = google
        self.lab = google.lab

    def identify(self, call: Call) -> None:
        """Name the call after its grant type; the account is known from the credential it carries."""
        call.body = form_of(call)
        kind = str(call.body.get("grant_type", ""))
        call.operation = "oauth.revoke" if call.path == "/revoke" else f"oauth.{kind.rsplit(':', 1)[-1]}"
        tokens = self.lab.tokens
        refresh = tokens.refresh.get(str(call.body.get("refresh_token") or call.body.get("token") or ""))
        code = tokens.codes.get(str(call.body.get("code", "")))
        found = refresh or code
        call.account = found.account if found else assertions.subject(str(call.body.get("assertion", "")))

    def execute(self, call: Call) -> Answer:
        """Issue or revoke; raises Refusal."""
        self.lab.tokens.forget_expired(self.lab.clock.true_s())
        if call.operation == "oauth.revoke":
            return self._revoke(call)
        if not is_form(call):
            raise Refusal(400, "invalid_request", "The body must be a form.", violation=True)
        form: dict[str, str] = call.body
        kind = form.get("grant_type", "")
        if kind not in _FIELDS:
            raise Refusal(400, "unsupported_grant_type", f"Invalid grant_type: {kind[:60]}")
        for name in set(form) - _FIELDS[kind] - {"grant_type"}:
            self.lab.journal.warning(call, f"the real service ignores the form field {name!r}")
        rooms = {"authorization_code": self._code, "refresh_token": self._refresh, JWT_BEARER: self._jwt}
        return Answer(status=200, body=rooms[kind](call, form), headers={"Cache-Control": "no-store"})

    def _client(self, call: Call, form: dict[str, str]) -> Client:
        client_id, secret = credentials(call, form, malformed="Malformed basic credentials.")
        client = self.lab.identity.clients.get(client_id)
        if client is None:
            raise Refusal(401, "invalid_client", "The OAuth client was not found.")
        if client.client_secret != secret:
            raise Refusal(401, "invalid_client", "Unauthorized")
        return client

    def _code(self, call: Call, form: dict[str, str]) -> dict[str, Any]:
        client = self._client(call, form)
        code = redeem(self.lab, client, form, _CODE_ERRORS)
        key = self.lab.tokens.grant(code.account, client.client_id, code.scopes).key
        code.grant = key
        answer = self.google.access_token(code.account, client, code.scopes, key)
        if code.with_refresh:
            answer["refresh_token"] = self.google.refresh_token(
                key, code.account, client.client_id, code.scopes
            )
        if OPENID & set(code.scopes):
            account = self.lab.account(code.account)
            answer["id_token"] = assertions.id_token(self.lab, account, client.client_id, code.nonce)
        return answer

    def _refresh(self, call: Call, form: dict[str, str]) -> dict[str, Any]:
        client = self._client(call, form)
        token = self.lab.tokens.refresh.get(form.get("refresh_token", ""))
        settings = self.lab.settings
        if token is None or token.client_id != client.client_id:
            raise Refusal(400, "invalid_grant", "Token has been expired or revoked.")
        age_s = self.lab.clock.true_s() - token.issued_at_s
        old = 0 < settings.refresh_token_life_s < age_s and not settings.never_expire_tokens
        account = self.lab.identity.accounts.get(token.account)
        if old or account is None or account.suspended:
            raise Refusal(400, "invalid_grant", "Token has been expired or revoked.")
        answer = self.google.access_token(token.account, client, token.scopes, token.grant)
        if settings.rotate_refresh_tokens:
            del self.lab.tokens.refresh[token.value]
            answer["refresh_token"] = self.google.refresh_token(
                token.grant, token.account, client.client_id, token.scopes
            )
        return answer

    def _jwt(self, _call: Call, form: dict[str, str]) -> dict[str, Any]:
        claim = assertions.verified(self.lab, form.get("assertion", ""))
        client = assertions.as_client(claim.service)
        if claim.account not in self.lab.identity.accounts:
            self.google.new_account(assertions.own_account(claim.service))
        return self.google.access_token(claim.account, client, claim.scopes, "", service=claim.own)

    def _revoke(self, call: Call) -> Answer:
        value = str(call.body.get("token") or call.one("token"))
        tokens = self.lab.tokens
        found = tokens.refresh.get(value) or tokens.access.get(value)
        if found is None:
            raise Refusal(400, "invalid_token", "Token expired or revoked")
        if found.grant:
            tokens.revoke_grant(found.grant)
        else:
            tokens.access.pop(value, None)
        return Answer(status=200, body={})

    def refuse(
        self,
        call: Call,  # noqa: ARG002 - the protocol of a door
        *,
        status: int,
        reason: str,
        message: str,
        domain: str = "",  # noqa: ARG002 - the protocol of a door
    ) -> Answer:
        """Render an OAuth error (RFC 6749 §5.2)."""
        return Answer(status=status, body={"error": reason, "error_description": message}, reason=reason)

    def check(self, call: Call, answer: Answer) -> list[str]:
        """Return what in an answer contradicts RFC 6749 §5.1 and §5.2."""
        body = answer.body
        if not isinstance(body, dict):
            return ["not a JSON object"]
        if answer.status == 200 and call.operation != "oauth.revoke":
            return [
                f"{name} is missing"
                for name in ("access_token", "token_type", "expires_in")
                if name not in body
            ]
        return [] if answer.status == 200 or "error" in body else ["error is missing"]
