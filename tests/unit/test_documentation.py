"""The documentation tells the truth: its generated parts equal the code.

Run as a program with --write to bring docs/settings.md, docs/cli.md and docs/compliance.md up to date
(`make docs`).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from gateway.cli.main import app
from gateway.cli.settings_table import markdown
from gateway.settings import Settings
from tests.compliance import tables

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = ROOT / "docs" / "settings.md"
CLI = ROOT / "docs" / "cli.md"
BEGIN, END = "<!-- generated: begin -->\n", "<!-- generated: end -->\n"
COMMON = {"--json", "--data", "--database-url", "--help", "-h"}


def commands(command: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command with its words."""
    command = command if command is not None else typer.main.get_command(app)
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, each in sorted(command.commands.items()):
        yield from commands(each, (*path, name))


def cli_markdown() -> str:
    """Return the generated part of docs/cli.md."""
    return "\n".join(_command(path, command) for path, command in commands())


def _command(path: tuple[str, ...], command: Any) -> str:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [
        each
        for each in command.params
        if each.param_type_name == "option" and not COMMON.intersection(each.opts)
    ]
    words = " ".join(["calgate", *path, *(each.metavar or each.name.upper() for each in arguments)])
    lines = [f"### `calgate {' '.join(path)}`", "", f"    {words}", "", command.help.strip(), ""]
    lines += [f"- `{each.metavar or each.name.upper()}`: {each.help}" for each in arguments]
    for each in options:
        names = ", ".join(f"`{name}`" for name in [*each.opts, *each.secondary_opts])
        needed = " Required." if each.required else ""
        lines.append(f"- {names}: {each.help}{needed}")
    return "\n".join(lines).rstrip() + "\n"


def generated_part(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    return text.partition(BEGIN)[2].partition(END)[0].strip()


def test_every_setting_is_documented_with_its_default_and_meaning() -> None:
    assert generated_part(SETTINGS) == markdown().strip(), "run `make docs`"


def test_every_command_is_documented_with_its_options() -> None:
    assert generated_part(CLI) == cli_markdown().strip(), "run `make docs`"


def test_the_tables_of_compliance_are_those_of_the_marked_tests() -> None:
    assert tables.TABLES.read_text(encoding="utf-8") == tables.markdown(), "run `make docs`"


def test_every_setting_has_a_sentence() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


@pytest.mark.parametrize(
    ("path", "command"), [pytest.param(path, each, id=" ".join(path)) for path, each in commands()]
)
def test_every_command_has_help_and_json(path: tuple[str, ...], command: Any) -> None:
    names = {name for each in command.params for name in each.opts}
    assert {"--json", "--data", "--database-url"} <= names
    assert command.help
    for each in command.params:
        assert each.help or each.name == "help", each.name


def documented_commands() -> Iterator[tuple[str, str]]:
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for line in path.read_text(encoding="utf-8").splitlines():
            yield from ((path.name, found) for found in re.findall(r"(?:^ {4}|`)calgate ([a-z][^`#]*)", line))


def test_every_command_in_the_documentation_exists() -> None:
    known = {path for path, _ in commands()} | {path[:1] for path, _ in commands()}
    for place, line in documented_commands():
        words = tuple(line.split())
        assert words[:2] in known or words[:1] in known, f"{place}: calgate {line}"


def write() -> None:
    for path, part in ((SETTINGS, markdown()), (CLI, cli_markdown())):
        text = path.read_text(encoding="utf-8")
        head, _, rest = text.partition(BEGIN)
        tail = rest.partition(END)[2]
        path.write_text(f"{head}{BEGIN}{part.strip()}\n{END}{tail}", encoding="utf-8")
    tables.TABLES.write_text(tables.markdown(), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python tests/unit/test_documentation.py --write")
    write()
