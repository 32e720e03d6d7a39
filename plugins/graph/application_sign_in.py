"""A program that acts for mailboxes without a person: who it is here, and whether it may (§2).

Application permission has no ``/me``: every path names the mailbox. Which one is told by the account's id.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from gateway.providers.addresses import AddressFilter
from gateway.providers.blocking import fetch
from gateway.providers.errors import NotFound, ProviderError, SignInRefused
from plugins.graph.clouds import cloud_of
from plugins.graph.errors import error_of

_PREFIX = "application:"


def account_key(tenant: str, mailbox: str) -> str:
    """Return the id of the account that an application has at one mailbox."""
    return f"{_PREFIX}{tenant.lower()}:{mailbox}"


def root_of(account_id: str) -> str:
    """Return the first part of every path: the mailbox of an application, else the signed-in person's."""
    if account_id.startswith(_PREFIX):
        return f"users/{quote(account_id.rpartition(':')[2], safe='@')}"
    return "me"


def check_mailbox(config: Mapping[str, str], mailbox: str, access_token: str) -> None:
    """Make sure that the application reaches this mailbox.

    Trap: application permission means every mailbox of the tenant unless an administrator limits it, and
    changes of that limit take hours (§2): a 403 may be the limit.

    Raises:
        SignInRefused: it does not.
        Unavailable: later.
    """
    answer = fetch(
        "GET",
        f"{cloud_of(config).api}/users/{quote(mailbox, safe='@')}/calendar?$select=id",
        addresses=AddressFilter.from_config(config),
        headers={"Authorization": f"Bearer {access_token}"},
        ca_file=config.get("ca_file") or None,
    )
    if answer.status == 200:
        return
    error: ProviderError = error_of(answer, is_write=False)
    if answer.status in {401, 403}:
        raise SignInRefused(
            "The application may not open this mailbox; grant it Calendars.ReadWrite (application), or let"
            " the administrator's limit on mailboxes include this one.",
            code=error.code,
        )
    if answer.status == 404 or isinstance(error, NotFound):
        raise SignInRefused("There is no mailbox at this address in the tenant.", code=error.code)
    raise error
