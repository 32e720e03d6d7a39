"""The verdict over a storm: afterwards both sides are equal, nobody was mailed, and nothing writes any more."""

from __future__ import annotations

from collections import Counter

from gateway.domain.link_model import Direction, LinkState
from gateway.store import busy
from tests.e2e.storm_stage import FOREIGN, TURNS, Bond, Stage


async def converge(stage: Stage) -> None:
    """End all trouble and assert that both sides are equal, at a bounded cost, and that nothing moves on."""
    await stage.calm()
    before = await _requests(stage)
    for full in (False, True, True):
        await stage.repair()
        stage.forget_waiting()
        assert await stage.office.run(poll=True, full=full) < TURNS
        await stage.calm()
    await _settled(stage)
    here = stage.office.here(stage.calendar)
    cost = await _requests(stage) - before
    bound = 60 * len(stage.bonds) + 40 * len(stage.bonds) * len(here)
    assert cost <= bound, (cost, bound)
    for bond in stage.bonds:
        found = stage.status(bond)
        assert found.state is LinkState.ACTIVE, (found.state, found.error, found.reason)
        await _assert_equal(stage, bond)
    for side, calendar, name in stage.foreign:
        assert await side.writes_to(calendar, name) == 0
    for side in stage.sides:
        assert await side.outbox() == []
        assert await side.violations() == []


async def _settled(stage: Stage) -> None:
    """Assert that further runs write nothing, here and there."""
    writes = [await side.writes() for side in stage.sides]
    here = stage.office.here(stage.calendar)
    await stage.office.run(poll=True)
    await stage.office.run(full=True)
    assert [await side.writes() for side in stage.sides] == writes
    assert stage.office.here(stage.calendar) == here


async def _requests(stage: Stage) -> int:
    return sum([await side.requests() for side in stage.sides])


async def _assert_equal(stage: Stage, bond: Bond) -> None:
    there = Counter(await bond.side.seen(bond.person, bond.calendar))
    if bond.direction is Direction.PULL:
        # Her own time, all of it. An occurrence that she has moved there out of a copy of ours is an event
        # of its own by now and takes time, too; a whole copy of ours takes none.
        times = {one: (one[1], one[2]) for one in there if not one[3]}
        own = {span for one, span in times.items() if one[0].startswith(("Foreign", "Own"))}
        assert own <= _periods(stage, bond) <= set(times.values()), (_periods(stage, bond) ^ own, there)
        return
    here = Counter(stage.office.occurrences(stage.calendar, as_seen_by=bond.link_id))
    known = {one.remote_id for one in stage.office.mappings(bond.link_id)}
    strange = {title for name, title in (await bond.side.events(bond.calendar)).items() if name not in known}
    if bond.direction is Direction.BOTH:
        assert strange == set(), (strange, stage.office.parked(bond.link_id), stage.office.tickets())
    # A second copy of ours would be here under a title of ours.
    assert all(title.startswith(FOREIGN) for title in strange), strange
    assert here - there == Counter(), stage.office.parked(bond.link_id)
    assert {one[0] for one in there - here} <= strange, (there - here, strange)


def _periods(stage: Stage, bond: Bond) -> set[tuple[float, float]]:
    return {
        (float(one.start_ts), float(one.end_ts))
        for one in stage.db.read(busy.within, stage.calendar.id, 0, 2**40)
        if one.link_id == bond.link_id and one.busy.blocks
    }
