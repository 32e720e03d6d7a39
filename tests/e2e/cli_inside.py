"""Commands in this process: as the command line reads them, without the start of an interpreter for each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from unittest import mock

import structlog
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.services import principals, startup
from gateway.settings import Settings
from gateway.sync.engine import open_engine
from tests.conftest import Cli
from tests.contract.lab.lab_client import ADA, REDIRECT, LabClient, query_of


@contextmanager
def _quiet() -> Iterator[None]:
    """Drop logs: a command would set logging up for this whole process and every test that comes after it."""

    def drop(*_: Any) -> Any:
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[drop], cache_logger_on_first_use=False)
    try:
        with mock.patch("gateway.logs.configure"):
            yield
    finally:
        structlog.configure(**before)


async def run(cli: Cli, *arguments: str, fails: bool = False) -> Any:
    """Run a command and return what it printed as JSON; ``fails``: it must end with an error."""
    environment: dict[str, str | None] = {"CALGATE_DATA": str(cli.data), **cli.environment}
    with _quiet():
        ended = await asyncio.to_thread(
            CliRunner().invoke, app, [*arguments, "--json"], env=environment, catch_exceptions=False
        )
    assert (ended.exit_code != 0) is fails, ended.output
    return json.loads(ended.stdout)


async def connect(cli: Cli, lab: LabClient, account: str = ADA) -> Any:
    """Connect a person's account through the consent page, as `account connect` does, without its process."""
    settings = Settings(data=cli.data)
    db = startup.open_database(settings)
    try:
        sealer = startup.ready_database(db, settings, now=datetime.now(UTC))
        engine = open_engine(db, settings, sealer, clock=lambda: datetime.now(UTC), environ=cli.environment)
        async with engine as opened:
            challenge = await opened.connector.begin(
                "google",
                principal_id=db.read(principals.get, "ada").id,
                redirect_uri=REDIRECT,
                accepts_terms=True,
            )
            back = await lab.approve(challenge.url or "", account=account)
            made = await opened.connector.complete(query_of(back), actor="test")
        return {"id": made.uuid}
    finally:
        db.close()
