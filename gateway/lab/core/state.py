"""The laboratory's memory: named parts that can be snapshot, restored, reset, and kept in a file."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")
SAVE_DELAY_S = 2.0


class Part(Generic[T]):
    """One dataclass of the state; its object is replaced on restore, so rooms read it through ``now``."""

    def __init__(self, kind: type[T]) -> None:
        self._adapter: TypeAdapter[T] = TypeAdapter(kind)
        self._kind = kind
        self.now: T = kind()

    def dump(self) -> Any:
        """Return the part as JSON values."""
        return self._adapter.dump_python(self.now, mode="json")

    def load(self, value: Any) -> None:
        """Replace the part; raises ValueError when the value does not fit."""
        self.now = self._adapter.validate_python(value)

    def reset(self) -> None:
        """Start empty."""
        self.now = self._kind()


class State:
    """All parts, their snapshots, and the file."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.parts: dict[str, Part[Any]] = {}
        self.snapshots: dict[str, Any] = {}
        self._due: asyncio.TimerHandle | None = None
        self._owns_file = False
        """Set once the file was read, or found missing: an unreadable one is never written over."""

    def dump(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {name: part.dump() for name, part in self.parts.items()}

    def load(self, value: dict[str, Any]) -> None:
        """Replace everything; parts that are missing start empty."""
        for name, part in self.parts.items():
            if name in value:
                part.load(value[name])
            else:
                part.reset()

    def reset(self) -> None:
        """Forget everything except snapshots."""
        for part in self.parts.values():
            part.reset()

    def read(self) -> bool:
        """Load the file if there is one; an unreadable file raises ValueError and is left as it is."""
        if self.path is None or not self.path.exists():
            self._owns_file = self.path is not None
            return False
        try:
            self.load(json.loads(self.path.read_text("utf-8")))
        except ValueError as error:
            raise ValueError(
                f"{self.path} is not a state of the laboratory; move it away or name another file."
            ) from error
        self._owns_file = True
        return True

    def save(self) -> None:
        """Write the file, atomically."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if self.path is None or not self._owns_file:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=self.path.name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump(self.dump(), stream)
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).replace(self.path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise

    def changed(self) -> None:
        """Write the file soon."""
        if self.path is not None and self._due is None:
            self._due = asyncio.get_running_loop().call_later(SAVE_DELAY_S, self.save)
