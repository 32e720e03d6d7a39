"""Whether an object meets the filter of a calendar-query (RFC 4791 §9.7), slow and exact.

Text is matched on the lines of the object, time in ``filter_times``.
"""

from __future__ import annotations

import re

from gateway.domain.content_lines import strip_controls
from gateway.domain.line_tree import LineComponent, parameter, split
from plugins.radicale.collations import folded
from plugins.radicale.filter_times import Subject, in_range, instants_of
from plugins.radicale.filters import CompFilter, ParamFilter, PropFilter, TextMatch

__all__ = ["Subject", "matches"]


def matches(subject: Subject, wanted: CompFilter) -> bool:
    """Return whether an object meets the filter of its VCALENDAR."""
    if wanted.is_not_defined:
        return False
    return _meets(subject, subject.tree, wanted, parent=None)


def _meets(subject: Subject, tree: LineComponent, wanted: CompFilter, parent: LineComponent | None) -> bool:
    """Return whether this very component meets all conditions of a comp-filter of its name."""
    if wanted.range is not None and not in_range(subject, tree, wanted.range, parent):
        return False
    if not all(_prop_meets(subject, tree, prop) for prop in wanted.props):
        return False
    return all(_any_child(subject, tree, child) for child in wanted.comps)


def _any_child(subject: Subject, tree: LineComponent, wanted: CompFilter) -> bool:
    named = [child for child in tree.children if child.name == wanted.name]
    if wanted.is_not_defined:
        return not named
    return any(_meets(subject, child, wanted, tree) for child in named)


# -- properties -------------------------------------------------------------------------------------


def _prop_meets(subject: Subject, tree: LineComponent, wanted: PropFilter) -> bool:
    lines = list(tree.every(wanted.name))
    if wanted.is_not_defined:
        return not lines
    return any(_line_meets(subject, line, wanted) for line in lines)


def _line_meets(subject: Subject, line: str, wanted: PropFilter) -> bool:
    parameters, value = split(line)
    if wanted.range is not None:
        window = wanted.range.window
        found = instants_of(subject, parameters, value)
        if not any(window.start <= instant < window.end for instant in found):
            return False
    if wanted.text is not None and not text_meets(unescaped(value), wanted.text):
        return False
    return all(_param_meets(parameters, param) for param in wanted.params)


def _param_meets(parameters: str, wanted: ParamFilter) -> bool:
    value = parameter(parameters, wanted.name)
    if wanted.is_not_defined:
        return value is None
    if value is None:
        return False
    return wanted.text is None or text_meets(value, wanted.text)


def text_meets(value: str, wanted: TextMatch) -> bool:
    """Return whether a text holds (or, negated, does not hold) the wanted part."""
    found = wanted.key in folded(value, wanted.collation)
    return found is not wanted.is_negated


def unescaped(value: str) -> str:
    """Return the TEXT value of a line as people read it."""
    if "\\" in value:
        value = re.sub(r"\\(.)", lambda found: "\n" if found[1] in "nN" else found[1], value)
    return strip_controls(value)
