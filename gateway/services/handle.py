"""What a plug-in inside a host such as Radicale is given: the database and what goes with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from gateway.services.limits import Limits
from gateway.settings import Settings
from gateway.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Handle:
    """The things of one instance; ``clock`` returns the current instant as aware UTC."""

    db: Database
    settings: Settings
    limits: Limits
    clock: Callable[[], datetime]
