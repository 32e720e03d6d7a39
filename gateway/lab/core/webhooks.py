"""Delivery of webhooks: tasks of their own, retried on server errors, with faults of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import aiohttp

from gateway.lab.core.calls import Call

if TYPE_CHECKING:
    from gateway.lab.core.faults import FaultBook, Fired
    from gateway.lab.core.settings import Settings

RETRIED = frozenset({500, 502, 503, 504})
HUGE_BYTES = 5_000_000


@dataclass(slots=True, kw_only=True)
class Message:
    """One webhook before it is sent."""

    door: str
    account: str
    channel: str
    address: str
    headers: dict[str, str]
    body: bytes = b""
    forged: Callable[[str], dict[str, str]] | None = None
    """Makes the headers of a forgery: wrong_token, unknown_channel or expired_channel."""
    forged_body: Callable[[str], bytes] | None = None
    """Makes the body of a forgery, for providers that say in the body who they are."""
    silence: Callable[[], None] | None = None
    """Removes the channel without a word."""
    state: str = ""
    """What the message says, for the record of deliveries."""
    insist: bool = False
    """Repeat after anything but 2xx, not only after server errors."""
    done: Callable[[str, float], None] | None = None
    """Told the last outcome and how many seconds the receiver took."""


@dataclass(slots=True)
class Deliverer:
    """Sends messages and remembers what became of them."""

    settings: Settings
    faults: FaultBook
    sent: list[dict[str, Any]] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _session: aiohttp.ClientSession | None = None
    _held: list[Message] = field(default_factory=list)

    def post(self, message: Message) -> None:
        """Queue a message; faults may double, delay, lose or spoil it."""
        call = Call(
            door=message.door,
            verb="POST",
            path=message.address,
            query={},
            headers={},
            raw=b"",
            operation="webhook",
            account=message.account,
        )
        fired = self.faults.pick(call, "webhook")
        for held in self._held:
            self._start(held, 0.05)
        self._held.clear()
        if fired is None:
            self._start(message)
        else:
            self._spoil(message, fired)

    def _spoil(self, message: Message, fired: Fired) -> None:
        self.faults.fired[fired.kind.name] += 1
        delay_s = float(fired.params.get("seconds", 1.0))
        match fired.kind.name.removeprefix("webhook_"):
            case "lost":
                self._note(message, "lost", 0)
            case "doubled":
                self._start(message)
                self._start(message)
            case "reordered":
                self._held.append(message)
                asyncio.get_running_loop().call_later(delay_s, self._release)
            case "delayed":
                self._start(message, delay_s)
            case "huge":
                self._start(replace(message, body=b"x" * HUGE_BYTES))
            case "not_json":
                self._start(replace(message, body=b"\xff<html>{not json"))
            case "channel_gone":
                if message.silence is not None:
                    message.silence()
                self._note(message, "channel removed silently", 0)
            case forgery:
                self._forge(message, forgery)

    def _forge(self, message: Message, forgery: str) -> None:
        if message.forged is not None:
            self._start(replace(message, headers=message.forged(forgery), done=None))
        if message.forged_body is not None:
            self._start(replace(message, body=message.forged_body(forgery), done=None))
        self._start(message)

    def _release(self) -> None:
        held, self._held = self._held, []
        for message in held:
            self._start(message)

    def _start(self, message: Message, delay_s: float = 0.0) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(message, delay_s))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _note(self, message: Message, outcome: str, tries: int) -> None:
        self.sent.append(
            {
                "channel": message.channel,
                "address": message.address,
                "outcome": outcome,
                "tries": tries,
                "state": message.state,
            }
        )
        del self.sent[:-5000]

    async def _deliver(self, message: Message, delay_s: float) -> None:
        settings = self.settings
        await asyncio.sleep(delay_s)
        outcome, took_s = "not delivered", 0.0
        loop = asyncio.get_running_loop()
        for number in range(1, settings.webhook_tries + 1):
            began_s = loop.time()
            try:
                async with self.client().post(
                    message.address,
                    data=message.body,
                    headers=message.headers,
                    timeout=aiohttp.ClientTimeout(total=settings.webhook_timeout_s),
                    allow_redirects=False,
                    ssl=False,
                ) as answer:
                    outcome = str(answer.status)
                    fine = 200 <= answer.status < 300
                    retry = not fine if message.insist else answer.status in RETRIED
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                outcome, retry = type(error).__name__, message.insist
            took_s = loop.time() - began_s
            if not retry or number == settings.webhook_tries:
                break
            await asyncio.sleep(settings.webhook_backoff_s * 2 ** (number - 1))
        self._note(message, outcome, number)
        if message.done is not None:
            message.done(outcome, took_s)

    def client(self) -> aiohttp.ClientSession:
        """Return the session that everything outgoing shares."""
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession()
        return self._session

    def later(self, delay_s: float, act: Callable[[], None]) -> None:
        """Do something after a pause that ``idle`` waits for."""

        async def pause() -> None:
            await asyncio.sleep(delay_s)
            act()

        task = asyncio.get_running_loop().create_task(pause())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def idle(self) -> None:
        """Wait until every queued message has been delivered or given up."""
        while self._tasks:
            await asyncio.gather(*list(self._tasks), return_exceptions=True)

    async def close(self) -> None:
        """Drop what is under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
