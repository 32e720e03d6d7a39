"""What every door is given by the composition root; nothing here is global."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from gateway.http.metrics import Metrics
from gateway.http.sign_in import SignIn
from gateway.services import Database
from gateway.services.limits import Limits
from gateway.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Deps:
    """The things that doors share.

    ``clock`` returns the current instant as aware UTC; doors pass it on, nobody below fetches it.
    """

    db: Database
    settings: Settings
    limits: Limits
    clock: Callable[[], datetime]
    sign_in: SignIn
    metrics: Metrics
