"""Stock Radicale as its own server: files on disk, no sign-in, flushing as it does by default."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.ports import reserved_port

_CONFIG = """
[server]
hosts = 127.0.0.1:{port}
timeout = 600
[auth]
type = none
[storage]
filesystem_folder = {folder}
[logging]
level = error
"""


@contextmanager
def stock_radicale(folder: Path) -> Iterator[str]:
    """Start it on a free port; yields its address."""
    with reserved_port() as port:
        config = folder / "config"
        config.write_text(_CONFIG.format(port=port, folder=folder))
        process = subprocess.Popen(
            [sys.executable, "-m", "radicale", "--config", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=(folder / "log").open("wb"),
        )
        try:
            _wait(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=60)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("stock Radicale did not start")
