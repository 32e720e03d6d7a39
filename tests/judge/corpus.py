"""Where the calendar files are that the tests judge: the corpus, or our own where it is absent."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORPUS_SIZE = 277


def corpus_dir() -> Path:
    """Return ``CALGATE_CORPUS``, or its default beside the repository."""
    return Path(os.environ.get("CALGATE_CORPUS") or ROOT.parent / "shared" / "corpus")


def calendar_files() -> tuple[Path, list[Path]]:
    """Return (base directory, files): the corpus where it is, else ``tests/data``."""
    for base in (corpus_dir(), ROOT / "tests" / "data"):
        files = sorted(base.rglob("*.ics"))
        if files:
            return base, files
    raise FileNotFoundError("there are no calendar files in tests/data")
