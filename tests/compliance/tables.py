"""docs/compliance.md from the marked tests: nothing is imported, the sources are read."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.compliance.lines import LINES, TITLES, Line

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
TABLES = ROOT / "docs" / "compliance.md"
HEAD = """# Compliance with the standards of CalDAV

Generated from the tests by `make docs`: do not edit. Each line names a paragraph and the tests that prove it, or says
*not* and why. A test may prove less than every word of a paragraph; the line says what is meant.
"""


@cache
def proofs() -> dict[str, list[str]]:
    """Return the tests, as ``path::name``, by the label that they prove."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        source = path.read_text(encoding="utf-8")
        if "proves(" not in source:
            continue
        where = path.relative_to(ROOT).as_posix()
        for name, label in _marked(ast.parse(source)):
            found[label].append(f"{where}::{name}")
    return dict(found)


def _marked(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for mark in node.decorator_list:
            if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Name) and mark.func.id == "proves":
                for each in mark.args:
                    yield node.name, ast.literal_eval(each)


def known() -> dict[str, Line]:
    """Return every line by its label."""
    return {f"{rfc} §{line.paragraph}": line for rfc, lines in LINES.items() for line in lines}


def markdown() -> str:
    """Return the whole document."""
    found = proofs()
    parts = [HEAD]
    for rfc, lines in LINES.items():
        parts += [f"\n## {rfc}: {TITLES[rfc]}\n", "| § | What | Proof |", "| --- | --- | --- |"]
        for line in lines:
            tests = found.get(f"{rfc} §{line.paragraph}", ())
            proof = "<br>".join(_short(test) for test in tests) if tests else f"*not*: {line.why_not}"
            parts.append(f"| {line.paragraph} | {line.what} | {proof} |")
    return "\n".join(parts) + "\n"


def _short(test: str) -> str:
    path, _, name = test.partition("::")
    return f"`{path.rpartition('/')[2]}::{name}`"
