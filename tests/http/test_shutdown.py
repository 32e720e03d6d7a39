"""What a server has begun beside its requests is done before its database is closed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from aiohttp import web

from gateway import app
from gateway.http.sign_in import Recognised, SignIn
from gateway.services import principals
from gateway.settings import Settings
from gateway.store.database import Database
from tests.conftest import NOW


class Slow:
    """The database behind a write that takes many turns of the event loop."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    async def awrite(self, *args: Any, **kwargs: Any) -> Any:
        for _ in range(50):
            await asyncio.sleep(0)
        return await self._db.awrite(*args, **kwargs)


def test_the_last_use_of_an_app_password_is_written_down_at_shutdown(db: Database, tmp_path: Path) -> None:
    person = db.write(principals.add, "ada", name="Ada", now=NOW)
    _, secret = db.write(principals.new_app_password, "ada", "phone", NOW)
    slow: Any = Slow(db)
    made = app.build(slow, Settings(data=tmp_path), clock=lambda: NOW)
    deps: Any = next(each.keywords["deps"] for each in made.on_cleanup if hasattr(each, "keywords"))
    sign_in: SignIn = deps.sign_in

    async def serve() -> None:
        runner = web.AppRunner(made)
        await runner.setup()
        sign_in.accepted(Recognised(person, secret))
        await runner.cleanup()

    asyncio.run(serve())
    (known,) = db.read(principals.list_app_passwords, "ada")
    assert known.last_used_at_utc == NOW
