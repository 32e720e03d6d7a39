"""Service accounts with domain-wide delegation: google-auth signs, our transport asks (§2).

The token address of the key file is not believed: a file from somebody else could name any host.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from google.auth import exceptions, transport
from google.oauth2 import service_account

from gateway.providers.blocking import fetch
from gateway.providers.contract import Answer
from gateway.providers.errors import BadAnswer, ProviderError, SignInRefused, Unavailable
from gateway.providers.oauth import Grant, OAuthClient, token_error

_NEEDED = ("client_email", "private_key", "private_key_id")


def read_key(text: str) -> dict[str, str]:
    """Return what is needed of a key file.

    Raises:
        SignInRefused: it is not the key file of a service account.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or value.get("type") != "service_account":
        raise SignInRefused("This is not the JSON key file of a service account.")
    key = {name: value.get(name) for name in _NEEDED}
    if not all(isinstance(item, str) and item for item in key.values()):
        raise SignInRefused("The key file lacks client_email, private_key or private_key_id.")
    return {name: str(item) for name, item in key.items()}


def ask_token(
    client: OAuthClient, key: Mapping[str, str], *, subject: str, scopes: Sequence[str], now: datetime
) -> Grant:
    """Get an access token for an account (JWT bearer grant, RFC 7523).

    Raises:
        Misconfigured: delegation is missing, or a scope is not in its list.
        SignInExpired: the account is suspended or unknown, or the clock is wrong.
        Unavailable: later.
    """
    asked = _Transport(client)
    try:
        credentials = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]  # google-auth has few types
            {**key, "token_uri": client.token_url}, scopes=list(scopes), subject=subject
        )
    except (ValueError, exceptions.GoogleAuthError):
        raise SignInRefused("The private key in the key file cannot be read.") from None
    try:
        credentials.refresh(asked)
    except ProviderError:
        raise
    except (exceptions.GoogleAuthError, ValueError):
        if asked.error is not None:
            raise asked.error from None
        if asked.answer is None:
            raise Unavailable from None
        error = token_error(asked.answer, is_refresh=True)
        raise error from None
    if not isinstance(credentials.token, str) or not credentials.token.isprintable():
        raise BadAnswer("The token address sent no access token.")
    expiry = credentials.expiry
    end = expiry.replace(tzinfo=UTC) if isinstance(expiry, datetime) else now + timedelta(minutes=5)
    return Grant(
        access_token=credentials.token, expires_at_utc=end, refresh_token=None, scopes=None, claims={}
    )


class _Response(transport.Response):
    """An answer as google-auth wants it."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    @property
    def status(self) -> int:
        return self._answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._answer.headers

    @property
    def data(self) -> bytes:
        return self._answer.body


class _Transport(transport.Request):
    """google-auth's requests through our address filter, with our limits."""

    def __init__(self, client: OAuthClient) -> None:
        self._client = client
        self.answer: Answer | None = None
        self.error: ProviderError | None = None

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ARG002 - google-auth's signature; ours holds
        **_others: Any,
    ) -> _Response:
        """Send one request."""
        data = body.encode() if isinstance(body, str) else body
        try:
            self.answer = fetch(
                method,
                url,
                addresses=self._client.addresses,
                body=data,
                headers=headers,
                ca_file=self._client.ca_file,
            )
        except ProviderError as error:
            self.error = error
            raise exceptions.TransportError(str(error)) from None  # type: ignore[no-untyped-call]  # google-auth has few types
        return _Response(self.answer)
