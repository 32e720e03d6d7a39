"""The laboratory as a program of its own beside a demo server: started, found, ended."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_ADDRESS = re.compile(r"(https?://\S+?)/lab/")


def command(*arguments: str) -> list[str]:
    """Return the command line of the laboratory."""
    return [sys.executable, "-m", "gateway.lab", *arguments]


def _kept(state: Path) -> list[str]:
    return ["--state", str(state), "--while-stdin-open"]


@contextmanager
def running(*, port: int, state: Path, accounts: Sequence[str]) -> Iterator[str | None]:
    """Run the laboratory with every provider while the block lasts; yields the address, None if none came.

    Args:
        port: to listen on; 0 takes a free one.
        state: the file that keeps its calendars.
        accounts: ``EMAIL@@ZONE`` of the people who have one at each.
    """
    named = [part for account in accounts for part in ("--account", account)]
    process = subprocess.Popen(  # noqa: S603 - our own program with our own words
        # The pipe closes with this process, however it ends, so that no laboratory is left behind.
        command("--google", "--microsoft", "--caldav", "--port", str(port), *_kept(state), *named),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        # It says its address in its first line, or ends and has said on standard error why.
        line = process.stdout.readline() if process.stdout is not None else ""
        found = _ADDRESS.search(line)
        yield found[1] if found else None
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
