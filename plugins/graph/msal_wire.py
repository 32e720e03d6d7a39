"""MSAL's requests through our address filter, with our limits; and the errors of its answers.

Entra's addresses have a fixed shape, and where Entra is, is a setting. So the discovery document that MSAL
wants is made here: nobody is asked for it, and nobody can send the client secret elsewhere. MSAL takes https
addresses only; where the setting says http (the laboratory on this machine), that is put back on the way out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msal

from gateway.providers.addresses import AddressFilter
from gateway.providers.blocking import fetch
from gateway.providers.errors import (
    BadAnswer,
    Misconfigured,
    ProviderError,
    RateLimited,
    SignInExpired,
    SignInRefused,
    Unavailable,
)
from plugins.graph.clouds import cloud_of

# Words of the token address that mean: a person has to sign in again (§3).
_OVER = {"invalid_grant", "interaction_required", "consent_required", "login_required"}
_LATER = {"temporarily_unavailable", "server_error", "request_timeout"}


@dataclass(frozen=True, slots=True)
class _Response:
    """An answer as MSAL wants it."""

    status_code: int
    text: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)

    def raise_for_status(self) -> None:
        """Do nothing: what is no answer of Entra was raised already."""


class Wire:
    """The ``http_client`` of one MSAL application."""

    def __init__(self, config: Mapping[str, str], tenant: str) -> None:
        """Speak to the Entra of the settings."""
        self._login = cloud_of(config).login
        parts = urlsplit(self._login)
        self._named = f"https://{parts.netloc}"
        self._addresses = AddressFilter.from_config(config)
        self._ca_file = config.get("ca_file") or None
        self.authority = f"{self._named}/{tenant}"

    def outside(self, url: str) -> str:
        """Return an address of MSAL's as it really is."""
        return self._login + url.removeprefix(self._named) if url.startswith(f"{self._named}/") else url

    def get(self, url: str, **_others: Any) -> _Response:
        """Answer MSAL's only question: the discovery document of the tenant."""
        if url != f"{self.authority}/v2.0/.well-known/openid-configuration":
            raise Misconfigured("The sign-in library asked for an unknown address; check login_url.")
        document = {
            "issuer": f"{self.authority}/v2.0",
            "authorization_endpoint": f"{self.authority}/oauth2/v2.0/authorize",
            "token_endpoint": f"{self.authority}/oauth2/v2.0/token",
        }
        return _Response(200, json.dumps(document))

    def post(
        self, url: str, *, data: Any = None, headers: Mapping[str, str] | None = None, **_others: Any
    ) -> _Response:
        """Send a form to the token address.

        Raises:
            RateLimited: 429.
            Unavailable: no answer, or 5xx.
            BadAnswer: not JSON.
        """
        form = {
            name: value.decode() if isinstance(value, bytes) else str(value)
            for name, value in (data or {}).items()
            if value is not None
        }
        answer = fetch(
            "POST",
            self.outside(url),
            addresses=self._addresses,
            form=form,
            headers=dict(headers or {}),
            ca_file=self._ca_file,
        )
        if answer.status == 429:
            raise RateLimited(retry_after_s=answer.retry_after_s, code="429")
        if answer.status >= 500:
            raise Unavailable(retry_after_s=answer.retry_after_s, code=str(answer.status), maybe_applied=True)
        if not isinstance(answer.json(), dict):
            raise BadAnswer(
                "The token address answered with something that is no object.", maybe_applied=True
            )
        return _Response(answer.status, answer.body.decode("utf-8", "replace"))

    def close(self) -> None:
        """Do nothing: every request has a connection of its own."""


def application(
    config: Mapping[str, str],
    *,
    tenant: str,
    credential: Any,
    client_id: str,
    cache: msal.SerializableTokenCache,
) -> tuple[msal.ConfidentialClientApplication, Wire]:
    """Return an MSAL application for one call of one account.

    Trap: it keeps every refused request for a minute (§3), so none outlives its call. Trap: it declares no
    client capability, so Graph never sends claims challenges that a refresh could not answer (§3).

    Raises:
        Misconfigured: no client id or no credential in the settings, or one that cannot be read.
    """
    if not client_id or not credential:
        raise Misconfigured(
            "There is no client id or no client secret for Microsoft; set both up first"
            " (docs/connect-microsoft.md)."
        )
    wire = Wire(config, tenant)
    try:
        app = msal.ConfidentialClientApplication(
            client_id,
            client_credential=credential,
            authority=wire.authority,
            token_cache=cache,
            http_client=wire,
            instance_discovery=False,
            enable_pii_log=False,
        )
    except ProviderError:
        raise
    except Exception as error:  # noqa: BLE001 - MSAL lets every error of cryptography through
        raise Misconfigured(
            f"The client id, tenant or certificate for Microsoft cannot be used ({type(error).__name__});"
            " check the settings."
        ) from None
    return app, wire


def credential_of(secret: str, certificate: str) -> Any:
    """Return MSAL's ``client_credential``: a certificate is preferred (§3); None where there is neither."""
    if certificate:
        return {"private_key": certificate, "public_certificate": certificate}
    return secret or None


def token_of(answer: object, *, is_first: bool) -> Mapping[str, Any]:
    """Return the token answer.

    Args:
        answer: what MSAL returned.
        is_first: a person is connecting just now; nothing is stored yet.

    Raises:
        SignInExpired: the grant is over; the person must sign in again.
        SignInRefused: this attempt to connect failed.
        Misconfigured: the installation is refused.
        Unavailable: later.
    """
    if not isinstance(answer, Mapping):
        raise SignInExpired(code="noAccount")
    access = answer.get("access_token")
    if isinstance(access, str) and access.isascii() and access.isprintable():
        return answer
    if "error" not in answer:
        raise BadAnswer("The token address sent no access token.", maybe_applied=True)
    raise _error(answer, is_first=is_first)


def _error(answer: Mapping[str, Any], *, is_first: bool) -> ProviderError:
    word = str(answer.get("error"))
    numbers = answer.get("error_codes")
    number = (
        next((item for item in numbers if isinstance(item, int)), None) if isinstance(numbers, list) else None
    )
    code = f"AADSTS{number}" if number else word if word.replace("_", "").isalnum() else None
    if word in _OVER:
        if is_first:
            return SignInRefused(
                "Microsoft did not accept the sign-in: the code is used or too old, or the account may not"
                " sign in here; start again.",
                code=code,
            )
        return SignInExpired(code=code)
    if word in _LATER:
        return Unavailable(code=code, maybe_applied=True)
    if word == "access_denied":
        return SignInRefused("Access was not allowed on the consent page; nothing was connected.", code=code)
    return Misconfigured(
        f"Microsoft answered {code or 'an error'}; check tenant, client id, client secret (they expire) and"
        " redirect address.",
        code=code,
    )
