"""Small rooms: the person, mailbox settings, categories, time zones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.lab.core.calls import Answer
from gateway.lab.core.errors import Refusal
from gateway.lab.microsoft import odata, pages, zones
from gateway.lab.microsoft.model import guid
from gateway.lab.microsoft.series import GONE

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call
    from gateway.lab.microsoft.model import Mailbox
    from gateway.lab.microsoft.world import Microsoft

_WEEK = ["monday", "tuesday", "wednesday", "thursday", "friday"]


def user(microsoft: Microsoft, call: Call) -> dict[str, Any]:
    """GET me, or a user."""
    box = microsoft.mailbox(call)
    given, _, surname = box.name.partition(" ")
    item = {
        "@odata.context": f"{microsoft.root()}/$metadata#users/$entity",
        "id": box.id,
        "displayName": box.name,
        "givenName": given,
        "surname": surname or None,
        "mail": box.email,
        "userPrincipalName": box.email,
        "preferredLanguage": "en-GB",
    }
    names = {name.strip() for name in call.one("$select").split(",") if name.strip()}
    kept = {name: value for name, value in item.items() if name in names or name.startswith("@")}
    return kept | {"id": box.id} if names else item


def working_hours(box: Mailbox) -> dict[str, Any]:
    """Return nine to five, Monday to Friday, in the mailbox's zone."""
    return {
        "daysOfWeek": _WEEK,
        "startTime": "09:00:00.0000000",
        "endTime": "17:00:00.0000000",
        "timeZone": {"name": zones.windows_name(box.zone)},
    }


def settings(microsoft: Microsoft, call: Call) -> dict[str, Any]:
    """GET mailboxSettings."""
    box = microsoft.with_mailbox(call)
    return {
        "@odata.context": f"{microsoft.root()}/$metadata#users/mailboxSettings",
        "timeZone": zones.windows_name(box.zone),
        "language": {"locale": "en-GB", "displayName": "English (United Kingdom)"},
        "dateFormat": "dd/MM/yyyy",
        "timeFormat": "HH:mm",
        "userPurpose": "user",
        "workingHours": working_hours(box),
    }


def patch_settings(microsoft: Microsoft, call: Call) -> dict[str, Any]:
    """PATCH mailboxSettings: the time zone; the rest is ignored."""
    box = microsoft.with_mailbox(call)
    if call.body.get("timeZone"):
        box.zone = zones.wanted(call.body["timeZone"], "timeZone").key
    for name in sorted(set(call.body) - {"timeZone"}):
        microsoft.lab.journal.warning(call, f"the laboratory keeps no mailbox setting {name!r}")
    return settings(microsoft, call)


def supported_zones(microsoft: Microsoft, call: Call) -> dict[str, Any]:
    """GET supportedTimeZones, Windows names unless Iana is asked for; one page, as the real service."""
    standard = call.path_args.get("TimeZoneStandard", "Windows")
    if standard not in {"Windows", "Iana"}:
        raise odata.bad("TimeZoneStandard: Windows or Iana.")
    value = [{"alias": name, "displayName": name} for name in zones.supported(standard)]
    return {"@odata.context": f"{microsoft.root()}/$metadata#timeZoneInformation", "value": value}


def categories(microsoft: Microsoft, call: Call) -> dict[str, Any]:
    """GET masterCategories."""
    return pages.listed(microsoft, call, microsoft.with_mailbox(call).categories)


def _category(microsoft: Microsoft, call: Call) -> tuple[Mailbox, dict[str, Any]]:
    box = microsoft.with_mailbox(call)
    for item in box.categories:
        if item["id"] == call.path_args["outlookCategory_id"]:
            return box, item
    raise Refusal(404, "ErrorItemNotFound", GONE)


def category(microsoft: Microsoft, call: Call) -> dict[str, Any]:
    """GET a category."""
    return _category(microsoft, call)[1]


def create_category(microsoft: Microsoft, call: Call) -> Answer:
    """POST masterCategories; a name is taken once only."""
    box = microsoft.with_mailbox(call)
    name = str(call.body.get("displayName") or "").strip()
    if not name:
        raise Refusal(400, "ErrorInvalidRequest", "A category needs a displayName.")
    if any(item["displayName"].casefold() == name.casefold() for item in box.categories):
        raise Refusal(409, "CategoryDuplicate", "A category with the same name already exists.")
    item = {"id": guid(), "displayName": name, "color": call.body.get("color") or "none"}
    box.categories.append(item)
    return Answer(status=201, body=item)


def patch_category(microsoft: Microsoft, call: Call) -> dict[str, Any]:
    """PATCH a category: the colour; its name is fixed."""
    item = _category(microsoft, call)[1]
    if call.body.get("displayName") not in {None, item["displayName"]}:
        raise Refusal(400, "ErrorInvalidRequest", "displayName cannot be changed.")
    item["color"] = call.body.get("color") or item["color"]
    return item


def delete_category(microsoft: Microsoft, call: Call) -> None:
    """DELETE a category."""
    box, item = _category(microsoft, call)
    box.categories.remove(item)


ROOMS = {
    "graph.user.get": user,
    "graph.mailboxSettings.get": settings,
    "graph.mailboxSettings.patch": patch_settings,
    "graph.supportedTimeZones.list": supported_zones,
    "graph.masterCategories.list": categories,
    "graph.masterCategories.get": category,
    "graph.masterCategories.create": create_category,
    "graph.masterCategories.patch": patch_category,
    "graph.masterCategories.delete": delete_category,
}
