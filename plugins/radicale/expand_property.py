"""expand-property (RFC 3253 §3.8): properties that hold hrefs, answered with what lies behind these."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

from plugins.radicale import multistatus, propfind
from plugins.radicale.names import DAV, DECLARATIONS, dav, text
from plugins.radicale.problems import XML_TYPE, Answer, Problem
from plugins.radicale.requests import Request, Target, path_of

MAX_RESPONSES = 500
MAX_NESTED = 4
_PROPERTY, _HREF = dav("property"), dav("href")
_NCNAME = re.compile(r"[A-Za-z_][\w.-]{0,200}")


class _TooMuch(Problem):
    """The whole request is refused."""

    def __init__(self, message: str) -> None:
        super().__init__(403, message, "<D:number-of-matches-within-limits/>")


@dataclass(slots=True)
class _Budget:
    left: int = MAX_RESPONSES


def answer(request: Request, root: ET.Element) -> Answer:
    """Answer an expand-property."""
    is_deep = (request.header("Depth") or "0").strip() == "1"
    budget = _Budget()
    responses = _responses(request, request.target, root, budget, level=0, is_deep=is_deep)
    found = ET.Element(dav("multistatus"))
    found.extend(responses)
    return Answer(207, {"Content-Type": XML_TYPE}, ET.tostring(found, encoding="utf-8", xml_declaration=True))


def _responses(
    request: Request,
    target: Target,
    wanted: ET.Element,
    budget: _Budget,
    *,
    level: int,
    is_deep: bool = False,
) -> list[ET.Element]:
    """Return the responses for one path, with the hrefs of nested properties replaced."""
    specs = {_name(node): node for node in wanted.findall(_PROPERTY)}
    asked = propfind.Wanted.of(list(specs))
    told = "".join(propfind.responses(request, target, asked, is_deep=is_deep))
    try:
        found = list(ET.fromstring(f"<D:multistatus {DECLARATIONS}>{told}</D:multistatus>"))  # noqa: S314 - our own
    except ET.ParseError:
        raise Problem(400, "A DAV:property names an XML element.") from None
    budget.left -= len(found)
    if budget.left < 0:
        raise _TooMuch("This asks for too much; ask in parts.")
    for prop in (prop for response in found for prop in response.iter(dav("prop"))):
        for value in prop:
            spec = specs.get(value.tag)
            if spec is not None and spec.find(_PROPERTY) is not None:
                _expand(request, value, spec, budget, level=level + 1)
    return found


def _expand(request: Request, value: ET.Element, spec: ET.Element, budget: _Budget, *, level: int) -> None:
    if level > MAX_NESTED:
        raise _TooMuch(f"Properties are expanded {MAX_NESTED} levels deep.")
    for index, child in enumerate(list(value)):
        if child.tag != _HREF:
            continue
        found = _behind(request, (child.text or "").strip(), spec, budget, level=level)
        if found is not None:
            value[index] = found


def _behind(
    request: Request, href: str, spec: ET.Element, budget: _Budget, *, level: int
) -> ET.Element | None:
    path = path_of(href, request.prefix)
    if path is None:
        return None
    try:
        return next(iter(_responses(request, Target.of(path), spec, budget, level=level)), None)
    except _TooMuch:
        raise
    except Problem as problem:
        if problem.status not in {403, 404}:
            raise
        gone = multistatus.gone(text(href), problem.status)
        return ET.fromstring(f"<D:multistatus {DECLARATIONS}>{gone}</D:multistatus>")[0]  # noqa: S314 - our own


def _name(node: ET.Element) -> str:
    space, name = node.get("namespace", DAV), node.get("name", "")
    if not _NCNAME.fullmatch(name):
        raise Problem(400, "A DAV:property has a name.")
    return f"{{{space}}}{name}" if space else name
