"""Connecting a file: its address is the secret; a name and password where the server wants them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.providers.addresses import target_of
from gateway.providers.contract import Challenge, Field, SignedIn, SignInKind, SignInRequest, Token
from gateway.providers.errors import BadAnswer, CalendarMissing, SignInExpired, SignInRefused
from plugins.ics.fetching import KEPT, Source, address_of, fetch
from plugins.ics.reading import read

_FIELDS = (
    Field(
        name="url",
        label="Address of the file",
        help="https:// or webcal://; keep it as secret as a password.",
    ),
    Field(name="login", label="User name", help="Where the server asks for one.", is_required=False),
    Field(name="password", label="Password", help="Likewise.", is_required=False, is_secret=True),
)


class IcsSignIn:
    """``SignIn`` of kind PASSWORD; the file is fetched once to see that it is one."""

    kinds: Sequence[SignInKind] = (SignInKind.PASSWORD,)

    def begin(self, config: Mapping[str, str], request: SignInRequest) -> Challenge:  # noqa: ARG002 - nothing to vary
        """Ask for the address."""
        return Challenge(pending=b"", state=secrets.token_urlsafe(32), fields=_FIELDS)

    def complete(
        self,
        config: Mapping[str, str],
        pending: bytes,  # noqa: ARG002 - nothing is kept meanwhile
        answer: Mapping[str, str],
        *,
        now: datetime,  # noqa: ARG002 - an address has no age
    ) -> SignedIn:
        """Fetch and read the file once."""
        url = address_of(answer.get("url", ""))
        host = target_of(url).host
        note = {
            "v": 1,
            "url": url,
            "login": answer.get("login", "").strip(),
            "password": answer.get("password", ""),
        }
        source = Source.from_config(
            {**config, **{name: str(note[name]) for name in ("url", "login", "password")}}
        )
        try:
            content = read(asyncio.run(fetch(source)).body or b"")
        except (BadAnswer, CalendarMissing, SignInExpired) as error:
            raise SignInRefused(str(error).removesuffix(f" {KEPT}")) from None
        name = content.name[:100] or host
        return SignedIn(
            account_id=hashlib.sha256(url.encode()).hexdigest()[:40],
            name=f"{name} at {host}" if content.name else host,
            state=json.dumps(note | {"name": name}, separators=(",", ":")).encode(),
        )

    def token(
        self,
        config: Mapping[str, str],  # noqa: ARG002 - nothing to refresh
        state: bytes,
        *,
        now: datetime,  # noqa: ARG002 - likewise
        is_refused: bool = False,  # noqa: ARG002 - likewise
    ) -> Token:
        """Return an empty token: no request goes through the signed-in client."""
        return Token(access_token="-", expires_at_utc=None, state=state)  # noqa: S106 - no secret

    def settings_of(self, config: Mapping[str, str], state: bytes) -> Mapping[str, str]:  # noqa: ARG002 - the state is enough
        """Return where the file is and what opens it."""
        note = _note(state)
        return {name: str(note[name]) for name in ("url", "login", "password", "name")}

    def revoke(self, config: Mapping[str, str], state: bytes) -> None:
        """Nothing was given; the owner of the file withdraws its address."""


def _note(state: bytes) -> dict[str, Any]:
    try:
        note = json.loads(state)
    except ValueError:
        note = None
    if not isinstance(note, dict) or note.get("v") != 1:
        raise SignInExpired("What was kept of this address cannot be read; connect it again.")
    return note
