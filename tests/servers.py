"""A real Calgate server in a process of its own, for tests that need one."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from tests.forks import Fork

ROOT = Path(__file__).resolve().parent.parent
_ADDRESS = re.compile(r"running at (http://\S+)")
_START_S = 60


class Server:
    """``python -m gateway serve`` on a free port of this machine.

    Args:
        environment: the whole environment, with ``CALGATE_DATA`` and what else the server needs.
        arguments: further flags of ``serve``.
        anew: with an interpreter of its own, where memory or time is measured.
    """

    def __init__(self, environment: Mapping[str, str], *arguments: str, anew: bool = False) -> None:
        self._environment = dict(environment)
        self._arguments = arguments
        self._anew = anew
        self._out: IO[bytes] | None = None
        self.process: subprocess.Popen[bytes] | Fork | None = None
        self.url = ""
        self.output = ""
        self.log = ""

    def start(self) -> Self:
        """Start it and wait until it has printed its address."""
        out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - read while it runs
        self._out, self._err = out, err
        self.process = self._started(["serve", "--port", "0", *self._arguments], out.fileno(), err.fileno())
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            self._read()
            if found := _ADDRESS.search(self.output):
                self.url = found[1]
                return self
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        self.kill()
        raise AssertionError(f"the server did not start:\n{self.output}\n{self.log}")

    def _started(self, words: list[str], out: int, err: int) -> subprocess.Popen[bytes] | Fork:
        environment = {"CALGATE_PORT": "0", **self._environment}
        with Path(os.devnull).open("rb") as nothing:
            if not self._anew:
                return Fork(words, environment, [nothing.fileno(), out, err])
            command = [sys.executable, "-m", "gateway", *words]
            return subprocess.Popen(command, stdin=nothing, stdout=out, stderr=err, cwd=ROOT, env=environment)

    def _read(self) -> None:
        for stream, name in ((self._out, "output"), (self._err, "log")):
            if stream is not None:
                size = os.fstat(stream.fileno()).st_size
                setattr(self, name, os.pread(stream.fileno(), size, 0).decode(errors="replace"))

    def stop(self) -> int:
        """End it as an operator would and return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(timeout=30)
        self._read()
        return code

    def kill(self) -> None:
        """End it with kill -9, at once."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._read()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop()
        self._read()
