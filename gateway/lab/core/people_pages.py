"""What every provider's pages for people have in common: their place, and forms that only they may send."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from aiohttp import web

from gateway.lab.core.errors import Refusal
from gateway.lab.core.week import Templates, redirect

if TYPE_CHECKING:
    from gateway.lab.core.lab import Lab


class PeoplePages(ABC):
    """A week of each account of one provider, with small forms.

    Args:
        lab: the laboratory.
        folder: path below which each account has its page.
    """

    def __init__(self, lab: Lab, folder: str) -> None:
        self.lab = lab
        self.folder = folder
        self.page = Templates().page

    def people_routes(self) -> list[web.RouteDef]:
        """Return the routes of the accounts' pages."""
        return [
            web.get(f"{self.folder}/{{account}}", self.week),
            web.post(f"{self.folder}/{{account}}", self.change),
        ]

    def address(self, account: str, *, day: str = "") -> str:
        """Return the path of an account's page, at the week of a day where one is given."""
        return f"{self.folder}/{quote(account)}" + (f"?day={quote(day)}" if day else "")

    @abstractmethod
    async def week(self, request: web.Request) -> web.Response:
        """Show a week and a list of four."""

    @abstractmethod
    def act(self, account: str, form: dict[str, str]) -> None:
        """Do what a form says, as the person; raises Refusal, ValueError or KeyError."""

    async def change(self, request: web.Request) -> web.Response:
        """Add, edit or delete an event as the person."""
        origin = request.headers.get("Origin")
        if origin and urlsplit(origin).netloc != request.host:
            return self.page("error.html", status=403, code="403", text="This form belongs to another page.")
        account = request.match_info["account"]
        form = {name: str(value) for name, value in (await request.post()).items()}
        try:
            self.act(account, form)
        except (Refusal, ValueError, KeyError) as error:
            return self.page("error.html", status=400, code="400", text=str(error))
        self.lab.state.changed()
        return redirect(self.address(account, day=form.get("day", "")))

    def no_account(self) -> web.Response:
        """Return the page for an account that does not exist."""
        return self.page("error.html", status=404, code="404", text="There is no such account.")
