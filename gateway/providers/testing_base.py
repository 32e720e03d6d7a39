"""What the parts of ``ProviderContract`` share: fixtures that a subclass overrides, and short calls."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import uuid4

import pytest

from gateway.providers.compare import with_uid
from gateway.providers.contract import (
    ObjectKey,
    Presentation,
    Provider,
    Put,
    RemoteAccount,
    Removed,
    Unreadable,
    Upsert,
)


class ContractBase:
    """Fixtures and helpers."""

    # -- fixtures that a subclass overrides

    @pytest.fixture
    def provider(self) -> Provider:
        """The provider under test."""
        raise pytest.UsageError("override the fixture `provider`")

    @pytest.fixture
    def config(self) -> Mapping[str, str]:
        """Its settings."""
        raise pytest.UsageError("override the fixture `config`")

    @pytest.fixture
    def account(self) -> RemoteAccount:
        """A signed-in account at a test server."""
        raise pytest.UsageError("override the fixture `account`")

    @pytest.fixture
    def calendar_id(self) -> str:
        """An empty calendar that the account may write to."""
        raise pytest.UsageError("override the fixture `calendar_id`")

    # -- fixtures of ours

    @pytest.fixture
    def presentation(self) -> Presentation:
        """How the tests write."""
        return Presentation(zone="Europe/Berlin", back_link="https://cal.example.org/o/1")

    @pytest.fixture
    def key(self) -> ObjectKey:
        """A fresh object."""
        return ObjectKey(
            instance_id="test-instance", resource_uuid=str(uuid4()), uid=f"{uuid4()}@example.org"
        )

    async def put(
        self,
        account: RemoteAccount,
        calendar_id: str,
        key: ObjectKey,
        ical: bytes,
        presentation: Presentation,
        *,
        over: Upsert | None = None,
        with_memo: bool = True,
    ) -> Upsert:
        write = Put(
            key=key,
            ical=with_uid(ical, key.uid),
            presentation=presentation,
            remote_id=over.remote_id if over else None,
            if_version=over.version if over else None,
            memo=over.memo if over and with_memo else b"",
        )
        result = await account.push(calendar_id, write)
        assert isinstance(result, Upsert)
        return result

    async def pull(
        self, account: RemoteAccount, calendar_id: str, cursor: str | None
    ) -> tuple[dict[str, Upsert | Removed | Unreadable], str | None]:
        items: dict[str, Upsert | Removed | Unreadable] = {}
        last: str | None = None
        async for page in account.pull(calendar_id, cursor=cursor, window=None):
            items |= {item.remote_id: item for item in page.items}
            last = page.cursor
        return items, last

    async def everything(
        self, account: RemoteAccount, calendar_id: str
    ) -> dict[str, Upsert | Removed | Unreadable]:
        items, _ = await self.pull(account, calendar_id, None)
        return {name: item for name, item in items.items() if not isinstance(item, Removed)}
