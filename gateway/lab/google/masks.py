"""Partial answers: the ``fields`` parameter, such as ``nextPageToken,items(id,start/date)``."""

from __future__ import annotations

from typing import Any

from gateway.lab.core.errors import Refusal

Tree = dict[str, Any]


def _parse(text: str) -> Tree:  # noqa: C901 - one small grammar, clearer in one place
    position = 0

    def fail() -> Refusal:
        return Refusal(
            400, "invalidParameter", f"Invalid field selection {text[:80]}", location="fields", violation=True
        )

    def group(depth: int) -> Tree:
        nonlocal position
        tree: Tree = {}
        while True:
            start = position
            while position < len(text) and text[position] not in "(),/":
                position += 1
            name = text[start:position].strip()
            if not name:
                raise fail()
            branch: Tree = tree.setdefault(name, {})
            while position < len(text) and text[position] == "/":
                position += 1
                start = position
                while position < len(text) and text[position] not in "(),/":
                    position += 1
                branch = branch.setdefault(text[start:position].strip(), {})
            if position < len(text) and text[position] == "(":
                position += 1
                branch.update(group(depth + 1))
            if position >= len(text):
                if depth:
                    raise fail()
                return tree
            mark = text[position]
            position += 1
            if mark == ")":
                if not depth:
                    raise fail()
                return tree
            if mark != ",":
                raise fail()

    return group(0)


def _apply(value: Any, tree: Tree) -> Any:
    if not tree or "*" in tree:
        return value
    if isinstance(value, list):
        return [_apply(item, tree) for item in value]
    if isinstance(value, dict):
        return {name: _apply(item, tree[name]) for name, item in value.items() if name in tree}
    return value


def mask(value: dict[str, Any], fields: str) -> dict[str, Any]:
    """Return the parts of an answer that a selection names; raises Refusal 400 for a broken selection."""
    result: dict[str, Any] = _apply(value, _parse(fields))
    return result
