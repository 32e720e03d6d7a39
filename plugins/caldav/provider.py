"""The provider ``caldav``: what the entry point names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.providers.contract import Capability, Presentation, Setting, SignedInClient
from plugins.caldav.account import CalDavAccount
from plugins.caldav.client import DavClient
from plugins.caldav.mapping import project
from plugins.caldav.sign_in import CalDavSignIn

_SETTINGS = (
    Setting(
        name="ca_file", help="Further certificate authorities (PEM), for servers of your own.", default=""
    ),
    Setting(
        name="allow_loopback", help="1 allows this machine, also without TLS: tests, the demo.", default=""
    ),
    Setting(name="networks", help="Private networks that may be reached, separated by commas.", default=""),
)


class CalDavProvider:
    """``Provider`` for CalDAV servers; stateless."""

    name = "caldav"
    label = "CalDAV"
    contract = (1, 2)
    capabilities = Capability.WRITE | Capability.DELTA | Capability.CONDITIONAL | Capability.IDEMPOTENT

    @property
    def settings(self) -> Sequence[Setting]:
        """The address of a server belongs to its account, not to the installation."""
        return _SETTINGS

    @property
    def sign_in(self) -> CalDavSignIn:
        """Name and (app) password."""
        return CalDavSignIn()

    def hosts(self, config: Mapping[str, str]) -> frozenset[str]:
        """The origins of the account's calendar homes; none before an account is known."""
        return frozenset(config.get("origins", "").split())

    def open(self, http: SignedInClient, config: Mapping[str, str]) -> CalDavAccount:
        """Return the account."""
        homes = tuple(config.get("homes", "").split())
        return CalDavAccount(DavClient(http, homes[0]), homes, frozenset(config.get("addresses", "").split()))

    def project(self, ical: bytes, presentation: Presentation) -> bytes:
        """Return what a CalDAV server keeps."""
        return project(ical, presentation)
