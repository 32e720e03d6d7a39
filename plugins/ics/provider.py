"""The provider ``ics``: what the entry point names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.domain.content_lines import write
from gateway.domain.errors import InvalidInput
from gateway.domain.ical import parse_object
from gateway.domain.ical_reader import decode, unfolded
from gateway.providers.contract import Capability, Presentation, Setting, SignedInClient
from gateway.providers.errors import Rejected
from plugins.ics.account import IcsAccount
from plugins.ics.fetching import Source
from plugins.ics.sign_in import IcsSignIn

_PEOPLE = ("ATTENDEE", "ORGANIZER")
_SETTINGS = (
    Setting(
        name="user_agent",
        help="How fetches name themselves; some servers refuse what they do not know.",
        default="",
    ),
    Setting(name="max_bytes", help="Largest file, after decompression.", default=str(16 * 1024 * 1024)),
    Setting(name="timeout_s", help="Longest time for one fetch altogether, in seconds.", default="60"),
    Setting(
        name="ca_file", help="Further certificate authorities (PEM), for servers of your own.", default=""
    ),
    Setting(
        name="allow_loopback", help="1 allows this machine, also without TLS: tests, the demo.", default=""
    ),
    Setting(name="networks", help="Private networks that may be reached, separated by commas.", default=""),
)


class IcsProvider:
    """``Provider`` for calendar files; stateless, reads only."""

    name = "ics"
    label = "Calendar file (ICS)"
    contract = (1, 1)
    capabilities = Capability.DELTA

    @property
    def settings(self) -> Sequence[Setting]:
        """The address of a file belongs to its account."""
        return _SETTINGS

    @property
    def sign_in(self) -> IcsSignIn:
        """The address, and a name and password where the server wants them."""
        return IcsSignIn()

    def hosts(self, config: Mapping[str, str]) -> frozenset[str]:  # noqa: ARG002 - the contract's signature
        """No token is ever sent: the file is fetched hop by hop, each through the address filter."""
        return frozenset()

    def open(self, http: SignedInClient, config: Mapping[str, str]) -> IcsAccount:  # noqa: ARG002 - see ``hosts``
        """Return the account."""
        return IcsAccount(Source.from_config(config), config.get("name", "") or "Calendar")

    def project(self, ical: bytes, presentation: Presentation) -> bytes:
        """Return the object without people; nothing is ever written to a file."""
        try:
            parsed = parse_object(ical, max_bytes=max(len(ical), 1))
        except InvalidInput as error:
            raise Rejected(f"This object cannot be read: {error}", code="unreadable") from None
        if parsed.component != "VEVENT":
            raise Rejected("Only events take time.", code="notAnEvent")
        dropped = () if presentation.guests else _PEOPLE
        return write(
            line for _, line in unfolded(decode(ical)) if not line.upper().startswith(dropped or ("\0",))
        )
