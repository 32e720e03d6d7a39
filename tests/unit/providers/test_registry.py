"""Which plug-ins are taken, and why not the others."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from gateway.providers.errors import Misconfigured
from gateway.providers.registry import GROUP, configuration, load_providers
from plugins.google.provider import GoogleProvider


class Foreign(GoogleProvider):
    name = "foreign"


class OldMajor(Foreign):
    contract = (0, 9)


class NewMajor(Foreign):
    contract = (2, 0)


class NewMinor(Foreign):
    contract = (1, 99)


class Mute(Foreign):
    contract: Any = "one"


class Crashing:
    def __init__(self) -> None:
        raise RuntimeError("a stranger's bug")


class Poor:
    name = "foreign"
    contract = (1, 0)


def entry(kind: type, name: str = "foreign") -> EntryPoint:
    return EntryPoint(name=name, value=f"{__name__}:{kind.__name__}", group=GROUP)


@pytest.fixture(autouse=True)
def _loadable(monkeypatch: pytest.MonkeyPatch) -> None:
    # Test modules are not importable by name under importlib mode.
    monkeypatch.setattr(EntryPoint, "load", lambda self: globals()[self.value.rpartition(":")[2]])


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (OldMajor, "update the plug-in"),
        (NewMajor, "update the gateway"),
        (NewMinor, "update the gateway"),
        (Mute, "does not say"),
        (Crashing, "RuntimeError"),
        (Poor, "sign_in"),
    ],
)
def test_a_plugin_that_does_not_fit_is_refused_with_a_reason(kind: type, words: str) -> None:
    registry = load_providers([entry(kind), entry(GoogleProvider, "google")])
    assert list(registry.providers) == ["google"]
    (refused,) = registry.refused
    assert words in refused.reason
    with pytest.raises(Misconfigured, match="cannot be used"):
        registry.provider("foreign")


def test_two_plugins_of_one_name_and_a_wrong_name_are_refused() -> None:
    registry = load_providers([entry(Foreign), entry(Foreign), entry(Foreign, "other")])
    assert list(registry.providers) == ["foreign"]
    assert len(registry.refused) == 2
    with pytest.raises(Misconfigured, match="foreign"):
        registry.provider("unknown")


def test_settings_come_from_the_environment_a_file_or_the_default(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hush\n", "utf-8")
    environ = {"CALGATE_GOOGLE_CLIENT_ID": "me", "CALGATE_GOOGLE_CLIENT_SECRET_FILE": str(secret)}
    config = configuration(GoogleProvider(), environ)
    assert (config["client_id"], config["client_secret"]) == ("me", "hush")
    assert config["api_base"].startswith("https://www.googleapis.com/")
    with pytest.raises(Misconfigured, match="CALGATE_GOOGLE_CLIENT_SECRET_FILE"):
        configuration(GoogleProvider(), {"CALGATE_GOOGLE_CLIENT_SECRET_FILE": str(tmp_path / "none")})
