"""Entra's pages: discovery documents, consent of a person, consent of an administrator."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import quote

from aiohttp import web

from gateway.lab.core import authorization
from gateway.lab.core.lab import HEADER, HEADER_VALUE
from gateway.lab.core.week import Templates, redirect
from gateway.lab.microsoft import entra
from gateway.lab.microsoft.model import Registration

if TYPE_CHECKING:
    from gateway.lab.microsoft.world import Microsoft

ADMIN_ROLES = ("Calendars.ReadWrite", "MailboxSettings.Read", "User.ReadBasic.All")


class EntraPages:
    """All of Entra that a browser or MSAL opens, except the token address."""

    def __init__(self, microsoft: Microsoft) -> None:
        self.microsoft = microsoft
        self.lab = microsoft.lab
        self.page = Templates().page

    def routes(self) -> list[web.RouteDef]:
        """Return all routes."""
        return [
            web.get("/common/discovery/instance", self.instance),
            web.get("/{tenant}/v2.0/.well-known/openid-configuration", self.discovery),
            web.get("/{tenant}/discovery/v2.0/keys", self.keys),
            web.get("/{tenant}/oauth2/v2.0/authorize", self.consent),
            web.post("/{tenant}/oauth2/v2.0/authorize", self.choose),
            web.get("/{tenant}/v2.0/adminconsent", self.admin),
            web.post("/{tenant}/v2.0/adminconsent", self.admin_choose),
        ]

    # --- discovery

    async def instance(self, request: web.Request) -> web.Response:
        """Instance discovery: this host is known, and has no other names."""
        host = self.lab.base_url.partition("://")[2]
        tenant = next(iter(request.query.get("authorization_endpoint", "").split("/")[3:4]), "common")
        document = {
            "tenant_discovery_endpoint": self._address(tenant, "v2.0/.well-known/openid-configuration"),
            "api-version": "1.1",
            "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
        }
        return web.json_response(document, headers={HEADER: HEADER_VALUE})

    def _address(self, tenant: str, rest: str) -> str:
        return f"{self.lab.base_url}/{quote(tenant)}/{rest}"

    async def discovery(self, request: web.Request) -> web.Response:
        """OpenID discovery of a tenant."""
        tenant = request.match_info["tenant"]
        if not entra.is_tenant(self.microsoft, tenant):
            error = {
                "error": "invalid_tenant",
                "error_description": f"AADSTS90002: Tenant '{tenant[:60]}' not found.",
            }
            return web.json_response(error, status=400, headers={HEADER: HEADER_VALUE})
        shared = {"common": "{tenantid}", "organizations": "{tenantid}"}.get(tenant, tenant)
        document = {
            "issuer": f"{self.lab.base_url}/{shared}/v2.0",
            "authorization_endpoint": self._address(tenant, "oauth2/v2.0/authorize"),
            "token_endpoint": self._address(tenant, "oauth2/v2.0/token"),
            "jwks_uri": self._address(tenant, "discovery/v2.0/keys"),
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "response_modes_supported": ["query", "form_post"],
            "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "code_challenge_methods_supported": ["S256"],
            "cloud_instance_name": "lab.example",
            "msgraph_host": self.lab.base_url.partition("://")[2],
        }
        return web.json_response(document, headers={HEADER: HEADER_VALUE})

    async def keys(self, _request: web.Request) -> web.Response:
        """The key that signs id tokens."""
        return web.json_response(entra.key_set(), headers={HEADER: HEADER_VALUE})

    # --- consent

    def _wish(self, request: web.Request) -> entra.Wish | web.Response:
        query, tenant = dict(request.query), request.match_info["tenant"]
        try:
            entra.check_tenant(self.microsoft, tenant)
            client, redirect_uri = entra.client_of(self.microsoft, query)
        except authorization.PageError as error:
            return self.page("error.html", status=400, code=error.code, text=str(error))
        try:
            return entra.checked(self.microsoft, tenant, client, redirect_uri, query)
        except authorization.RedirectError as error:
            values = {
                "error": error.code,
                "error_description": str(error),
                "state": query.get("state", ""),
            }
            return redirect(authorization.back(redirect_uri, **values))

    async def consent(self, request: web.Request) -> web.Response:
        """Show accounts and scopes."""
        for name in sorted(set(request.query) - entra.KNOWN):
            if not name.startswith("x-client-"):
                text = f"the real service ignores the parameter {name!r}"
                self.lab.journal.warnings.append({"method": "GET", "path": request.path, "text": text})
        wish = self._wish(request)
        if isinstance(wish, web.Response):
            return wish
        accounts = [
            box
            for box in self.microsoft.state.mailboxes.values()
            if not box.suspended and entra.admits(self.microsoft, wish.tenant, box)
        ]
        return self.page(
            "consent.html",
            provider="Microsoft",
            wish=wish,
            accounts=accounts,
            action=str(request.rel_url),
            chosen=wish.login_hint,
        )

    async def choose(self, request: web.Request) -> web.Response:
        """Take the person's choice and go back to the client."""
        wish = self._wish(request)
        if isinstance(wish, web.Response):
            return wish
        form = await request.post()
        box = self.microsoft.state.mailboxes.get(str(form.get("account", "")))
        if form.get("decision") != "allow":
            return self._back(wish, entra.denied(wish))
        if box is None or box.suspended or not entra.admits(self.microsoft, wish.tenant, box):
            return self.page("error.html", status=400, code="AADSTS50020", text="Choose another account.")
        granted = [str(item) for item in form.getall("scope", [])]
        return self._back(wish, entra.allow(self.microsoft, wish, box, granted))

    def _back(self, wish: entra.Wish, values: dict[str, str]) -> web.Response:
        """Go back by redirect, or by a form that the browser posts."""
        if wish.mode == "query":
            return redirect(authorization.back(wish.redirect_uri, **values))
        return self.page(
            "form_post.html",
            action=wish.redirect_uri,
            values={name: value for name, value in values.items() if value},
            script_nonce=secrets.token_urlsafe(16),
        )

    # --- an administrator's consent

    def _asked(self, request: web.Request) -> str | web.Response:
        try:
            entra.check_tenant(self.microsoft, request.match_info["tenant"])
            _client, redirect_uri = entra.client_of(self.microsoft, dict(request.query))
        except authorization.PageError as error:
            return self.page("error.html", status=400, code=error.code, text=str(error))
        return redirect_uri

    async def admin(self, request: web.Request) -> web.Response:
        """Show an administrator what a program would be granted for every mailbox."""
        redirect_uri = self._asked(request)
        if isinstance(redirect_uri, web.Response):
            return redirect_uri
        return self.page(
            "admin_consent.html",
            client_id=request.query["client_id"],
            redirect_uri=redirect_uri,
            roles=ADMIN_ROLES,
            action=str(request.rel_url),
        )

    async def admin_choose(self, request: web.Request) -> web.Response:
        """Take the administrator's choice and go back to the client."""
        redirect_uri = self._asked(request)
        if isinstance(redirect_uri, web.Response):
            return redirect_uri
        form = await request.post()
        state = request.query.get("state", "")
        if form.get("decision") != "allow":
            return redirect(authorization.back(redirect_uri, error="access_denied", state=state))
        client_id = request.query["client_id"]
        roles = [role for role in ADMIN_ROLES if role in form.getall("role", [])]
        self.microsoft.state.registrations[client_id] = Registration(client_id=client_id, roles=roles)
        self.lab.state.changed()
        return redirect(
            authorization.back(
                redirect_uri, admin_consent="True", tenant=self.microsoft.state.tenant, state=state
            )
        )
