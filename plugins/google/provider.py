"""The provider ``google``: what the entry point names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.providers.addresses import target_of
from gateway.providers.contract import (
    Capability,
    Handshake,
    Notification,
    Presentation,
    Setting,
    Signal,
    SignedInClient,
    SignIn,
)
from plugins.google.account import GoogleAccount
from plugins.google.channels import read_notification
from plugins.google.client import GoogleClient
from plugins.google.mapping import project
from plugins.google.sign_in import GoogleSignIn

_SETTINGS = (
    Setting(name="client_id", help="OAuth client id of your own Google Cloud project.", default=""),
    Setting(name="client_secret", help="Its secret.", default="", is_secret=True),
    Setting(
        name="api_base", help="Address of the Calendar API.", default="https://www.googleapis.com/calendar/v3"
    ),
    Setting(
        name="auth_url",
        help="Address of the consent page.",
        default="https://accounts.google.com/o/oauth2/v2/auth",
    ),
    Setting(
        name="token_url", help="Address that gives tokens.", default="https://oauth2.googleapis.com/token"
    ),
    Setting(
        name="revoke_url",
        help="Address that takes them back.",
        default="https://oauth2.googleapis.com/revoke",
    ),
    Setting(name="ca_file", help="Further certificate authorities (PEM), for tests and proxies.", default=""),
    Setting(name="allow_loopback", help="1 allows this machine: the laboratory, tests.", default=""),
    Setting(name="networks", help="Private networks that may be reached, separated by commas.", default=""),
)


class GoogleProvider:
    """``Provider`` for Google Calendar; stateless."""

    name = "google"
    label = "Google Calendar"
    contract = (1, 2)
    capabilities = (
        Capability.WRITE
        | Capability.DELTA
        | Capability.CONDITIONAL
        | Capability.IDEMPOTENT
        | Capability.INVITES
    )

    @property
    def settings(self) -> Sequence[Setting]:
        """Every address is a setting."""
        return _SETTINGS

    @property
    def sign_in(self) -> SignIn:
        """Consent of a person, or a service account."""
        return GoogleSignIn()

    def hosts(self, config: Mapping[str, str]) -> frozenset[str]:
        """Only the API's own origin ever sees the token."""
        return frozenset({target_of(config["api_base"]).origin})

    def open(self, http: SignedInClient, config: Mapping[str, str]) -> GoogleAccount:
        """Return the account."""
        return GoogleAccount(GoogleClient(http, config["api_base"]))

    def project(self, ical: bytes, presentation: Presentation) -> bytes:
        """Return what Google can hold."""
        return project(ical, presentation)

    def notified(self, request: Notification) -> Handshake | Sequence[Signal]:
        """Read a message of a push channel."""
        return read_notification(request)
