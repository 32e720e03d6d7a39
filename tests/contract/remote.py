"""What contract tests do with an account of any provider: open it, write an object, read everything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Protocol, TypeVar

from gateway.lab.app import Laboratory
from gateway.providers.addresses import AddressFilter
from gateway.providers.client import AccountClient, Budget, TokenKeeper, open_session
from gateway.providers.contract import (
    ObjectKey,
    Presentation,
    Put,
    RemoteAccount,
    Scope,
    SignedIn,
    SignedInClient,
    SignIn,
    Upsert,
    Window,
)

KEY = ObjectKey(instance_id="one", resource_uuid="room-1", uid="sample@example.org")
LOOK = Presentation(zone="Europe/Berlin", back_link="https://cal.example.org/o/1", color="#dc2020")
A = TypeVar("A")
A_co = TypeVar("A_co", covariant=True)


class Opens(Protocol[A_co]):
    """As much of a provider as ``opened`` needs."""

    @property
    def sign_in(self) -> SignIn: ...

    def hosts(self, config: Mapping[str, str]) -> frozenset[str]: ...

    def open(self, http: SignedInClient, config: Mapping[str, str]) -> A_co: ...


PATIENCE_S = 120.0  # with an answer, on a machine that has much else to do


@dataclass
class Signed(Generic[A]):
    """A signed-in account with everything a test may want to look into."""

    account: A
    http: AccountClient
    config: dict[str, str]
    keeper: TokenKeeper
    states: list[bytes] = field(default_factory=list)

    def wait(self, timeout_s: float) -> None:
        """Have so much patience with each answer from now on."""
        self.http._timeout_s = timeout_s


@asynccontextmanager
async def opened(
    provider: Opens[A],
    config: dict[str, str],
    signed: SignedIn,
    *,
    budget: Budget | None = None,
    timeout_s: float = PATIENCE_S,
) -> AsyncIterator[Signed[A]]:
    """Open an account; every stored state is kept in ``states``."""
    states = [signed.state]

    async def load() -> bytes:
        return states[-1]

    async def store(state: bytes) -> None:
        states.append(state)

    addresses = AddressFilter.from_config(config)
    keeper = TokenKeeper(provider.sign_in, config, load=load, store=store)
    async with open_session(addresses) as session:
        http = AccountClient(
            session,
            keeper,
            origins=provider.hosts(config),
            addresses=addresses,
            budget=budget,
            timeout_s=timeout_s,
            account_id=signed.account_id,
        )
        yield Signed(
            account=provider.open(http, config), http=http, config=config, keeper=keeper, states=states
        )


def requests_of(laboratory: Laboratory, operation: str = "") -> list[dict[str, Any]]:
    """Return the journal's entries of one operation, or of all."""
    entries: list[dict[str, Any]] = list(laboratory.lab.journal.entries)
    return [entry for entry in entries if not operation or entry["operation"] == operation]


async def put(
    account: RemoteAccount, calendar_id: str, ical: bytes, over: Upsert | None = None, **more: Any
) -> Upsert:
    """Write an object, in the place of ``over`` where that is given; ``more`` are fields of the write."""
    write = Put(
        key=more.pop("key", KEY),
        ical=ical,
        presentation=more.pop("look", LOOK),
        remote_id=over.remote_id if over else None,
        if_version=over.version if over else None,
        memo=over.memo if over else b"",
    )
    made = await account.push(calendar_id, replace(write, **more))
    assert isinstance(made, Upsert)
    return made


async def everything(
    account: RemoteAccount,
    calendar_id: str,
    cursor: str | None = None,
    *,
    window: Window | None = None,
    scope: Scope = Scope.OBJECTS,
) -> tuple[dict[str, Any], str]:
    """Return the items of a pull by remote id, and its cursor."""
    items: dict[str, Any] = {}
    last = ""
    async for page in account.pull(calendar_id, cursor=cursor, window=window, scope=scope):
        items |= {item.remote_id: item for item in page.items}
        last = page.cursor or last
    return items, last


def ical(*lines: str) -> bytes:
    """Return one VEVENT of these lines, under the UID of ``KEY``."""
    head = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", "BEGIN:VEVENT"]
    body = [*head, f"UID:{KEY.uid}", "DTSTAMP:20260101T000000Z", *lines, "END:VEVENT"]
    return "\r\n".join([*body, "END:VCALENDAR", ""]).encode()
