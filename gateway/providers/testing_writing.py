"""The part of ``ProviderContract`` about writing."""

from __future__ import annotations

from uuid import uuid4

import pytest

from gateway.providers.compare import comparable
from gateway.providers.contract import (
    Capability,
    Delete,
    ObjectKey,
    Presentation,
    Provider,
    RemoteAccount,
    Removed,
    Upsert,
)
from gateway.providers.errors import (
    NotFound,
    VersionConflict,
)
from gateway.providers.samples import SAMPLES, SERIES, SINGLE, edited
from gateway.providers.testing_base import ContractBase


class WritingContract(ContractBase):
    """Create, change, delete; twice, stale, gone."""

    async def test_creating_twice_with_one_key_creates_once(
        self,
        provider: Provider,
        account: RemoteAccount,
        calendar_id: str,
        presentation: Presentation,
        key: ObjectKey,
    ) -> None:
        if not provider.capabilities & Capability.IDEMPOTENT:
            return
        first = await self.put(account, calendar_id, key, SERIES, presentation)
        second = await self.put(account, calendar_id, key, SERIES, presentation)
        assert first.remote_id == second.remote_id
        assert len(await self.everything(account, calendar_id)) == 1

    async def test_a_copy_of_ours_is_marked(
        self,
        provider: Provider,
        account: RemoteAccount,
        calendar_id: str,
        presentation: Presentation,
        key: ObjectKey,
    ) -> None:
        if not provider.capabilities & Capability.WRITE:
            return
        made = await self.put(account, calendar_id, key, SINGLE, presentation)
        assert made.marker == key.marker
        (found,) = (await self.everything(account, calendar_id)).values()
        assert isinstance(found, Upsert)
        assert (found.marker, found.version) == (key.marker, made.version)

    @pytest.mark.parametrize("with_memo", [True, False])
    async def test_a_change_replaces_the_object(
        self,
        provider: Provider,
        account: RemoteAccount,
        calendar_id: str,
        presentation: Presentation,
        key: ObjectKey,
        with_memo: bool,
    ) -> None:
        if not provider.capabilities & Capability.WRITE:
            return
        now = await self.put(account, calendar_id, key, SINGLE, presentation)
        for ical in (SERIES, edited(SERIES), SAMPLES["all-day"], SINGLE, SAMPLES["moved"]):
            now = await self.put(account, calendar_id, key, ical, presentation, over=now, with_memo=with_memo)
            assert comparable(now.ical) == comparable(provider.project(ical, presentation))
            found = await account.fetch(calendar_id, now.remote_id)
            assert isinstance(found, Upsert)
            assert comparable(found.ical) == comparable(now.ical)
        assert len(await self.everything(account, calendar_id)) == 1

    async def test_a_stale_version_is_refused_and_nothing_written(
        self,
        provider: Provider,
        account: RemoteAccount,
        calendar_id: str,
        presentation: Presentation,
        key: ObjectKey,
    ) -> None:
        if not provider.capabilities & Capability.CONDITIONAL:
            return
        for ical in (SINGLE, SERIES):
            other = ObjectKey(instance_id=key.instance_id, resource_uuid=key.resource_uuid, uid=str(uuid4()))
            first = await self.put(account, calendar_id, other, ical, presentation)
            second = await self.put(account, calendar_id, other, edited(ical), presentation, over=first)
            with pytest.raises(VersionConflict):
                await self.put(account, calendar_id, other, ical, presentation, over=first)
            with pytest.raises(VersionConflict):
                await account.push(
                    calendar_id,
                    Delete(remote_id=first.remote_id, if_version=first.version, memo=first.memo),
                )
            found = await account.fetch(calendar_id, first.remote_id)
            assert isinstance(found, Upsert)
            assert found.version == second.version

    async def test_deleting_twice_is_done_and_creating_again_works(
        self,
        provider: Provider,
        account: RemoteAccount,
        calendar_id: str,
        presentation: Presentation,
        key: ObjectKey,
    ) -> None:
        if not provider.capabilities & Capability.WRITE:
            return
        for ical in (SINGLE, SERIES, SINGLE):
            made = await self.put(account, calendar_id, key, ical, presentation)
            delete = Delete(remote_id=made.remote_id, key=key, if_version=made.version, memo=made.memo)
            assert await account.push(calendar_id, delete) == Removed(remote_id=made.remote_id)
            assert await account.push(calendar_id, delete) == Removed(remote_id=made.remote_id)
            assert await self.everything(account, calendar_id) == {}
        made = await self.put(account, calendar_id, key, SERIES, presentation)
        assert comparable(made.ical) == comparable(provider.project(SERIES, presentation))
        assert len(await self.everything(account, calendar_id)) == 1

    async def test_changing_what_is_gone_says_so(
        self,
        provider: Provider,
        account: RemoteAccount,
        calendar_id: str,
        presentation: Presentation,
        key: ObjectKey,
    ) -> None:
        if not provider.capabilities & Capability.WRITE:
            return
        made = await self.put(account, calendar_id, key, SINGLE, presentation)
        await account.push(calendar_id, Delete(remote_id=made.remote_id))
        with pytest.raises((NotFound, VersionConflict)):
            await self.put(account, calendar_id, key, SINGLE, presentation, over=made, with_memo=False)
