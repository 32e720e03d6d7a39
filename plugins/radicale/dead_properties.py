"""Dead properties of calendar objects in listings: looked up only where one is asked for (RFC 4918 §4.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gateway.domain.model import ObjectId
from gateway.services import person_properties
from gateway.services.reading import Summary
from plugins.radicale import object_properties
from plugins.radicale.names import element
from plugins.radicale.requests import Request
from plugins.radicale.view import View

Render = Callable[[Summary, str], str]


def renderer(
    request: Request,
    view: View,
    names: Sequence[str],
    *,
    is_all: bool = False,
    is_minimal: bool = False,
    is_names_only: bool = False,
) -> Render:
    """Return what writes the response of one object; its second argument is XML of further properties.

    Args:
        request: for hrefs, and who asks.
        view: decides names, tags and privileges per object.
        names: the properties asked for.
        is_all: everything that the person has set is wanted as well.
        is_minimal: nothing is said of what is missing.
        is_names_only: names without values.
    """
    live = [name for name in names if name in object_properties.NAMES]
    asked = [name for name in names if name not in object_properties.NAMES]

    def plain(missing: Sequence[str]) -> Render:
        shown = live if is_minimal else [*live, *missing]
        return object_properties.renderer(request, view, shown, is_names_only=is_names_only)

    without = plain(asked)
    if not asked and not is_all:
        return without
    own = person_properties.of_objects(request.session.tx, view.entry.calendar_id, request.principal.id)
    if not own:
        return without

    def render(item: Summary, inner: str = "") -> str:
        mine = own.get(ObjectId(item.id), {})
        wanted = [name for name in mine if is_all or name in asked]
        if not wanted or view.hides(item):
            return without(item, inner)
        told = "".join(element(name) if is_names_only else mine[name] for name in wanted)
        return plain([name for name in asked if name not in mine])(item, inner + told)

    return render
