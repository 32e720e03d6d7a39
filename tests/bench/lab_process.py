"""The laboratory as a process of its own, and what its journal says of the time at which a write arrived."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
import psutil

from tests.conftest import ROOT
from tests.contract.lab.lab_client import LabClient

R = TypeVar("R")
_ADDRESS = re.compile(r"(http://[^/\s]+)/lab/")
_START_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class LabProcess:
    """A running laboratory: its address, and its process."""

    base: str
    process: subprocess.Popen[bytes]

    def control(self, verb: str, path: str, **body: Any) -> Any:
        """Call the control API."""
        request = urllib.request.Request(
            f"{self.base}/lab/{path}",
            method=verb,
            data=json.dumps(body).encode() if body else None,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def cpu_s(self) -> float:
        """Return the processor time that it has used."""
        return cpu_s(self.process.pid)

    def client(self, work: Callable[[LabClient], Awaitable[R]]) -> R:
        """Run something with a client of the laboratory."""

        async def whole() -> R:
            async with aiohttp.ClientSession() as session:
                return await work(LabClient(self.base, session))

        return asyncio.run(whole())


@contextmanager
def lab_process(*arguments: str, **switches: float | bool) -> Iterator[LabProcess]:
    """Start a laboratory; ``switches`` as ``--set`` takes them."""
    sets = [part for name, value in switches.items() for part in ("--set", f"{name}={json.dumps(value)}")]
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway.lab", *arguments, *sets], stdout=out, stderr=out, cwd=ROOT
        )
        try:
            yield LabProcess(base=_address(process, out), process=process)
        finally:
            process.terminate()
            process.wait(timeout=60)


def _address(process: subprocess.Popen[bytes], out: Any) -> str:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        out.seek(0)
        if found := _ADDRESS.search(out.read().decode(errors="replace")):
            return found[1]
        time.sleep(0.05)
    out.seek(0)
    raise RuntimeError(f"the laboratory did not start: {out.read().decode(errors='replace')}")


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has used; no other process makes it more."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
