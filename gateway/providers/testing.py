"""``ProviderContract``: the acceptance test of every provider plug-in, ours and foreign ones.

Subclass it in a pytest file (pytest-asyncio) and give it the fixtures ``provider``, ``config``, ``account``
and ``calendar_id``; docs/write-a-provider.md shows how. Needs pytest, which the gateway itself does not.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gateway.providers.compare import comparable
from gateway.providers.contract import (
    CONTRACT_VERSION,
    Capability,
    ObjectKey,
    Presentation,
    Provider,
    RemoteAccount,
    SignInKind,
    SignInRequest,
    Upsert,
    Use,
)
from gateway.providers.errors import (
    Rejected,
)
from gateway.providers.registry import load_providers
from gateway.providers.samples import SAMPLES, TASK, WITH_GUESTS
from gateway.providers.testing_reading import ReadingContract
from gateway.providers.testing_writing import WritingContract


class ProviderContract(WritingContract, ReadingContract):
    """What every provider must do. Tests that need a capability return early where it is not claimed."""

    # -- the provider itself

    def test_it_names_itself_and_its_contract(self, provider: Provider) -> None:
        assert provider.contract[0] == CONTRACT_VERSION[0]
        assert provider.name == provider.name.lower()
        assert provider.label

    def test_the_registry_takes_it(self, provider: Provider) -> None:
        from importlib.metadata import EntryPoint

        made = type(provider)
        entry = EntryPoint(name=provider.name, value=f"{made.__module__}:{made.__qualname__}", group="test")
        registry = load_providers([entry])
        assert not registry.refused
        assert registry.provider(provider.name).name == provider.name

    def test_the_token_goes_to_named_origins_only(
        self, provider: Provider, config: Mapping[str, str]
    ) -> None:
        for origin in provider.hosts(config):
            scheme, _, rest = origin.partition("://")
            assert scheme in {"http", "https"}
            assert "/" not in rest
            assert rest.rpartition(":")[2].isdigit()

    def test_every_kind_of_sign_in_says_what_to_do(
        self, provider: Provider, config: Mapping[str, str]
    ) -> None:
        assert provider.sign_in.kinds
        for kind in provider.sign_in.kinds:
            redirect = "http://127.0.0.1:8080/back" if kind is SignInKind.USER else None
            request = SignInRequest(kind=kind, uses=frozenset({Use.WRITE}), redirect_uri=redirect)
            challenge = provider.sign_in.begin(config, request)
            assert (challenge.url is not None) == (kind is SignInKind.USER)
            assert challenge.url is not None or challenge.fields
            again = provider.sign_in.begin(config, request)
            assert challenge.state != again.state

    # -- project

    @pytest.mark.parametrize("name", sorted(SAMPLES))
    def test_projecting_twice_changes_nothing(
        self, provider: Provider, presentation: Presentation, name: str
    ) -> None:
        once = provider.project(SAMPLES[name], presentation)
        assert provider.project(once, presentation) == once

    @pytest.mark.parametrize("name", sorted(SAMPLES))
    async def test_what_was_projected_comes_back(
        self,
        provider: Provider,
        account: RemoteAccount,
        calendar_id: str,
        presentation: Presentation,
        key: ObjectKey,
        name: str,
    ) -> None:
        if not provider.capabilities & Capability.WRITE:
            return
        made = await self.put(account, calendar_id, key, SAMPLES[name], presentation)
        expected = comparable(provider.project(SAMPLES[name], presentation))
        assert comparable(made.ical) == expected
        found = await account.fetch(calendar_id, made.remote_id)
        assert isinstance(found, Upsert)
        assert comparable(found.ical) == expected
        assert found.version == made.version

    def test_guests_are_dropped_even_if_the_engine_forgot(
        self, provider: Provider, presentation: Presentation
    ) -> None:
        projected = provider.project(WITH_GUESTS, presentation).upper()
        assert b"ATTENDEE" not in projected
        assert b"ORGANIZER" not in projected

    def test_tasks_are_refused_where_they_are_not_claimed(
        self, provider: Provider, presentation: Presentation
    ) -> None:
        if provider.capabilities & Capability.TASKS:
            assert provider.project(TASK, presentation)
        else:
            with pytest.raises(Rejected):
                provider.project(TASK, presentation)

    def test_an_object_that_cannot_be_read_is_rejected(
        self, provider: Provider, presentation: Presentation
    ) -> None:
        with pytest.raises(Rejected):
            provider.project(b"BEGIN:VCALENDAR\r\nnonsense", presentation)
