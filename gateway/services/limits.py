"""The limits that every write obeys, taken once from the settings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from gateway.domain.model import Window
from gateway.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of what is stored and how far it is looked at."""

    max_object_bytes: int = 1024 * 1024
    max_instances: int = 5000
    index_past: timedelta = timedelta(days=366)
    index_future: timedelta = timedelta(days=731)
    booking_window: timedelta = timedelta(days=731)
    hold: timedelta = timedelta(days=1)
    hold_category: str | None = None
    block_category: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """Read the limits from the settings."""
        return cls(
            max_object_bytes=settings.max_object_bytes,
            max_instances=settings.max_instances,
            index_past=timedelta(days=settings.index_past_days),
            index_future=timedelta(days=settings.index_future_days),
            booking_window=timedelta(days=settings.booking_window_days),
            hold=timedelta(seconds=settings.hold_s),
            hold_category=settings.hold_category,
            block_category=settings.block_category,
        )

    def horizon(self, now: datetime) -> Window:
        """Return the span that the occurrence index should cover on the UTC day of ``now``."""
        midnight = datetime.combine(now.date(), time.min, tzinfo=now.tzinfo)
        return Window(start=midnight - self.index_past, end=midnight + self.index_future)
