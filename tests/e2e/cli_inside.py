"""Commands in this process: as the command line reads them, without the start of an interpreter for each."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from typer.testing import CliRunner

from gateway.cli.main import app
from tests.conftest import Cli


async def run(cli: Cli, *arguments: str, fails: bool = False) -> Any:
    """Run a command and return what it printed as JSON; ``fails``: it must end with an error."""
    environment: dict[str, str | None] = {"CALGATE_DATA": str(cli.data), **cli.environment}
    ended = await asyncio.to_thread(
        CliRunner().invoke, app, [*arguments, "--json"], env=environment, catch_exceptions=False
    )
    assert (ended.exit_code != 0) is fails, ended.output
    return json.loads(ended.stdout)
