"""Workers on demand: the program is imported once, each worker is a fork of it, to be killed at will.

Run as ``python -m tests.e2e.nursery``: a line in starts a worker and is answered by its pid, then by ``ended``.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from tests.conftest import ROOT


class Nursery:
    """The test's end of it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.worker: int | None = None

    async def start(self) -> int:
        """Start a worker; return its pid."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        await self._process.stdin.drain()
        self.worker = int(await self._line())
        return self.worker

    async def ended(self) -> None:
        """Return when the worker is gone."""
        assert await self._line() == b"ended\n"
        self.worker = None

    async def _line(self) -> bytes:
        assert self._process.stdout is not None
        return await self._process.stdout.readline()


@asynccontextmanager
async def nursery(variables: Mapping[str, str]) -> AsyncIterator[Nursery]:
    """Open a nursery whose workers have this environment."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.e2e.nursery",
        cwd=ROOT, env=dict(variables), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    made = Nursery(process)
    try:
        yield made
    finally:
        if made.worker is not None:
            os.kill(made.worker, signal.SIGKILL)
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


def _serve() -> None:
    # Loaded here, so that no worker has to.
    import alembic.command
    import uvloop

    import gateway.app
    from gateway.cli.main import main
    from gateway.store import migrate
    from gateway.sync.engine import installed_providers

    assert installed_providers().providers
    assert all((alembic.command, uvloop, gateway.app, migrate))
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            nothing = os.open(os.devnull, os.O_RDWR)
            for number in (0, 1, 2):
                os.dup2(nothing, number)
            sys.argv = ["calgate", "worker"]
            main()
            os._exit(0)
        print(pid, flush=True)
        os.waitpid(pid, 0)
        print("ended", flush=True)


if __name__ == "__main__":
    _serve()
