"""Faults: which kinds exist, which call gets which one, and how often each fired.

A rule hits the next N calls that match; a storm hits calls with a seeded probability per kind. What a kind
does is written in ``fault_kinds`` (for every provider) and in the provider's own file.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateway.lab.core.calls import Answer, Call, Door
    from gateway.lab.core.clock import Clock


@dataclass(slots=True, kw_only=True)
class Scene:
    """What a fault may look at and touch."""

    clock: Clock
    door: Door
    call: Call
    params: dict[str, Any]

    def number(self, name: str, default: float) -> float:
        """Return a numeric parameter of the rule."""
        return float(self.params.get(name, default))


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of fault."""

    name: str
    text: str
    family: str = "api"
    """api, token or webhook: which calls it may hit."""
    applies: Callable[[Call], bool] = lambda _call: True
    before: Callable[[Scene], Answer | None] | None = None
    """Runs before the call; an answer it returns replaces the execution."""
    after: Callable[[Scene, Answer], Answer] | None = None
    """Runs after the call and may replace its answer."""
    delivery: str = "plain"
    """How the answer travels: plain, reset, half, hang, slow, drip, gzip or close."""
    twice: bool = False


@dataclass(slots=True, kw_only=True)
class Match:
    """Which calls a rule or a storm may hit; an empty field matches everything."""

    verb: str = ""
    path: str = ""
    """A regular expression, searched in the path."""
    operation: str = ""
    account: str = ""

    def fits(self, call: Call) -> bool:
        """Tell whether a call matches."""
        return (
            (not self.verb or call.verb == self.verb.upper())
            and (not self.operation or call.operation == self.operation)
            and (not self.account or call.account == self.account)
            and (not self.path or re.search(self.path, call.path) is not None)
        )


@dataclass(slots=True, kw_only=True)
class Rule:
    """A fault by script."""

    number: int
    kind: str
    match: Match
    times: int = 1
    """Calls still to hit; -1 for ever."""
    skip: int = 0
    """Matching calls to let pass first."""
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Storm:
    """Faults by seeded probability."""

    number: int
    seed: int
    rates: dict[str, float]
    match: Match
    params: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Parameters per kind."""
    random: random.Random = field(default_factory=random.Random)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """A fault that hits the call at hand."""

    kind: Kind
    params: dict[str, Any]


class FaultBook:
    """All kinds, the rules in force, the counters."""

    def __init__(self) -> None:
        self.kinds: dict[str, Kind] = {}
        self.rules: list[Rule] = []
        self.storms: list[Storm] = []
        self.fired: Counter[str] = Counter()
        self._number = 0

    def register(self, *kinds: Kind) -> None:
        """Add kinds; a name must be new."""
        for kind in kinds:
            if kind.name in self.kinds:
                raise ValueError(f"The fault kind {kind.name} is registered twice.")
            self.kinds[kind.name] = kind

    def clear(self) -> None:
        """End all faults; counters stay."""
        self.rules.clear()
        self.storms.clear()

    def _known(self, names: list[str]) -> None:
        unknown = sorted(set(names) - set(self.kinds))
        if unknown:
            raise ValueError(f"Unknown fault kinds: {', '.join(unknown)}. GET /lab/faults lists them.")

    def script(
        self, kind: str, match: Match, *, times: int = 1, skip: int = 0, params: dict[str, Any] | None = None
    ) -> Rule:
        """Add a rule for the next calls that match; raises ValueError for an unknown kind."""
        self._known([kind])
        self._number += 1
        rule = Rule(number=self._number, kind=kind, match=match, times=times, skip=skip, params=params or {})
        self.rules.append(rule)
        return rule

    def storm(
        self,
        seed: int,
        rates: dict[str, float],
        match: Match,
        params: dict[str, dict[str, Any]] | None = None,
    ) -> Storm:
        """Add faults by probability per matching call; raises ValueError for an unknown kind."""
        self._known([*rates, *(params or {})])
        self._number += 1
        storm = Storm(
            number=self._number,
            seed=seed,
            rates=dict(sorted(rates.items())),
            match=match,
            params=params or {},
            random=random.Random(seed),  # noqa: S311 - must repeat for a seed
        )
        self.storms.append(storm)
        return storm

    def pick(self, call: Call, family: str) -> Fired | None:
        """Return the fault that hits this call, if any; rules go before storms."""
        for rule in self.rules:
            kind = self.kinds[rule.kind]
            if (
                rule.times == 0
                or kind.family != family
                or not rule.match.fits(call)
                or not kind.applies(call)
            ):
                continue
            if rule.skip > 0:
                rule.skip -= 1
                continue
            rule.times -= 1 if rule.times > 0 else 0
            return Fired(kind=kind, params=rule.params)
        for storm in self.storms:
            if storm.match.fits(call):
                for name, rate in storm.rates.items():
                    kind = self.kinds[name]
                    if kind.family == family and kind.applies(call) and storm.random.random() < rate:
                        return Fired(kind=kind, params=storm.params.get(name, {}))
        return None

    def report(self) -> dict[str, Any]:
        """Describe kinds, rules, storms and counters."""
        return {
            "kinds": {
                name: {"family": kind.family, "text": kind.text} for name, kind in sorted(self.kinds.items())
            },
            "rules": [
                {
                    "number": rule.number,
                    "kind": rule.kind,
                    "times": rule.times,
                    "skip": rule.skip,
                    "params": rule.params,
                }
                for rule in self.rules
            ],
            "storms": [
                {"number": storm.number, "seed": storm.seed, "rates": storm.rates} for storm in self.storms
            ],
            "fired": dict(self.fired),
            "never": sorted(set(self.kinds) - set(self.fired)),
        }
