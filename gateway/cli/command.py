"""What every command has: settings, an open database, ``--json``, and errors in one sentence.

@command(app, "add")
def add(op: Operator, slug: Annotated[str, typer.Argument()]) -> None:
    with op.database() as db:
        ...
    op.show({"slug": slug}, f"Added {slug}.")
"""

from __future__ import annotations

import functools
import inspect
import json
import os
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.domain.errors import GatewayError

if TYPE_CHECKING:
    from pydantic import ValidationError

    from gateway.services import Database
    from gateway.services.limits import Limits
    from gateway.settings import Settings

REFUSED = 1
USAGE = 2
ACTOR = "operator"

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object or list and nothing else.")]
Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Data directory, instead of CALGATE_DATA.")
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option("--database-url", metavar="URL", help="PostgreSQL, instead of CALGATE_DATABASE_URL."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """What one command works with."""

    flags: Mapping[str, Any]  # Any: settings given as flags, checked by Settings
    is_json: bool

    @property
    def now(self) -> datetime:
        """Return the current instant as aware UTC."""
        return datetime.now(UTC)

    def settings(self, **more: Any) -> Settings:  # Any: settings given as flags
        """Read the settings; bad ones end the command as a usage error."""
        from pydantic import ValidationError

        from gateway.settings import load_settings

        config = os.environ.get("CALGATE_CONFIG")
        if config and not Path(config).is_file():
            raise BadSettings(f"CALGATE_CONFIG: there is no file {config}.")
        try:
            return load_settings(**{**self.flags, **more})
        except ValidationError as error:
            raise BadSettings(_sentence(error)) from None
        except tomllib.TOMLDecodeError as error:
            raise BadSettings(f"CALGATE_CONFIG: {config} is no TOML file: {error}.") from None

    @contextmanager
    def database(self) -> Iterator[Database]:
        """Open the database of the settings, ready to use; logs go to standard error, warnings and worse."""
        from gateway import logs
        from gateway.services import startup

        settings = self.settings()
        level = "debug" if settings.log_level == "debug" else "warning"
        logs.configure(level=level, log_format=settings.log_format)
        db = startup.open_database(settings)
        try:
            startup.ready_for_command(db, settings, now=self.now)
            yield db
        finally:
            db.close()

    def limits(self) -> Limits:
        """Return the limits of the settings."""
        from gateway.services.limits import Limits

        return Limits.of(self.settings())

    def show(self, value: object, text: str | Callable[[], None] = "") -> None:
        """Print ``value`` as JSON, or else the text for people (a string, or what prints it)."""
        if self.is_json:
            sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=_plain) + "\n")
        elif callable(text):
            text()
        elif text:
            typer.echo(text)

    def table(self, rows: Sequence[Mapping[str, object]], columns: Sequence[str], *, empty: str) -> None:
        """Print rows as a JSON list, or else as a table of the named columns."""
        self.show(list(rows), lambda: _print_table(rows, columns, empty=empty))


_TOO_LARGE = 2**31
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class BadSettings(Exception):
    """A setting cannot have this value; the message says which and why."""


def _sentence(error: ValidationError) -> str:
    """Return the first finding as a sentence without the value, which may be a secret."""
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"]) or "settings"
    if first["type"] == "extra_forbidden":
        return f"There is no setting {name!r}; docs/settings.md lists them all."
    reason = re.sub(r"^Value error, ", "", first["msg"])
    return f"CALGATE_{name.upper()}: {reason}."


def command(
    app: typer.Typer, name: str, **options: Any
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function whose first parameter is the ``Operator`` as a command."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        names = {parameter.name for parameter in own}
        added = [
            inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
            for key, kind, default in (
                ("as_json", Json, False),
                ("data", Data, None),
                ("database_url", DatabaseUrl, None),
            )
            if key not in names
        ]

        @functools.wraps(function)
        def run(*, as_json: bool, data: Path | None, database_url: str | None, **arguments: Any) -> None:
            flags = {"data": data, "database_url": database_url}
            operator = Operator(flags=flags, is_json=as_json)
            try:
                _refuse_huge(arguments)
                function(operator, **arguments)
            except BadSettings as error:
                raise typer.Exit(
                    report(str(error), code="settings", is_json=as_json, exit_code=USAGE)
                ) from None
            except GatewayError as error:
                raise typer.Exit(report(str(error), code=code_of(error), is_json=as_json)) from None

        by_keyword = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own]
        run.__signature__ = inspect.Signature([*by_keyword, *added])  # type: ignore[attr-defined] # read by typer
        run.__annotations__ = {each.name: each.annotation for each in [*by_keyword, *added]}
        app.command(name, **options)(run)
        return function

    return register


def _refuse_huge(arguments: Mapping[str, Any]) -> None:
    """Refuse numbers that no database holds.

    Raises:
        GatewayError: the sentence names the argument.
    """
    for name, value in arguments.items():
        if isinstance(value, int) and abs(value) >= _TOO_LARGE:
            raise refuse(f"{name.replace('_', '-')} cannot be that large a number.")


def report(message: str, *, code: str, is_json: bool, exit_code: int = REFUSED) -> int:
    """Say what was refused on stderr, and on stdout as JSON where that was asked for."""
    typer.echo(f"calgate: {message}", err=True)
    if is_json:
        sys.stdout.write(json.dumps({"error": {"code": code, "message": message}}) + "\n")
    return exit_code


def code_of(error: GatewayError) -> str:
    """Return the name of an error as scripts compare it: ``NotFound`` becomes ``not-found``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(error).__name__).lower()


def refuse(message: str) -> GatewayError:
    """Return an error that ends the command with exit code 1 and this sentence."""
    return GatewayError(message)


def group(name: str, help_: str) -> typer.Typer:
    """Return an empty command group."""
    return typer.Typer(name=name, help=help_, no_args_is_help=True)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return str(value)


def _print_table(rows: Sequence[Mapping[str, object]], columns: Sequence[str], *, empty: str) -> None:
    if not rows:
        typer.echo(empty)
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        is_name = column in {"id", "state"}  # cut in two they are no use to anybody
        table.add_column(column.replace("_", " "), overflow="fold", no_wrap=is_name)
    for row in rows:
        # Text, not str: names of people and rooms are not markup.
        table.add_row(*(Text(_cell(row.get(column))) for column in columns))
    Console(soft_wrap=False).print(table)


def _cell(value: object) -> str:
    if isinstance(value, str) and _UUID.fullmatch(value):
        return value[:8]  # enough for every command; --json has it whole
    if value is None or value is False:
        return ""
    if value is True:
        return "yes"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(_plain(value)) if isinstance(value, datetime) else str(value)
