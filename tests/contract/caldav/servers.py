"""CalDAV servers in processes of their own: Xandikos, and Calgate itself."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import Cli
from tests.ports import reserved_port
from tests.servers import Server


@contextmanager
def xandikos(folder: Path) -> Iterator[str]:
    """Start Xandikos with one person, who is called ``user``, on a free port; yields its address."""
    log = folder / "log"
    with reserved_port() as port, log.open("wb") as stream:
        process = subprocess.Popen(
            [
                sys.executable, "-m", "xandikos", "serve", "--defaults", "-d", str(folder / "data"),
                "-l", "127.0.0.1", "-p", str(port), "--state-dir", str(folder / "state"), "--no-detect-systemd",
            ],
            stdout=stream,
            stderr=stream,
            env={**os.environ, "HOME": str(folder)},
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"Xandikos did not start: {log.read_text()}") from None
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=60)


@dataclass(frozen=True)
class Neighbour:
    """Another Calgate, and how Ada signs in to it."""

    url: str
    login: str
    password: str


@contextmanager
def calgate(folder: Path) -> Iterator[Neighbour]:
    """Start a Calgate of its own with Ada, who makes her calendars herself."""
    cli = Cli(folder / "calgate")
    cli.json("person", "add", "ada", "--name", "Ada")
    password = cli.json("person", "app-password", "ada", "--label", "neighbour")["password"]
    with Server(cli.variables()) as server:
        yield Neighbour(server.url, "ada", password)
