"""The laboratory's front page: all accounts of all providers, the outbox, what contradicted a description."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from gateway.lab.core.week import Templates

if TYPE_CHECKING:
    from gateway.lab.core.lab import Lab

Accounts = Callable[[], list[dict[str, Any]]]
"""Rows of email, provider, zone, address (of the page), note."""


class IndexPage:
    """``/lab/``."""

    def __init__(self, lab: Lab, providers: list[Accounts]) -> None:
        self.lab = lab
        self.providers = providers
        self.page = Templates().page

    async def show(self, _request: web.Request) -> web.Response:
        """Show everything at a glance."""
        accounts = [row for provider in self.providers for row in provider()]
        return self.page(
            "index.html",
            accounts=sorted(accounts, key=lambda item: (item["provider"], item["email"])),
            outbox=self.lab.outbox.entries,
            violations=self.lab.journal.violations[-10:],
            requests=self.lab.journal.number,
            now=self.lab.clock.now(),
        )
