"""What OAuth 2.0 demands of every provider alike: where a browser may be sent, who a client is, a code once.

Which scopes there are, what a consent asks and how errors are worded is the provider's own.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from gateway.lab.core.errors import Refusal
from gateway.lab.core.tokens import challenge_of

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call
    from gateway.lab.core.identity import Client
    from gateway.lab.core.lab import Lab
    from gateway.lab.core.tokens import Code


class PageError(Exception):
    """A request that may not be answered by a redirect: the person sees an error page."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class RedirectError(Exception):
    """A request that is answered by a redirect with ``error``."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeErrors:
    """How a provider words what is wrong with a code; each is a message of ``invalid_grant``."""

    unknown: str
    used: str
    expired: str
    address: str
    address_reason: str
    """The error of a redirect address that is not the one of the consent."""
    verifier: str
    no_verifier: str


def back(redirect_uri: str, **values: str) -> str:
    """Return the redirect address with values added; empty ones are left out."""
    parts = urlsplit(redirect_uri)
    query = [
        *parse_qsl(parts.query, keep_blank_values=True),
        *((key, item) for key, item in values.items() if item),
    ]
    return urlunsplit(parts._replace(query=urlencode(query)))


def form_of(call: Call) -> dict[str, str]:
    """Return the fields of a form; of a repeated one the last counts."""
    return dict(parse_qsl(call.raw.decode("utf-8", "replace"), keep_blank_values=True))


def is_form(call: Call) -> bool:
    """Tell whether the body says that it is a form."""
    return call.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")


def credentials(call: Call, form: dict[str, str], *, malformed: str) -> tuple[str, str]:
    """Return the client's id and secret, of the header before the form's (RFC 6749 §2.3.1).

    Raises:
        Refusal: the header cannot be read; the message is ``malformed``.
    """
    scheme, _, value = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client_id, _, secret = base64.b64decode(value).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise Refusal(401, "invalid_client", malformed) from None
    return unquote(client_id), unquote(secret)


def redeem(lab: Lab, client: Client, form: dict[str, str], errors: CodeErrors) -> Code:
    """Return the code of a form; the caller notes its grant, which makes it used.

    A code that comes twice ends everything that was issued for it (RFC 6749 §4.1.2).

    Raises:
        Refusal: unknown, used, expired, or for another address or verifier.
    """
    code = lab.tokens.codes.get(form.get("code", ""))
    if code is None or code.client_id != client.client_id:
        raise Refusal(400, "invalid_grant", errors.unknown)
    if code.grant:
        lab.tokens.revoke_grant(code.grant)
        raise Refusal(400, "invalid_grant", errors.used)
    if code.expires_at_s <= lab.clock.true_s():
        raise Refusal(400, "invalid_grant", errors.expired)
    if code.redirect_uri != form.get("redirect_uri"):
        raise Refusal(400, errors.address_reason, errors.address)
    verifier = form.get("code_verifier", "")
    if code.challenge and not lab.settings.drop_pkce and challenge_of(verifier) != code.challenge:
        raise Refusal(400, "invalid_grant", errors.verifier if verifier else errors.no_verifier)
    return code
