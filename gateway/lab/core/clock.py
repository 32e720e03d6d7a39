"""The laboratory's clock, which tests move. What has an age asks it; the back-off of webhooks does not."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """Real time plus an offset, or a frozen instant; a per-call skew lies on top (fault ``clock_skew``)."""

    def __init__(self) -> None:
        self.offset_s = 0.0
        self.frozen_s: float | None = None
        self.skew_s = 0.0

    def true_s(self) -> float:
        """Return the laboratory's time without skew, in seconds since the epoch."""
        return self.frozen_s if self.frozen_s is not None else time.time() + self.offset_s

    def seconds(self) -> float:
        """Return the time the provider shows, in seconds since the epoch, skew included."""
        return self.true_s() + self.skew_s

    def now(self) -> datetime:
        """Return the time the provider shows, as an aware UTC instant."""
        return datetime.fromtimestamp(self.seconds(), UTC)

    def advance(self, seconds: float) -> None:
        """Move the clock; backwards is allowed, as a badly kept server does it."""
        if self.frozen_s is not None:
            self.frozen_s += seconds
        else:
            self.offset_s += seconds

    def set(self, instant: datetime) -> None:
        """Set the clock to an aware instant and keep its state, running or frozen."""
        self.advance(instant.timestamp() - self.true_s())

    def freeze(self, *, frozen: bool) -> None:
        """Stop the clock where it is, or let it run on from there."""
        current = self.true_s()
        self.frozen_s = current if frozen else None
        self.offset_s = current - time.time()


def rfc3339(instant: datetime) -> str:
    """Render an instant as Google does: UTC, milliseconds, ``Z``."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def http_date(instant: datetime) -> str:
    """Render an instant as an HTTP date (RFC 9110 §5.6.7)."""
    return instant.astimezone(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
