"""The example of docs/write-a-provider.md passes the acceptance test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from docs.examples.folder_provider import FolderAccount, FolderProvider
from gateway.providers.contract import Provider, RemoteAccount
from gateway.providers.errors import CalendarMissing, SignInRefused
from gateway.providers.testing import ProviderContract


class TestFolder(ProviderContract):
    @pytest.fixture
    def provider(self) -> Provider:
        return FolderProvider()

    @pytest.fixture
    def config(self, tmp_path: Path) -> Mapping[str, str]:
        return {"folder": str(tmp_path), "word": "open sesame"}

    @pytest.fixture
    def account(self, config: Mapping[str, str]) -> RemoteAccount:
        return FolderAccount(Path(config["folder"]))

    @pytest.fixture
    def calendar_id(self, tmp_path: Path) -> str:
        (tmp_path / "room").mkdir()
        return "room"


@pytest.mark.parametrize("name", ["..", ".", "", "/", "a/b", "../room"])
async def test_a_name_from_outside_is_never_a_path(tmp_path: Path, name: str) -> None:
    (tmp_path / "room").mkdir()
    with pytest.raises(CalendarMissing):
        await FolderAccount(tmp_path / "room").calendar(name)


def test_a_wrong_word_connects_nothing(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    config = {"folder": str(tmp_path), "word": "open sesame"}
    with pytest.raises(SignInRefused):
        FolderProvider().sign_in.complete(config, b"", {"word": "please"}, now=datetime.now(UTC))
