"""``calgate doctor``: every setting with its source, and what is wrong with a remedy for each."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.command import REFUSED, Operator, command


def register(app: typer.Typer) -> None:
    """Add this command to the root."""
    command(app, "doctor")(doctor)


def doctor(
    op: Operator,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also expand a sample of stored series a second way and compare.")
    ] = False,
    new_key: Annotated[
        bool, typer.Option("--new-key", help="Only print a fresh key for CALGATE_SECRET_KEYS.")
    ] = False,
) -> None:
    """Say what is wrong with this installation and how to mend it. Exit code 1 where something is broken."""
    if new_key:
        from gateway.store.sealed import new_key as make

        key = make()
        op.show({"key": key}, key)
        return
    from gateway.cli.checks import examine
    from gateway.cli.finding import Finding, State
    from gateway.cli.settings_table import rows

    settings = op.settings()
    listed = rows(settings, op.flags)
    findings = examine(settings, now=op.now, deep=deep)
    is_broken = any(finding.state is State.BROKEN for finding in findings)

    def print_all() -> None:
        typer.echo("Settings")
        for row in listed:
            typer.echo(f"  {row['name']:28} {row['value']!s:32} {row['source']}")
        typer.echo("\nChecks")
        for finding in findings:
            _print(finding)

    def _print(finding: Finding) -> None:
        typer.echo(f"  {finding.state.value:7} {finding.name}: {finding.text}")
        if finding.remedy:
            typer.echo(f"          {finding.remedy}")

    checks = [
        {"name": each.name, "state": each.state.value, "text": each.text, "remedy": each.remedy}
        for each in findings
    ]
    op.show({"ok": not is_broken, "settings": listed, "checks": checks}, print_all)
    if is_broken:
        raise typer.Exit(REFUSED)
