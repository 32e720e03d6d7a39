"""The command's own parts: what it loads at its start, and how it asks for passwords."""

from __future__ import annotations

import getpass
import subprocess
import sys
from collections.abc import Iterator

import pytest

from gateway.cli import command, operate, person
from gateway.domain import errors
from gateway.domain.errors import GatewayError
from tests.conftest import ROOT

HEAVY = ("sqlalchemy", "alembic", "pydantic", "icalendar", "aiohttp", "cryptography", "argon2", "rich.table")


def test_help_loads_nothing_heavy() -> None:
    code = f"import gateway.cli.main, sys; print([name for name in {HEAVY} if name in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=ROOT, text=True, check=True)
    assert ended.stdout.strip() == "[]"


class Terminal:
    def isatty(self) -> bool:
        return True


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the person at the terminal types, answer by answer."""
    answers: list[str] = []

    def answer(_prompt: str) -> str:
        return answers.pop(0)

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(getpass, "getpass", answer)
    return answers


def test_a_password_is_asked_for_twice(typed: list[str]) -> None:
    typed += ["correct horse", "correct horse"]
    assert person._ask_twice() == "correct horse"
    typed += ["correct horse", "correct house"]
    with pytest.raises(GatewayError, match="differ"):
        person._ask_twice()


def test_a_passphrase_comes_from_the_environment_or_the_terminal(
    typed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    typed += ["one", "one", "two", "three", "four"]
    assert operate._passphrase(twice=True) == "one"
    with pytest.raises(GatewayError, match="differ"):
        operate._passphrase(twice=True)
    assert operate._passphrase(twice=False) == "four"
    monkeypatch.setenv("CALGATE_BACKUP_PASSPHRASE", "from the environment")
    assert operate._passphrase(twice=True) == "from the environment"


def every_error(kind: type[GatewayError] = GatewayError) -> Iterator[type[GatewayError]]:
    for each in kind.__subclasses__():
        yield each
        yield from every_error(each)


def test_every_error_has_a_code_of_its_own_that_scripts_can_compare() -> None:
    kinds = {each for each in every_error() if each.__module__ == errors.__name__}
    codes = {command.code_of(each.__new__(each)) for each in kinds}
    assert len(codes) == len(kinds)
    assert all(code.replace("-", "").isalpha() and code.islower() for code in codes)
    assert "uid-conflict" in codes
