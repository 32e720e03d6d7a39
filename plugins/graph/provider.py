"""The provider ``graph``: what the entry point names."""

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
from gateway.providers.errors import Misconfigured
from plugins.graph.account import GraphAccount
from plugins.graph.application_sign_in import root_of
from plugins.graph.client import GraphClient
from plugins.graph.clouds import cloud_of
from plugins.graph.mapping import project
from plugins.graph.sign_in import GraphSignIn
from plugins.graph.subscriptions import read_notification

_SETTINGS = (
    Setting(name="client_id", help="Application (client) id of your own app registration.", default=""),
    Setting(name="client_secret", help="Its secret; it expires in two years.", default="", is_secret=True),
    Setting(
        name="certificate",
        help="Certificate with its private key (PEM), in the place of a secret.",
        default="",
        is_secret=True,
    ),
    Setting(
        name="tenant",
        help="Who may sign in: common (work and personal), organizations, consumers, or a tenant id.",
        default="common",
    ),
    Setting(name="cloud", help="global, usgov, usdod or china.", default="global"),
    Setting(name="login_url", help="Address of Entra, where it is not the cloud's.", default=""),
    Setting(name="api_base", help="Address of Graph v1.0, where it is not the cloud's.", default=""),
    Setting(
        name="resource", help="Address in front of every permission, where it is not the cloud's.", default=""
    ),
    Setting(name="shared", help="1 also asks for calendars that others share with the person.", default=""),
    Setting(
        name="at_once", help="Calls at the same time for one mailbox; a fifth is refused there.", default="4"
    ),
    Setting(name="ca_file", help="Further certificate authorities (PEM), for tests and proxies.", default=""),
    Setting(name="allow_loopback", help="1 allows this machine: the laboratory, tests.", default=""),
    Setting(name="networks", help="Private networks that may be reached, separated by commas.", default=""),
)


class GraphProvider:
    """``Provider`` for Microsoft 365 and Outlook.com; stateless."""

    name = "graph"
    label = "Microsoft 365"
    contract = (1, 1)
    capabilities = (
        Capability.WRITE
        | Capability.DELTA
        | Capability.WINDOWED
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
        """Consent of a person, or an application."""
        return GraphSignIn()

    def hosts(self, config: Mapping[str, str]) -> frozenset[str]:
        """Only Graph's own origin ever sees the token."""
        return frozenset({target_of(cloud_of(config).api).origin})

    def open(self, http: SignedInClient, config: Mapping[str, str]) -> GraphAccount:
        """Return the account."""
        text = config.get("at_once") or "4"
        if not text.isdigit() or not 1 <= int(text) <= 4:
            raise Misconfigured("The setting at_once of Microsoft must be a number from 1 to 4.")
        client = GraphClient(
            http, base=cloud_of(config).api, root=root_of(http.account_id), at_once=int(text)
        )
        return GraphAccount(client)

    def project(self, ical: bytes, presentation: Presentation) -> bytes:
        """Return what Outlook can hold."""
        return project(ical, presentation)

    def notified(self, request: Notification) -> Handshake | Sequence[Signal]:
        """Read a notification, or answer a handshake."""
        return read_notification(request)
