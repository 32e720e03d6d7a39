"""Reading calendars and their objects, for doors and plug-ins: the store's queries under one roof."""

from gateway.store.calendars import get as calendar
from gateway.store.listings import Field, joined
from gateway.store.objects import by_href, by_hrefs, by_ids, by_uid, every, recurring_in
from gateway.store.occurrences import Span
from gateway.store.summaries import (
    Summary,
    after,
    ids_with_uid_part,
    listing,
    matching,
    names,
    private,
    tags,
    total_bytes,
)
from gateway.store.summaries import by_hrefs as summaries_by_hrefs
from gateway.store.summaries import by_ids as summaries_by_ids
from gateway.store.texts import TextRow
from gateway.store.texts import between as texts_between
from gateway.store.texts import by_hrefs as texts_by_hrefs
from gateway.store.texts import of_ids as texts_of_ids
from gateway.store.texts import page as texts_page

__all__ = [
    "Field",
    "Span",
    "Summary",
    "TextRow",
    "after",
    "by_href",
    "by_hrefs",
    "by_ids",
    "by_uid",
    "calendar",
    "every",
    "ids_with_uid_part",
    "joined",
    "listing",
    "matching",
    "names",
    "private",
    "recurring_in",
    "summaries_by_hrefs",
    "summaries_by_ids",
    "tags",
    "texts_between",
    "texts_by_hrefs",
    "texts_of_ids",
    "texts_page",
    "total_bytes",
]
