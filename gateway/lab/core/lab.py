"""The laboratory object: everything that rooms, faults and the control API share."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from gateway.lab.core.clock import Clock
from gateway.lab.core.fault_kinds import generic_kinds
from gateway.lab.core.faults import FaultBook
from gateway.lab.core.identity import Account, Identity
from gateway.lab.core.journal import Journal
from gateway.lab.core.outbox import Outbox
from gateway.lab.core.quota import Buckets
from gateway.lab.core.recurrence import Engine
from gateway.lab.core.settings import Settings
from gateway.lab.core.state import Part, State
from gateway.lab.core.tokens import Tokens
from gateway.lab.core.webhooks import Deliverer

NAME = "calgate-lab"
HEADER = "X-Simulator"
HEADER_VALUE = "Calgate laboratory: a simulator, not the real service"


class Lab:
    """One running laboratory."""

    def __init__(self, *, state_file: Path | None = None, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.clock = Clock()
        self.journal = Journal()
        self.faults = FaultBook()
        self.faults.register(*generic_kinds())
        self.outbox = Outbox()
        self.buckets = Buckets()
        self.engine = Engine()
        self.random = random.Random(20261030)  # noqa: S311 - must repeat
        self.state = State(state_file)
        self._identity = Part(Identity)
        self._tokens = Part(Tokens)
        self.state.parts |= {"identity": self._identity, "tokens": self._tokens}
        self.webhooks = Deliverer(self.settings, self.faults)
        self.on_reset: list[Callable[[], None]] = []
        """What providers remember outside the state and forget at a reset."""
        self.base_url = "http://127.0.0.1"
        """Where the laboratory listens; known after its start."""

    @property
    def identity(self) -> Identity:
        """Accounts and clients."""
        return self._identity.now

    @property
    def tokens(self) -> Tokens:
        """Everything issued."""
        return self._tokens.now

    def account(self, email: str) -> Account:
        """Return an account; raises KeyError with a sentence."""
        try:
            return self.identity.accounts[email]
        except KeyError:
            raise KeyError(f"No account {email}; POST /lab/accounts makes one.") from None
