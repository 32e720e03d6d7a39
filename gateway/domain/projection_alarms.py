"""Reminders of a projected component: what a client may show, and nothing that acts (RFC 5545 §3.6.6)."""

from __future__ import annotations

import re

from gateway.domain.content_lines import escape_text
from gateway.domain.line_tree import LineComponent, parameter, split, text_value

_TRIGGER = re.compile(r"[+-]?P[0-9WDTHMS]+|\d{8}T\d{6}Z")
_NUMBER = re.compile(r"\d{1,4}")


def alarm_lines(component: LineComponent, title: str, *, is_full: bool) -> list[str]:
    """Return reminders as DISPLAY alarms; mails and programs of the author are not for subscribers."""
    lines: list[str] = []
    for alarm in component.children:
        trigger = alarm.first("TRIGGER") if alarm.name == "VALARM" else None
        if trigger is None or alarm.word("ACTION") not in {"DISPLAY", "AUDIO"}:
            continue
        parameters, value = split(trigger)
        value = value.strip().upper()
        if not _TRIGGER.fullmatch(value):
            continue
        form = ";VALUE=DATE-TIME" if value.endswith("Z") else ""
        if (parameter(parameters, "RELATED") or "").upper() == "END" and not form:
            form = ";RELATED=END"
        own = alarm.first("DESCRIPTION") if is_full else None
        text = (text_value(own).strip() if own is not None else "") or title
        lines += ["BEGIN:VALARM", "ACTION:DISPLAY", f"TRIGGER{form}:{value}"]
        lines.append(f"DESCRIPTION:{escape_text(text)}")
        repeat, every = alarm.word("REPEAT"), alarm.word("DURATION")
        if _NUMBER.fullmatch(repeat) and _TRIGGER.fullmatch(every):
            lines += [f"REPEAT:{repeat}", f"DURATION:{every}"]
        lines.append("END:VALARM")
    return lines
