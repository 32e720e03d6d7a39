"""The official schema as validators, the table of methods, and the list of what was ever exercised."""

from __future__ import annotations

import itertools
import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema_rs

SCHEMAS = Path(__file__).parent.parent / "schemas"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of the provider's description."""

    name: str
    verb: str
    pattern: re.Pattern[str]
    parameters: dict[str, dict[str, Any]]
    request: str | None
    response: str | None
    required: tuple[str, ...]
    scopes: frozenset[str]
    """Short names, without the common prefix."""


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", template)
    text = "".join(
        re.escape(part) if index % 2 == 0 else f"(?P<{part}>[^/]+)" for index, part in enumerate(parts)
    )
    return re.compile(text)


@dataclass(slots=True)
class Coverage:
    """Which methods and fields were exercised."""

    methods: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    fields: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def note(self, type_name: str, value: Any) -> None:
        """Count the top-level fields of a body."""
        if isinstance(value, dict):
            for name in value:
                self.fields[f"{type_name}.{name}"] += 1


def findings(validator: jsonschema_rs.Draft202012Validator, type_name: str, value: Any) -> list[str]:
    """Return what contradicts a type, at most five findings, each with its place."""
    if validator.is_valid(value):
        return []
    return [
        f"{'/'.join(map(str, error.instance_path)) or type_name}: {error.message[:200]}"
        for error in itertools.islice(validator.iter_errors(value), 5)
    ]


class Description:
    """An official description: finds the method of a path and validates parameters, bodies and answers."""

    def __init__(self, file_name: str) -> None:
        document = json.loads((SCHEMAS / file_name).read_text("utf-8"))
        self.types: dict[str, Any] = document["$defs"]
        self.global_parameters = frozenset(document["x-globalParameters"])
        self.operations = [self._operation(name, entry) for name, entry in document["x-methods"].items()]
        self.by_name = {operation.name: operation for operation in self.operations}
        self.coverage = Coverage()
        self._validators: dict[str, jsonschema_rs.Draft202012Validator] = {}
        self._parameter_validators: dict[tuple[str, str], jsonschema_rs.Draft202012Validator] = {}

    @staticmethod
    def _operation(name: str, entry: dict[str, Any]) -> Operation:
        return Operation(
            name=name,
            verb=entry["httpMethod"],
            pattern=_pattern(entry["path"]),
            parameters=entry["parameters"],
            request=entry["request"],
            response=entry["response"],
            required=tuple(path for paths in entry["requiredInRequest"].values() for path in paths),
            scopes=frozenset(entry["scopes"]),
        )

    def find(self, verb: str, raw_path: str) -> tuple[Operation, dict[str, str]] | None:
        """Return the method of an undecoded path below the API's root, with its decoded arguments."""
        best: tuple[Operation, dict[str, str]] | None = None
        for operation in self.operations:
            if operation.verb == verb and (match := operation.pattern.fullmatch(raw_path)):
                arguments = {name: unquote(value) for name, value in match.groupdict().items()}
                if best is None or len(arguments) < len(best[1]):
                    best = (operation, arguments)
        return best

    def errors(self, type_name: str, value: Any) -> list[str]:
        """Return what contradicts a type, at most five findings."""
        validator = self._validators.get(type_name)
        if validator is None:
            schema = {"$ref": f"#/$defs/{type_name}", "$defs": self.types}
            validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
            self._validators[type_name] = validator
        return findings(validator, type_name, value)

    def query_errors(self, operation: Operation, query: dict[str, list[str]]) -> list[tuple[str, str]]:
        """Return (parameter, finding) for unknown, repeated, missing or ill-typed query parameters."""
        found = []
        for name, values in query.items():
            if name in self.global_parameters:
                continue
            entry = operation.parameters.get(name)
            if entry is None or entry["in"] != "query":
                found.append((name, "unknown parameter"))
            elif len(values) > 1 and not entry["repeated"]:
                found.append((name, "given more than once"))
            else:
                found += [
                    (name, text) for value in values for text in self._one(operation, name, entry, value)
                ]
        found += [
            (name, "required parameter is missing")
            for name, entry in operation.parameters.items()
            if entry["required"] and entry["in"] == "query" and name not in query
        ]
        return found

    def _one(self, operation: Operation, name: str, entry: dict[str, Any], text: str) -> list[str]:
        kind = entry["schema"].get("type")
        value: Any = text
        if kind == "integer":
            if not re.fullmatch(r"-?\d{1,18}", text):
                return ["not an integer"]
            value = int(text)
        elif kind == "boolean":
            if text not in {"true", "false"}:
                return ["not true or false"]
            value = text == "true"
        validator = self._parameter_validators.get((operation.name, name))
        if validator is None:
            validator = jsonschema_rs.Draft202012Validator(entry["schema"], validate_formats=True)
            self._parameter_validators[operation.name, name] = validator
        return [] if validator.is_valid(value) else [f"not a valid value: {text[:80]!r}"]

    def body_errors(self, operation: Operation, body: Any) -> list[str]:
        """Return what contradicts the request's type, missing required fields included."""
        if operation.request is None:
            return [] if body is None else ["this method takes no body"]
        if not isinstance(body, dict):
            return ["a JSON object is required"]
        found = self.errors(operation.request, body)
        for path in operation.required:
            value: Any = body
            for part in path.split("."):
                value = value.get(part) if isinstance(value, dict) else None
            if value is None:
                found.append(f"{path}: required")
        return found

    def coverage_report(self) -> dict[str, Any]:
        """List exercised and never exercised methods and fields of the types that methods use."""
        used = {name for op in self.operations for name in (op.request, op.response) if name}
        every = {f"{name}.{item}" for name in used for item in self.types[name].get("properties", {})}
        return {
            "methods": dict(self.coverage.methods),
            "methods_never": sorted(set(self.by_name) - set(self.coverage.methods)),
            "fields": dict(sorted(self.coverage.fields.items())),
            "fields_never": sorted(every - set(self.coverage.fields)),
        }
