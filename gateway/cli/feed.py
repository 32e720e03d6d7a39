"""``calgate feed``: links by which anybody can subscribe, without an account."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.command import ACTOR, Operator, command, group, refuse

if TYPE_CHECKING:
    from gateway.domain.feed_spec import Feed
    from gateway.services import Transaction
    from gateway.services.feeds import NewFeed
    from gateway.settings import Settings

app = group("feed", "Feed links: create, list, change, revoke.")

FeedId = Annotated[str, typer.Argument(metavar="ID", help="Id of the feed; its first 8 digits are enough.")]
Privacy = Annotated[
    str | None, typer.Option("--privacy", metavar="LEVEL", help="freebusy, titles, fields or full.")
]
Fields = Annotated[
    str | None,
    typer.Option(metavar="NAMES", help="For --privacy fields: e.g. location,description,categories,url."),
]
Kinds = Annotated[
    str | None, typer.Option(metavar="KINDS", help="Only these: booking, block, hold, separated by commas.")
]
PastDays = Annotated[int | None, typer.Option("--past-days", help="The feed reaches so many days back.")]
FutureDays = Annotated[int | None, typer.Option("--future-days", help="And so many days ahead.")]
Alarms = Annotated[bool | None, typer.Option("--alarms/--no-alarms", help="Keep reminders.")]
ShowPrivate = Annotated[
    bool | None,
    typer.Option("--show-private/--hide-private", help="Show PRIVATE and CONFIDENTIAL like all others."),
]
Utc = Annotated[
    bool | None, typer.Option("--utc/--zones", help="Times in UTC only, for programs that misread zones.")
]
Gzip = Annotated[bool | None, typer.Option("--gzip/--no-gzip", help="Compress where a program asks.")]
Expires = Annotated[
    str | None,
    typer.Option(metavar="DATE", help="The link is dead from then on: 2027-01-31, or with a time."),
]


@command(app, "create")
def create(
    op: Operator,
    slugs: Annotated[list[str], typer.Argument(metavar="SLUG...", help="Resources, in the feed's order.")],
    privacy: Privacy = "titles",
    fields: Fields = None,
    name: Annotated[str | None, typer.Option(help="Name of the calendar that subscribers see.")] = None,
    owner: Annotated[
        str | None,
        typer.Option(metavar="LOGIN", help="Whose feed it is; it never shows more than she may see."),
    ] = None,
    past_days: PastDays = None,
    future_days: FutureDays = None,
    alarms: Alarms = None,
    kinds: Kinds = None,
    expires: Expires = None,
    show_private: ShowPrivate = None,
    utc: Utc = None,
    gzip: Gzip = None,
) -> None:
    """Make a link; it is a secret, so give it only to those who may see what it shows."""
    from gateway.services import feeds

    settings = op.settings()
    given = _given(
        privacy, fields, name, past_days, future_days, alarms, kinds, expires, show_private, utc, gzip
    )
    with op.database() as db:
        made = db.write(feeds.create, slugs, owner=owner, settings=settings, now=op.now, actor=ACTOR, **given)
        shown = db.read(_described, [made.feed], now=op.now)[0]
    _show_links(op, made, shown, settings)


@command(app, "list")
def list_(
    op: Operator,
    resource: Annotated[str | None, typer.Option(metavar="SLUG", help="Only feeds of this resource.")] = None,
    owner: Annotated[str | None, typer.Option(metavar="LOGIN", help="Only feeds of this person.")] = None,
) -> None:
    """List feeds, without their links."""
    from gateway.services import feeds

    with op.database() as db:
        found = db.read(feeds.list_, address=resource, owner=owner)
        rows = db.read(_described, found, now=op.now)
    op.table(
        rows,
        ("id", "name", "resources", "privacy", "owner", "state", "last_fetch"),
        empty="There are no feeds; make one with `calgate feed create SLUG`.",
    )


@command(app, "show")
def show(op: Operator, feed_id: FeedId) -> None:
    """Show a feed of the operator again, link included; each look is in the audit table."""
    from gateway.services import feeds

    settings = op.settings()
    with op.database() as db:
        made = db.write(feeds.show_link, feed_id, settings=settings, now=op.now, viewer=None, actor=ACTOR)
        shown = db.read(_described, [made.feed], now=op.now)[0]
    _show_links(op, made, shown, settings)


@command(app, "set")
def set_(
    op: Operator,
    feed_id: FeedId,
    privacy: Privacy = None,
    fields: Fields = None,
    name: Annotated[str | None, typer.Option(help="Name of the calendar that subscribers see.")] = None,
    past_days: PastDays = None,
    future_days: FutureDays = None,
    alarms: Alarms = None,
    kinds: Kinds = None,
    expires: Expires = None,
    show_private: ShowPrivate = None,
    utc: Utc = None,
    gzip: Gzip = None,
) -> None:
    """Change a feed; its link stays the same."""
    from gateway.services import feeds

    given = _given(
        privacy, fields, name, past_days, future_days, alarms, kinds, expires, show_private, utc, gzip
    )
    if not given:
        raise refuse("Nothing to change; see `calgate feed set --help`.")
    with op.database() as db:
        changed = db.write(feeds.set_, feed_id, now=op.now, actor=ACTOR, **given)
        shown = db.read(_described, [changed], now=op.now)[0]
    op.show(shown, f"Changed feed {changed.uuid}.")


@command(app, "revoke")
def revoke(op: Operator, feed_id: FeedId) -> None:
    """End a feed at once; its link cannot come back."""
    from gateway.services import feeds

    with op.database() as db:
        gone = db.write(feeds.revoke, feed_id, now=op.now, actor=ACTOR)
        shown = db.read(_described, [gone], now=op.now)[0]
    op.show(shown, f"Revoked feed {gone.uuid}; its link answers 404 from now on.")


def _given(
    privacy: str | None,
    fields: str | None,
    name: str | None,
    past_days: int | None,
    future_days: int | None,
    alarms: bool | None,
    kinds: str | None,
    expires: str | None,
    show_private: bool | None,
    utc: bool | None,
    gzip: bool | None,
) -> dict[str, Any]:  # Any: settings of services.feeds, checked there
    """Return what was given, checked as far as it is words."""
    from gateway.domain.model import FeedLevel, ObjectKind

    values: dict[str, object | None] = {
        "level": _word(FeedLevel, privacy, "--privacy") if privacy is not None else None,
        "fields": fields.split(",") if fields is not None else None,
        "title": name,
        "past_days": past_days,
        "future_days": future_days,
        "has_alarms": alarms,
        "kinds": [_word(ObjectKind, each.strip(), "--kinds") for each in kinds.split(",") if each.strip()]
        if kinds is not None
        else None,
        "expires_at_utc": _instant(expires) if expires is not None else None,
        "shows_private": show_private,
        "uses_utc": utc,
        "allows_gzip": gzip,
    }
    return {key: value for key, value in values.items() if value is not None}


def _word(words: type, text: str, option: str) -> object:
    try:
        return words(text.lower())
    except ValueError:
        known = ", ".join(each.value for each in words)  # type: ignore[attr-defined] # an enumeration
        raise typer.BadParameter(f"{text!r} is not one of {known}.", param_hint=option) from None


def _instant(text: str) -> datetime:
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("give a date such as 2027-01-31.", param_hint="--expires") from None
    if len(text) <= len("2027-01-31"):
        value = datetime.combine(value.date(), time.min)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _described(tx: Transaction, found: list[Feed], *, now: datetime) -> list[dict[str, object]]:
    """Return feeds as the CLI shows them: everything but the secret."""
    from gateway.services import feed_fetches, feeds

    fetched = feed_fetches.last_fetches(tx, found)
    rows: list[dict[str, object]] = []
    for feed in found:
        is_over = feed.expires_at_utc is not None and feed.expires_at_utc <= now
        names = feeds.names_of(tx, feed)
        rows.append(
            {
                "id": feed.uuid,
                "name": feed.title,
                "resources": names.resources,
                "privacy": feed.level.value,
                "fields": list(feed.fields),
                "owner": names.owner,
                "state": "expired" if is_over and feed.state == "live" else feed.state,
                "past_days": feed.past_days,
                "future_days": feed.future_days,
                "alarms": feed.has_alarms,
                "kinds": [kind.value for kind in feed.kinds],
                "show_private": feed.shows_private,
                "utc": feed.uses_utc,
                "gzip": feed.allows_gzip,
                "created": feed.created_at_utc,
                "expires": feed.expires_at_utc,
                "last_fetch": fetched.get(feed.id),
            }
        )
    return rows


def _show_links(op: Operator, made: NewFeed, shown: dict[str, object], settings: Settings) -> None:
    links = made.links(settings.base_url)
    op.show(
        {**shown, **links.as_dict()},
        f"Feed {made.feed.uuid}, {made.feed.level.value}.\n"
        f"  Subscribe:    {links.url}\n"
        f"  One click:    {links.webcal}\n"
        f"  Page:         {links.html}\n"
        f"  Google:       {links.google}\n"
        f"  Outlook:      {links.outlook}\n"
        f"  Free/busy:    {links.ifb}\n"
        "Whoever has the link sees what it shows. End it with `calgate feed revoke`.",
    )
