"""Things with a past: a list may lag behind, and a delta compares two numbers."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar


class Dated(Protocol):
    """One state of a thing: since when, and by which change of its calendar."""

    at_s: float
    seq: int


V = TypeVar("V", bound=Dated)


class Versioned(Generic[V]):
    """What has ``versions``, the latest last; the oldest ones are forgotten."""

    __slots__ = ()
    versions: list[V]

    @property
    def now(self) -> V:
        """The latest version."""
        return self.versions[-1]

    def as_of(self, *, at_s: float | None = None, seq: int | None = None) -> V | None:
        """Return the version current at a time or number; None when there was none or it is forgotten."""
        for version in reversed(self.versions):
            if (at_s is None or version.at_s <= at_s) and (seq is None or version.seq <= seq):
                return version
        return None
