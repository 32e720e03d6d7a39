"""Every switch of the laboratory, with the source of the behaviour it stands for.

Marks: ``official`` (discovery document or the provider's guide), ``thread`` (seen in public issue
threads or third-party code), ``assumption`` (believed, not verified; both settings deserve a test),
``lab`` (belongs to the simulator, says nothing about the provider), ``mutation`` (breaks the simulator
on purpose).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any


def _switch(default: Any, mark: str, text: str) -> Any:
    return field(default=default, metadata={"mark": mark, "text": text})


@dataclass(slots=True, kw_only=True)
class Settings:
    """All switches; changed at run time through ``PATCH /lab/settings``."""

    # Signing in
    access_token_life_s: float = _switch(3600.0, "official", "life of an access token")
    code_life_s: float = _switch(60.0, "official", "life of an authorization code, single use")
    refresh_token_life_s: float = _switch(0.0, "thread", "0: for ever; 604800: consent screen in Testing")
    live_refresh_tokens: int = _switch(100, "official", "per account and client; older ones die silently")
    require_pkce: bool = _switch(True, "lab", "refuse a consent request without an S256 challenge")
    rotate_refresh_tokens: bool = _switch(False, "assumption", "a refresh answers with a new refresh token")
    jwt_skew_s: float = _switch(300.0, "assumption", "how far iat and exp of an assertion may be off")
    # Lists
    page_cap: int = _switch(3, "lab", "items per page at most, whatever maxResults says")
    empty_page_chance: float = _switch(0.1, "official", "a page may be empty and still have a next token")
    sync_token_life_s: float = _switch(2_592_000.0, "assumption", "older sync tokens answer 410")
    sync_token_changes: int = _switch(100_000, "assumption", "more changes than this since the token: 410")
    strict_sync_parameters: bool = _switch(True, "lab", "refuse other parameters than the first request's")
    acl_change_expires_tokens: bool = _switch(
        True, "official", "a changed access list invalidates sync tokens"
    )
    # Events
    rewrite_text: bool = _switch(True, "assumption", "trim and normalise titles and descriptions")
    description_cap: int = _switch(8192, "assumption", "characters of a description that are kept")
    summary_cap: int = _switch(1024, "assumption", "characters of a title that are kept")
    allow_revival: bool = _switch(
        True, "thread", "PATCH status=confirmed brings a deleted event back; else 403"
    )
    refuse_sub_daily: bool = _switch(True, "assumption", "HOURLY, MINUTELY and SECONDLY rules answer 400")
    refuse_local_until: bool = _switch(True, "assumption", "UNTIL of a timed rule must be UTC")
    drop_exceptions: str = _switch(
        "all", "assumption", "new times of a master drop all exceptions, or only the rekeyed ones"
    )
    patch_needs_null: bool = _switch(True, "thread", "timed to all-day needs the other field set to null")
    revision_bumps: bool = _switch(True, "assumption", "sequence rises when times or rule change")
    endless_years: int = _switch(3, "assumption", "years that an endless series expands without timeMax")
    # Mail
    mail_when_unsaid: bool = _switch(
        True, "assumption", "attendees without sendUpdates may be mailed: an outbox entry is written"
    )
    invitation_limit: int = _switch(10_000, "official", "invitations per account, then quotaExceeded")
    silent_attendees_count: bool = _switch(
        True, "thread", "attendees count against the invitation limit even without mail"
    )
    # Access
    app_created_foreign_status: int = _switch(
        404, "assumption", "answer for a calendar of another client under calendar.app.created (403 or 404)"
    )
    # Quotas; 0 turns one off
    user_per_minute: float = _switch(600.0, "official", "requests per account and minute")
    project_per_minute: float = _switch(10_000.0, "official", "requests per client project and minute")
    quota_speed: float = _switch(1.0, "lab", "how many times faster Google's quotas refill, for short trials")
    quota_status: int = _switch(403, "official", "403 or 429 for an empty bucket")
    calendar_writes_burst: float = _switch(0.0, "official", "writes to one calendar in a burst")
    calendar_writes_per_s: float = _switch(5.0, "assumption", "refill of that burst")
    new_calendars: int = _switch(60, "official", "secondary calendars an account may create")
    # Busy times
    free_busy_calendars: int = _switch(50, "official", "calendars per freeBusy query")
    free_busy_days: float = _switch(90.0, "thread", "longest span of a freeBusy query")
    # Channels
    webhook_http: bool = _switch(False, "lab", "accept http addresses for channels, for loopback demos")
    channel_life_s: float = _switch(3600.0, "assumption", "life of a channel that asked for none")
    channel_life_cap_s: float = _switch(604_800.0, "thread", "longest life of a channel")
    webhook_backoff_s: float = _switch(0.2, "lab", "first pause before a webhook is repeated, real seconds")
    webhook_tries: int = _switch(5, "assumption", "deliveries of one message at most")
    webhook_timeout_s: float = _switch(10.0, "assumption", "how long a receiver may take")
    # Reads
    list_lag_s: float = _switch(
        0.0, "thread", "lists and busy times show writes only after this many seconds"
    )
    # Microsoft
    graph_latency_s: float = _switch(0.004, "lab", "real seconds that every Graph call takes at least")
    mailbox_concurrency: int = _switch(4, "official", "calls per app and mailbox at once; more answer 429")
    mailbox_per_10_minutes: float = _switch(10_000.0, "official", "requests per app and mailbox")
    throttle_wait_s: float = _switch(1.0, "lab", "Retry-After of a 429 for concurrency")
    batch_fifth_throttled: bool = _switch(
        True, "thread", "in one batch, calls beyond four for a mailbox and without dependsOn answer 429"
    )
    delta_token_life_s: float = _switch(2_592_000.0, "assumption", "older delta links answer 410")
    delta_token_changes: int = _switch(100_000, "assumption", "more changes than this since the link: 410")
    delta_gone_code: str = _switch(
        "syncStateNotFound", "thread", "code of that 410, or resyncRequired with a Location"
    )
    delta_outside_removed: bool = _switch(
        True, "official", "a delta names changed events outside its window as removed"
    )
    delta_lost_occurrences: float = _switch(
        0.5, "thread", "chance that a deleted occurrence is missing in a delta without a removal notice"
    )
    occurrences_as_stubs: bool = _switch(True, "thread", "a delta shows occurrences with times and ids only")
    mailbox_wide_events: bool = _switch(
        True, "official", "me/events, listed or watched, means all own calendars; else the default one"
    )
    view_days: float = _switch(1825.0, "thread", "longest span of calendarView")
    view_marker_filter: bool = _switch(
        False, "assumption", "calendarView may be filtered by extended properties; else 400"
    )
    transaction_memory_s: float = _switch(
        0.0, "assumption", "how long a transactionId is remembered; 0: for ever"
    )
    wipe_exceptions: bool = _switch(
        True, "thread", "a PATCH of a series' rule or times drops exceptions and cancellations"
    )
    occurrence_boundaries: bool = _switch(
        True, "assumption", "an occurrence may neither overlap a neighbour, share its day, nor pass it"
    )
    misfit_start: str = _switch(
        "shift", "assumption", "a series' start that its pattern does not hit: shift it, or refuse"
    )
    windows_zone_names: bool = _switch(
        True, "assumption", "original zones are answered as Windows names, whatever was sent"
    )
    folder_names_unique: bool = _switch(True, "thread", "a calendar's name is taken: 409 ErrorFolderExists")
    schedule_days: float = _switch(62.0, "thread", "longest span of getSchedule")
    schedule_addresses: int = _switch(20, "thread", "addresses per getSchedule")
    schedule_items: int = _switch(1000, "assumption", "items per address; more answer error 5006")
    subscription_minutes: float = _switch(10_080.0, "official", "longest life of a subscription")
    subscription_least_minutes: float = _switch(45.0, "official", "shorter lives are raised to this")
    mailbox_subscriptions: int = _switch(1000, "official", "subscriptions per mailbox")
    handshake_timeout_s: float = _switch(10.0, "official", "how long a receiver may take to validate")
    notification_delay_s: float = _switch(0.02, "lab", "real seconds in which notifications are gathered")
    notification_batch: int = _switch(10, "assumption", "notifications in one POST at most")
    slow_answer_s: float = _switch(10.0, "official", "a receiver that takes longer counts as slow")
    slow_share: float = _switch(0.15, "official", "share of slow answers that gets notifications dropped")
    slow_least: int = _switch(10, "assumption", "answers in ten minutes before that share counts")
    reauthorize_after_s: float = _switch(
        0.0, "assumption", "a subscription asks for reauthorization after this; 0: never"
    )
    # CalDAV
    dav_sync_collection: bool = _switch(True, "official", "sync-collection is offered (RFC 6578)")
    dav_sync_page: int = _switch(3, "lab", "changes per sync-collection answer; more come in parts; 0: all")
    dav_ignore_conditions: bool = _switch(False, "thread", "If-Match and If-None-Match are not looked at")
    dav_etags: str = _switch("strong", "thread", "strong, weak, missing, changing with each answer, constant")
    dav_rewrite: bool = _switch(False, "official", "objects are stored sorted, folded and stamped otherwise")
    dav_drop_x: bool = _switch(False, "thread", "X- properties are not kept")
    dav_own_uids: bool = _switch(False, "thread", "the server gives objects UIDs of its own")
    dav_html_errors: bool = _switch(False, "thread", "errors come as HTML pages")
    dav_uid_scope: str = _switch("calendar", "thread", "a UID is unique in its calendar, or in the account")
    dav_trash_bin: bool = _switch(False, "thread", "the UID of a deleted object is refused with 400")
    dav_mail_without_organizer: bool = _switch(
        True, "assumption", "guests of an object without ORGANIZER are mailed too"
    )
    # Mutations
    ignore_if_match: bool = _switch(False, "mutation", "If-Match is not looked at")
    accept_any_id: bool = _switch(False, "mutation", "any event id is accepted and duplicates overwrite")
    drop_pkce: bool = _switch(False, "mutation", "the code verifier is not compared")
    never_expire_tokens: bool = _switch(False, "mutation", "access, refresh and sync tokens live for ever")
    keep_used_refresh_tokens: bool = _switch(False, "mutation", "Entra accepts a rotated refresh token again")
    ignore_transaction_id: bool = _switch(False, "mutation", "the same transactionId makes another event")
    skip_handshake: bool = _switch(False, "mutation", "a subscription is made without asking its receiver")
    markers_always: bool = _switch(False, "mutation", "extended properties come without $expand")
    keep_exceptions: bool = _switch(False, "mutation", "new times of a series keep its exceptions")

    def patch(self, changes: dict[str, Any]) -> None:
        """Change switches by name; an unknown name or a wrong type raises ValueError and changes nothing."""
        known = {item.name: item for item in fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"No switch is called {name!r}; GET /lab/settings lists them.")
            wanted = type(known[name].default)
            fits = isinstance(value, (int, float)) if wanted is float else isinstance(value, wanted)
            if not fits or (wanted in {int, float} and isinstance(value, bool)):
                raise ValueError(f"The switch {name!r} wants {wanted.__name__}, not {type(value).__name__}.")
        for name, value in changes.items():
            setattr(self, name, float(value) if isinstance(known[name].default, float) else value)

    def describe(self) -> dict[str, dict[str, Any]]:
        """List every switch with value, default, mark and sentence."""
        values = asdict(self)
        return {
            item.name: {"value": values[item.name], "default": item.default, **item.metadata}
            for item in fields(self)
        }
