"""Rooms of calendars and calendar groups."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from gateway.lab.core.calls import Answer
from gateway.lab.core.errors import Refusal
from gateway.lab.microsoft import odata, pages
from gateway.lab.microsoft.event_rules import properties
from gateway.lab.microsoft.model import COLORS, Calendar
from gateway.lab.microsoft.series import GONE

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call
    from gateway.lab.microsoft.model import Mailbox
    from gateway.lab.microsoft.world import Microsoft

NAME_CAP = 255
_WRITABLE = {"name", "color", "isDefaultCalendar", "singleValueExtendedProperties"}


def shown(microsoft: Microsoft, calendar: Calendar, viewer: str) -> dict[str, Any]:
    """Return a calendar as one mailbox sees it, extended properties included."""
    owner = microsoft.state.mailboxes[calendar.owner]
    mine = calendar.owner == viewer
    providers = ["teamsForBusiness"] if not owner.personal else []
    return {
        "id": microsoft.calendar_id(calendar, viewer),
        "name": calendar.name if mine else owner.name,
        "color": calendar.color,
        "hexColor": COLORS[calendar.color],
        "isDefaultCalendar": calendar.default and mine,
        "changeKey": calendar.change_key,
        "canShare": mine,
        "canViewPrivateItems": mine,
        "canEdit": microsoft.level(viewer, calendar) == "write",
        "allowedOnlineMeetingProviders": providers,
        "defaultOnlineMeetingProvider": providers[0] if providers else "unknown",
        "isTallyingResponses": calendar.default,
        "isRemovable": not calendar.default,
        "owner": {"name": owner.name, "address": owner.email},
        "singleValueExtendedProperties": calendar.properties,
    }


def _one(microsoft: Microsoft, call: Call, calendar: Calendar, viewer: str) -> dict[str, Any]:
    wanted = odata.expansion(call.one("$expand"))
    item = odata.trimmed(shown(microsoft, calendar, viewer), call.one("$select"), wanted)
    return {"@odata.context": f"{microsoft.root()}/$metadata#users/calendars/$entity", **item}


def _group(microsoft: Microsoft, call: Call, box: Mailbox) -> str:
    """Return the key of the group that a path names, or nothing; raises Refusal 404."""
    identifier = call.path_args.get("calendarGroup_id")
    if identifier is None:
        return ""
    key = microsoft.ids.read_folder("group", identifier, box.email)
    if key not in box.groups:
        raise Refusal(404, "ErrorItemNotFound", GONE)
    return key


def listed(microsoft: Microsoft, call: Call) -> dict[str, Any]:
    """GET calendars."""
    box = microsoft.with_mailbox(call)
    group = _group(microsoft, call, box)
    wanted = odata.expansion(call.one("$expand"))
    found = [item for item in microsoft.visible(box.email) if not group or item.group == group]
    if call.account is not None and not {"Calendars.Read.Shared", "Calendars.ReadWrite.Shared"} & set(
        microsoft.scopes(call)
    ):
        found = [item for item in found if item.owner == box.email]
    items = [shown(microsoft, item, box.email) for item in found]
    if call.one("$filter"):
        test, _names = odata.condition(call.one("$filter"))
        items = [item for item in items if test(item)]
    ordered = odata.ordered([(item, item) for item in items], call.one("$orderby"))
    page = pages.listed(microsoft, call, [item for item, _same in ordered])
    page["value"] = [odata.trimmed(item, call.one("$select"), wanted) for item in page["value"]]
    return {"@odata.context": f"{microsoft.root()}/$metadata#users/calendars", **page}


def get(microsoft: Microsoft, call: Call) -> dict[str, Any]:
    """GET a calendar."""
    calendar = microsoft.calendar(call)
    return _one(microsoft, call, calendar, microsoft.mailbox(call).email)


def _name(microsoft: Microsoft, box: Mailbox, value: Any, own: str = "") -> str:
    name = str(value or "").strip()
    if not name or len(name) > NAME_CAP:
        raise Refusal(400, "ErrorInvalidRequest", "A calendar needs a name of 1 to 255 characters.")
    taken = any(
        item.name.casefold() == name.casefold() and item.key != own
        for item in microsoft.state.calendars.values()
        if item.owner == box.email and not item.deleted
    )
    if taken and microsoft.lab.settings.folder_names_unique:
        raise Refusal(409, "ErrorFolderExists", "A folder with the specified name already exists.")
    return name


def _color(value: Any) -> str:
    if value not in COLORS or value == "maxColor":
        raise Refusal(400, "ErrorInvalidRequest", "color: not one of the colours of a calendar.")
    return str(value)


def _ignored(microsoft: Microsoft, call: Call) -> None:
    for name in sorted(set(call.body) - _WRITABLE):
        microsoft.lab.journal.warning(call, f"the real service ignores the read-only field {name!r}")


def create(microsoft: Microsoft, call: Call) -> Answer:
    """POST calendars; hexColor is read-only (M)."""
    box = microsoft.with_mailbox(call)
    group = _group(microsoft, call, box)
    _ignored(microsoft, call)
    name = _name(microsoft, box, call.body.get("name"))
    color = _color(call.body.get("color") or "auto")
    calendar = microsoft.new_calendar(box.email, name, group=group, color=color)
    calendar.properties = properties([], call.body.get("singleValueExtendedProperties") or [])
    return Answer(status=201, body=_one(microsoft, call, calendar, box.email))


def patch(microsoft: Microsoft, call: Call) -> dict[str, Any]:
    """PATCH a calendar."""
    box = microsoft.with_mailbox(call)
    calendar = microsoft.calendar(call, write=True)
    _ignored(microsoft, call)
    if "name" in call.body:
        if calendar.default:
            raise Refusal(
                400, "ErrorInvalidRequest", "Your request can't be completed. The default calendar."
            )
        calendar.name = _name(microsoft, box, call.body["name"], calendar.key)
    if call.body.get("color") is not None:
        calendar.color = _color(call.body["color"])
    if "singleValueExtendedProperties" in call.body:
        calendar.properties = properties(
            calendar.properties, call.body["singleValueExtendedProperties"] or []
        )
    calendar.change_key = microsoft.change_key()
    return _one(microsoft, call, calendar, box.email)


def delete(microsoft: Microsoft, call: Call) -> None:
    """DELETE a calendar; the default one stays, a shared one leaves the list only."""
    box = microsoft.with_mailbox(call)
    calendar = microsoft.calendar(call)
    if calendar.default and calendar.owner == box.email:
        raise Refusal(400, "ErrorDeleteDistinguishedFolder", "The default calendar cannot be deleted.")
    if calendar.owner != box.email:
        calendar.shares.pop(box.email, None)
    else:
        microsoft.forget_calendar(calendar)


# --- groups


def _group_shown(microsoft: Microsoft, box: Mailbox, key: str) -> dict[str, Any]:
    return {
        "id": microsoft.ids.folder("group", key, box.email),
        "name": box.groups[key],
        "changeKey": key,
        "classId": "0006f0b7-0000-0000-c000-000000000046",
    }


def groups(microsoft: Microsoft, call: Call) -> dict[str, Any]:
    """GET calendarGroups."""
    box = microsoft.with_mailbox(call)
    return pages.listed(microsoft, call, [_group_shown(microsoft, box, key) for key in box.groups])


def group(microsoft: Microsoft, call: Call) -> dict[str, Any]:
    """GET a calendar group."""
    box = microsoft.with_mailbox(call)
    return _group_shown(microsoft, box, _group(microsoft, call, box))


def create_group(microsoft: Microsoft, call: Call) -> Answer:
    """POST calendarGroups."""
    box = microsoft.with_mailbox(call)
    name = str(call.body.get("name") or "").strip()
    if not name:
        raise Refusal(400, "ErrorInvalidRequest", "A calendar group needs a name.")
    if name in box.groups.values():
        raise Refusal(409, "ErrorFolderExists", "A folder with the specified name already exists.")
    key = secrets.token_hex(8)
    box.groups[key] = name
    return Answer(status=201, body=_group_shown(microsoft, box, key))


def patch_group(microsoft: Microsoft, call: Call) -> dict[str, Any]:
    """PATCH a calendar group."""
    box = microsoft.with_mailbox(call)
    key = _group(microsoft, call, box)
    box.groups[key] = str(call.body.get("name") or box.groups[key])
    return _group_shown(microsoft, box, key)


def delete_group(microsoft: Microsoft, call: Call) -> None:
    """DELETE a calendar group; it must be empty."""
    box = microsoft.with_mailbox(call)
    key = _group(microsoft, call, box)
    if any(item.group == key and not item.deleted for item in microsoft.state.calendars.values()):
        raise Refusal(400, "ErrorInvalidRequest", "The calendar group is not empty.")
    del box.groups[key]


ROOMS = {
    "graph.calendars.list": listed,
    "graph.calendars.get": get,
    "graph.calendars.create": create,
    "graph.calendars.patch": patch,
    "graph.calendars.delete": delete,
    "graph.calendars.permanentDelete": delete,
    "graph.calendarGroups.list": groups,
    "graph.calendarGroups.get": group,
    "graph.calendarGroups.create": create_group,
    "graph.calendarGroups.patch": patch_group,
    "graph.calendarGroups.delete": delete_group,
}
