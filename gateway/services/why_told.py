"""The form in which `why` tells about one face of an object."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """One place where an object may be seen.

    Attributes:
        face: ``here``, ``link`` or ``feed``.
        is_there: as far as this instance knows; None where it does not (a write whose end was never learnt).
        facts: what the sentences were made from, for programs.
    """

    face: str
    name: str
    is_there: bool | None
    sentences: tuple[str, ...]
    facts: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it as commands show it."""
        return {
            "face": self.face,
            "name": self.name,
            "is_there": self.is_there,
            "sentences": list(self.sentences),
            "facts": self.facts,
        }


def instant(moment: datetime) -> str:
    """Return an instant as sentences name it."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
