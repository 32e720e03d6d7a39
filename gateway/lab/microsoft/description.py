"""Graph's official description (OpenAPI): finds the method of a path, validates queries, bodies, answers."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import jsonschema_rs

from gateway.lab.core.schemas import SCHEMAS, Coverage, findings

FILE = "graph-calendar.openapi.json"
_REFERENCE = "#/components/schemas/"
_VERBS = {"get", "post", "patch", "delete"}
_COLLECTION = {"get": "list", "post": "create"}
_ITEM = {"get": "get", "patch": "patch", "delete": "delete"}
_ITEMS = {
    "{event-id}": "events",
    "{calendar-id}": "calendars",
    "{calendarGroup-id}": "calendarGroups",
    "{outlookCategory-id}": "masterCategories",
    "{subscription-id}": "subscriptions",
    "{user-id}": "user",
}
_ACTIONS = {
    "accept",
    "cancel",
    "decline",
    "dismissReminder",
    "forward",
    "permanentDelete",
    "reauthorize",
    "snoozeReminder",
    "tentativelyAccept",
}
_OPEN = ("microsoft.graph.resourceData",)
"""Open types whose members the cut-down description does not list at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphOperation:
    """One method of the description; several paths share a name (``/me`` and ``/users/{user-id}``)."""

    name: str
    verb: str
    segments: tuple[str, ...]
    parameters: frozenset[str]
    required: frozenset[str]
    request: str | None
    response: str | None


def name_of(path: str, verb: str) -> str:
    """Return a short name such as ``graph.events.create`` for a path template and a verb in small letters."""
    segments = path.strip("/").split("/")
    last = segments[-1]
    if last == "delta":
        return f"graph.{segments[-2]}.delta"
    if last in _ITEMS:
        return f"graph.{_ITEMS[last]}.{_ITEM[verb]}"
    if last == "me":
        return f"graph.user.{_ITEM[verb]}"
    if last == "calendar":
        return f"graph.calendars.{_ITEM[verb]}"
    if last.startswith("supportedTimeZones"):
        return "graph.supportedTimeZones.list"
    if last == "mailboxSettings":
        return f"graph.mailboxSettings.{_ITEM[verb]}"
    if last in _ACTIONS:
        owner = "calendars" if segments[-2] == "calendar" else _ITEMS[segments[-2]]
        return f"graph.{owner}.{last}"
    if last == "instances":
        return "graph.events.instances"
    if last in {"getSchedule", "findMeetingTimes", "$batch"}:
        return f"graph.{last}"
    return f"graph.{last}.{_COLLECTION[verb]}"


def _type_of(schema: dict[str, Any] | None) -> str | None:
    if schema is None:
        return None
    reference = schema.get("$ref", "")
    return reference.removeprefix(_REFERENCE) if reference else "object"


def _body_type(entry: dict[str, Any]) -> str | None:
    content = (entry.get("requestBody") or {}).get("content", {}).get("application/json", {})
    return _type_of(content.get("schema")) if content else None


class GraphDescription:
    """The description as a judge."""

    def __init__(self) -> None:
        document = json.loads((SCHEMAS / FILE).read_text("utf-8"))
        self._components = document["components"]
        for name in _OPEN:
            self._components["schemas"][name]["additionalProperties"] = True
        self.operations = [
            self._operation(path, verb, entry, methods.get("parameters", []))
            for path, methods in document["paths"].items()
            for verb, entry in methods.items()
            if verb in _VERBS
        ]
        self.names = {operation.name for operation in self.operations}
        self.coverage = Coverage()
        self._validators: dict[str, jsonschema_rs.Draft202012Validator] = {}

    @staticmethod
    def _operation(
        path: str, verb: str, entry: dict[str, Any], shared: list[dict[str, Any]]
    ) -> GraphOperation:
        query = [item for item in [*shared, *entry.get("parameters", [])] if item["in"] == "query"]
        answers = [answer for status, answer in entry["responses"].items() if status != "default"]
        content = answers[0].get("content", {}).get("application/json", {})
        return GraphOperation(
            name=name_of(path, verb),
            verb=verb.upper(),
            segments=tuple(path.strip("/").split("/")),
            parameters=frozenset(item["name"] for item in query),
            required=frozenset(item["name"] for item in query if item.get("required")),
            request=_body_type(entry),
            response=_type_of(content.get("schema")),
        )

    def find(self, verb: str, raw_path: str) -> tuple[GraphOperation, dict[str, str]] | None:
        """Return the method of an undecoded path below ``/v1.0``, with its decoded arguments."""
        parts = [unquote(part) for part in raw_path.strip("/").split("/")]
        best: tuple[GraphOperation, dict[str, str]] | None = None
        for operation in self.operations:
            if operation.verb != verb or len(operation.segments) != len(parts):
                continue
            arguments = _matched(operation.segments, parts)
            if arguments is not None and (best is None or len(arguments) < len(best[1])):
                best = (operation, arguments)
        return best

    def errors(self, type_name: str, value: Any) -> list[str]:
        """Return what contradicts a type, at most five findings."""
        if type_name == "object":
            return [] if value is None or isinstance(value, dict) else ["a JSON object is required"]
        validator = self._validators.get(type_name)
        if validator is None:
            schema = {"$ref": _REFERENCE + type_name, "components": self._components}
            validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
            self._validators[type_name] = validator
        return findings(validator, type_name, value)

    def query_errors(self, operation: GraphOperation, query: dict[str, list[str]]) -> list[tuple[str, str]]:
        """Return (parameter, finding) for unknown, repeated or missing query parameters."""
        found = [(name, "unknown parameter") for name in query if name not in operation.parameters]
        found += [(name, "given more than once") for name, values in query.items() if len(values) > 1]
        return found + [
            (name, "required parameter is missing")
            for name in sorted(operation.required)
            if not query.get(name, [""])[0]
        ]

    def coverage_report(self) -> dict[str, Any]:
        """List exercised and never exercised methods, and fields of the types that methods use."""
        used = {name for op in self.operations for name in (op.request, op.response) if name}
        schemas = self._components["schemas"]
        every = {
            f"{name}.{item}"
            for name in used
            if name in schemas
            for item in schemas[name].get("properties", {})
        }
        return {
            "methods": dict(self.coverage.methods),
            "methods_never": sorted(self.names - set(self.coverage.methods)),
            "fields": dict(sorted(self.coverage.fields.items())),
            "fields_never": sorted(every - set(self.coverage.fields)),
        }


def _matched(segments: tuple[str, ...], parts: list[str]) -> dict[str, str] | None:
    arguments: dict[str, str] = {}
    for segment, part in zip(segments, parts, strict=True):
        if segment.startswith("{"):
            if not part:
                return None
            arguments[segment.strip("{}").replace("-", "_")] = part
        elif "(" in segment:
            match = re.fullmatch(r"supportedTimeZones\(TimeZoneStandard='(\w+)'\)", part)
            if match is None:
                return None
            arguments["TimeZoneStandard"] = match[1]
        elif part.removesuffix("()") != segment:
            return None
    return arguments
