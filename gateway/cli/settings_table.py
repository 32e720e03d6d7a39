"""The settings as a table: each with its value, where it comes from, and what it means."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from gateway.settings import Settings


def rows(settings: Settings, flags: Mapping[str, Any]) -> list[dict[str, object]]:  # Any: values of flags
    """Return name, value and source of every setting; secrets are masked."""
    from_file = _file_keys()
    return [
        {
            "name": f"CALGATE_{name.upper()}",
            "value": _shown(getattr(settings, name)),
            "source": _source(name, flags, from_file),
        }
        for name in Settings.model_fields
    ]


def markdown() -> str:
    """Return the table of docs/settings.md; a test compares the two."""
    lines = ["| Setting | Default | Meaning |", "|---|---|---|"]
    for name, found in Settings.model_fields.items():
        lines.append(f"| `CALGATE_{name.upper()}` | {_default(found.default)} | {found.description} |")
    return "\n".join(lines) + "\n"


def _default(value: object) -> str:
    if value is None or value == ():
        return ""
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value}`"


def _source(name: str, flags: Mapping[str, Any], from_file: set[str]) -> str:
    if flags.get(name) is not None:
        return "flag"
    if os.environ.get(f"CALGATE_{name.upper()}"):
        return "environment"
    return "file" if name in from_file else "default"


def _file_keys() -> set[str]:
    path = os.environ.get("CALGATE_CONFIG")
    if not path or not Path(path).exists():
        return set()
    return set(tomllib.loads(Path(path).read_text(encoding="utf-8")))


def _shown(value: object) -> object:
    if isinstance(value, SecretStr):
        return "********"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value) if isinstance(value, Path) else value
