"""``import`` and ``export``: calendar files into and out of a resource."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.command import ACTOR, Operator, command, refuse
from gateway.domain.model import ConflictPolicy, ObjectKind

if TYPE_CHECKING:
    from gateway.services.imports import ImportReport

_MAX_FILE_BYTES = 512 * 1024 * 1024

Address = Annotated[
    str, typer.Argument(metavar="RESOURCE", help="Short name; LOGIN/SLUG for a calendar that a person made.")
]


def register(app: typer.Typer) -> None:
    """Add these commands to the root."""
    command(app, "import")(import_)
    command(app, "export")(export)


def import_(
    op: Operator,
    address: Address,
    file: Annotated[str, typer.Argument(metavar="FILE", help="Calendar file; - reads standard input.")],
    on_clash: Annotated[
        ConflictPolicy, typer.Option(help="What a taken slot means; warn imports and counts it.")
    ] = ConflictPolicy.WARN,
    kind: Annotated[
        ObjectKind | None,
        typer.Option(help="What everything in the file is; without it each object says so."),
    ] = None,
) -> None:
    """Import a calendar file. Bad entries are listed, the rest is imported; repeating makes no doubles."""
    from gateway.services import imports, resources
    from gateway.services.objects import Origin

    data = _read(file)
    with op.database() as db, _progress(is_shown=not op.is_json) as progress:
        calendar_id = db.read(resources.calendar_id, address)
        report = imports.import_file(
            db,
            calendar_id,
            data,
            origin=Origin(label=ACTOR),
            clock=lambda: op.now,
            limits=op.limits(),
            on_clash=on_clash,
            kind=kind,
            progress=progress,
        )
    op.show(_as_dict(address, report), lambda: _print(address, report))


def export(
    op: Operator,
    address: Address,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Instead of standard output.")
    ] = None,
) -> None:
    """Write everything in a resource's calendar as one calendar file."""
    from gateway.services import exports, resources

    with op.database() as db:
        calendar_id = db.read(resources.calendar_id, address)
        done = db.read(exports.export, calendar_id)
    shown = {"slug": address, "objects": done.objects, "bytes": len(done.ical)}
    if output is None:
        if op.is_json:
            op.show({**shown, "ical": done.ical.decode("utf-8", "replace")})
        else:
            sys.stdout.buffer.write(done.ical)
        return
    try:
        output.write_bytes(done.ical)
    except OSError as error:
        raise refuse(f"{output} cannot be written: {error.strerror}.") from error
    op.show(
        {**shown, "file": str(output)},
        f"Wrote {done.objects} objects to {output}.",
    )


def _read(file: str) -> bytes:
    try:
        data = sys.stdin.buffer.read(_MAX_FILE_BYTES + 1) if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise refuse(f"{file} cannot be read: {error.strerror}.") from error
    if len(data) > _MAX_FILE_BYTES:
        raise refuse(f"The file is larger than {_MAX_FILE_BYTES // 1024**2} MB; split it.")
    return data


@contextmanager
def _progress(*, is_shown: bool) -> Iterator[Callable[[ImportReport], None]]:
    if not (is_shown and sys.stderr.isatty()):
        yield lambda _report: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Reading")

        def show(report: ImportReport) -> None:
            refused = f", {len(report.refused)} refused" if report.refused else ""
            bar.update(task, description=f"{report.done} entries{refused}")

        yield show


def _as_dict(address: str, report: ImportReport) -> dict[str, object]:
    return {
        "slug": address,
        "added": report.added,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "clashing": report.clashing,
        "notes": report.notes,
        "refused": [{"line": each.line, "uid": each.uid, "reason": each.reason} for each in report.refused],
        "unknown_zones": sorted(report.unknown_zones),
    }


def _print(address: str, report: ImportReport) -> None:
    typer.echo(
        f"{address}: {report.added} added, {report.updated} updated, {report.unchanged} unchanged,"
        f" {report.clashing} clashing, {len(report.refused)} refused."
    )
    if report.unknown_zones:
        zones = ", ".join(sorted(report.unknown_zones))
        typer.echo(f"Unknown time zones, read in the zone of the resource: {zones}", err=True)
    for note in report.notes:
        typer.echo(f"  {note}", err=True)
    for each in report.refused:
        typer.echo(f"  line {each.line}: {each.reason}", err=True)
