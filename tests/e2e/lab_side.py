"""What every provider with a consent page has in common in the storm: the laboratory's control API and faults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from gateway.lab.app import Laboratory
from tests.contract.lab.lab_client import LabClient, query_of
from tests.e2e.provider_world import Fault

C = TypeVar("C", bound=LabClient)
# Long enough to outlast the client's patience of half a second, or short enough not to.
PARAMS: Mapping[str, dict[str, Any]] = {
    "slow_answer": {"seconds": 0.1},
    "slow_body": {"seconds": 0.1},
    "refresh_slow": {"seconds": 0.2},
    "no_answer_before": {"seconds": 0.6},
    "no_answer_after": {"seconds": 0.6},
    "webhook_delayed": {"seconds": 0.05},
    "webhook_reordered": {"seconds": 0.05},
}
TOKENS = ("refresh_invalid_grant", "refresh_500", "refresh_slow", "token_reset_after", "token_half")
HOOKS = (
    "doubled", "reordered", "delayed", "lost", "wrong_token", "unknown_channel", "expired_channel", "huge",
    "not_json", "channel_gone",
)  # fmt: skip


class LabSide(Generic[C]):
    """One laboratory, asked through its control API.

    Attributes:
        params: parameters of a fault by its kind, scripted or in a storm.
    """

    faults: Sequence[Fault]
    lab: C
    laboratory: Laboratory
    params: Mapping[str, dict[str, Any]] = PARAMS

    async def consent(self, url: str, person: str) -> dict[str, str]:
        return query_of(await self.lab.approve(url, account=person))

    def fields(self, person: str) -> dict[str, str]:
        raise AssertionError("there is a consent page")

    async def receive_at(self, address: str) -> None:
        assert address.startswith("http://127.0.0.1")
        await self.lab.set(webhook_http=True)

    # -- looking

    async def requests(self) -> int:
        return int((await self.lab.control("GET", "status"))["requests"])

    async def outbox(self) -> Sequence[Any]:
        return await self.lab.outbox()

    async def violations(self) -> Sequence[Any]:
        return await self.lab.violations()

    # -- trouble

    def params_of(self, kind: str) -> dict[str, Any]:
        """Return what a fault of this kind is given."""
        return dict(self.params.get(kind, {}))

    async def script(self, fault: Fault) -> None:
        params = {**self.params_of(fault.kind), **fault.params}
        await self.lab.fault(fault.kind, times=fault.times, params=params, **fault.at)

    async def storm(self, seed: int, rate: float) -> None:
        kinds = sorted({fault.kind for fault in self.faults})
        params = {kind: self.params_of(kind) for kind in kinds}
        await self.lab.control("POST", "storms", seed=seed, rates=dict.fromkeys(kinds, rate), params=params)

    async def calm(self) -> None:
        await self.lab.control("DELETE", "faults")
        await self.lab.control("POST", "webhooks/idle")
        await self.lab.advance(2.0)  # what the lists still hide is seen now

    async def expire_tokens(self) -> None:
        await self.lab.control("POST", "expire-tokens")

    async def fired(self) -> Mapping[str, int]:
        return await self.lab.fired()

    def kinds(self) -> set[str]:
        """Return every kind that this laboratory has."""
        return set(self.laboratory.lab.faults.kinds)
