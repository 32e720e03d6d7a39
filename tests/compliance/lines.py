"""The paragraphs of the standards that a CalDAV server answers for, in words of our own.

``paragraph`` is the number, with a word behind it where one paragraph says several things. ``why_not`` is set
on what Calgate does not do, and only there.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One requirement."""

    paragraph: str
    what: str
    why_not: str = ""


TITLES = {
    "RFC 4791": "CalDAV",
    "RFC 6578": "Collection synchronisation",
    "RFC 4918": "WebDAV",
    "RFC 3744": "Access control",
    "RFC 3253": "Reports and supported sets",
    "RFC 5397": "Current principal",
    "RFC 4331": "Quota",
    "RFC 5689": "Extended MKCOL",
    "RFC 5995": "POST to add members",
    "RFC 6638": "Scheduling",
    "RFC 6764": "Discovery",
    "RFC 7232": "Conditional requests",
    "RFC 7240": "Prefer",
    "RFC 7265": "jCal",
    "RFC 7809": "Time zones by reference",
    "RFC 7953": "Availability",
    "RFC 8144": "Prefer in WebDAV",
    "RFC 8607": "Managed attachments",
    "RFC 9110": "HTTP",
}
_NO_DELETE = "one wrong tap in a client would lose a whole calendar; `calgate resource remove` deletes it"
_NO_SCHEDULING = "there are no invitations over CalDAV, so nothing is claimed in the DAV header"

LINES: dict[str, tuple[Line, ...]] = {
    "RFC 4791": (
        Line("2", "calendar-access stands in the DAV header of OPTIONS, without a login"),
        Line("4.1", "one UID per object, no METHOD, components of one kind; the same UID once in a calendar"),
        Line("4.2", "calendars hold calendar objects only and lie in the home, never in one another"),
        Line("5.2.1", "calendar-description, set by each person for herself"),
        Line("5.2.2", "calendar-timezone, told as a VTIMEZONE; each person may set it for herself"),
        Line("5.2.2 refused", "a value without one known VTIMEZONE is refused by valid-calendar-data"),
        Line(
            "5.2.2 use", "times without a zone are read in the zone that the person has set, in her queries"
        ),
        Line("5.2.3", "supported-calendar-component-set is told and enforced"),
        Line("5.2.4", "supported-calendar-data"),
        Line("5.2.5", "max-resource-size is told and enforced"),
        Line("5.2.6", "min-date-time and max-date-time are told"),
        Line("5.2.6 enforced", "what lies out of them is refused by PUT, POST, COPY and MOVE, and named"),
        Line("5.2.8", "max-instances is told and enforced"),
        Line("5.2.9", "max-attendees-per-instance is absent, which says that there is no limit"),
        Line("5.3.1", "MKCALENDAR with properties; what cannot be set makes nothing"),
        Line("5.3.1.1", "calendar-collection-location-ok, resource-must-be-null"),
        Line("5.3.2", "PUT of a new and of a known object, If-None-Match: *"),
        Line("5.3.2.1", "preconditions of PUT as DAV error bodies"),
        Line("5.3.2.1 uid", "no-uid-conflict names the object that has the UID"),
        Line("5.3.3", "parameters, X- properties and X- components are kept"),
        Line("5.3.4", "strong ETags; what was stored comes back byte for byte"),
        Line("6.1.1", "read-free-busy is part of read; a grant of free/busy alone is a masked calendar"),
        Line("6.2.1", "calendar-home-set of the principal"),
        Line("7", "calendar-query and calendar-multiget on a single object"),
        Line(
            "7.5", "supported-collation-set; text is compared by i;ascii-casemap, i;octet, i;unicode-casemap"
        ),
        Line("7.6", "partial retrieval of components and properties"),
        Line("9.6.1", "comp, prop, allcomp, allprop and novalue, for random objects"),
        Line("7.8", "calendar-query with component, property, parameter, text and time conditions"),
        Line("7.8 errors", "a filter that cannot be answered is refused by the right precondition"),
        Line("7.8 bounds", "filters and rules cost bounded time and memory, whatever they ask"),
        Line("7.8 hidden", "a filter sees what the person sees, and is no way to search hidden text"),
        Line("7.9", "calendar-multiget; what is missing is 404"),
        Line("7.10", "free-busy-query, merged, with the types of busy time"),
        Line("9.3", "mkcalendar-response: which property kept the calendar from being made"),
        Line("9.6.5", "expand gives instances in UTC"),
        Line("9.6.6", "limit-recurrence-set leaves out overrides beyond the range"),
        Line(
            "9.6.7", "limit-freebusy-set", "no VFREEBUSY object can be stored, so there is nothing to limit"
        ),
        Line("9.7", "every filter finds what a slow evaluator, written from the text of the RFC, finds"),
        Line("9.9", "time ranges of events, tasks, journals and alarms"),
    ),
    "RFC 6578": (
        Line("3.2", "sync-collection since a token: changed, new and removed members"),
        Line("3.2 home", "sync-collection on the home: calendars that are new, changed or out of sight"),
        Line("3.4", "the first synchronisation with an empty token"),
        Line("3.6", "with a limit: 507 for the collection while there is more"),
        Line("3.2 token", "a foreign, expired or restored token is refused with valid-sync-token"),
        Line("4", "DAV:sync-token of calendars, not told by allprop"),
    ),
    "RFC 4918": (
        Line("4.3", "the value of a property keeps its attributes, xml:lang, names and white space"),
        Line("9.1", "PROPFIND with prop, allprop, propname and include"),
        Line("9.1 depth", "Depth 0 and 1; infinity is refused with propfind-finite-depth"),
        Line("9.2", "PROPPATCH is atomic with a status per property: 403 beside 424"),
        Line("9.2 protected", "live properties cannot be changed, and an attempt loses nothing"),
        Line("9.6.1", "DELETE of a collection", _NO_DELETE),
        Line("9.7.1", "PUT on a calendar is refused"),
        Line("9.8", "COPY of objects, between two calendars: the copy is an object of its own"),
        Line("9.8.2", "the copy gets the dead properties of the original"),
        Line("9.8.5", "what may not be at the destination is refused by name, for COPY and MOVE alike"),
        Line("9.9", "MOVE of objects, in a calendar and between two"),
        Line("9.9.1", "the dead properties of an object move with it"),
        Line(
            "9.10", "LOCK and UNLOCK", "class 2 is not claimed; ETags and the write's own transaction serve"
        ),
        Line("10.4", "If: lists, Not, entity tags of this and of other resources; no lock is ever current"),
        Line("10.6", "Overwrite"),
        Line("15.1", "creationdate of objects"),
        Line("15.4", "getcontentlength of objects; that of masked ones is not told"),
        Line("15 calendars", "dead properties are kept whole on calendars, for each person"),
        Line("15 objects", "dead properties are kept whole on objects, for each person"),
        Line("17", "DOCTYPE and entities are refused, XML is bounded in size, depth and number"),
        Line("17 random", "random requests and objects make no error of the server"),
    ),
    "RFC 3744": (
        Line(
            "2", "principals for the person, and for people, rooms and equipment whose calendars she may see"
        ),
        Line("4.2", "principal-URL"),
        Line("4.4", "group-membership is empty: groups are no principals"),
        Line("5.1", "DAV:owner of calendars is the person in whose home they lie"),
        Line("5.3", "supported-privilege-set"),
        Line("5.4", "current-user-privilege-set is exact"),
        Line("5.5", "DAV:acl, read only: the entry of the person who asks"),
        Line("5.5 others", "entries of other people in DAV:acl", "nobody is told of other people's rights"),
        Line("5.6", "acl-restrictions"),
        Line("5.8", "principal-collection-set"),
        Line("7.1.1", "a refusal for missing rights names the privilege in need-privileges"),
        Line("8.1", "ACL", "rights are granted by managers in Calgate, where departments and groups are"),
        Line("9.2", "acl-principal-prop-set: the person who asks, as nobody else stands in DAV:acl"),
        Line("9.3", "principal-match for DAV:self"),
        Line(
            "9.3 property",
            "principal-match by a property",
            "it names what a person owns, which is all of her home: PROPFIND lists that",
        ),
        Line("9.4", "principal-property-search by name, address and kind"),
        Line("9.4 hidden", "nobody finds what she has no right on"),
        Line("9.5", "principal-search-property-set"),
    ),
    "RFC 3253": (
        Line("3.1.3", "supported-method-set lists what works"),
        Line("3.1.5", "supported-report-set lists what works and nothing else"),
        Line("3.6", "a report that is not answered is refused with supported-report"),
        Line("3.8", "expand-property"),
    ),
    "RFC 5397": (Line("3", "current-user-principal on every path, outside of /dav/ too"),),
    "RFC 4331": (
        Line("3", "quota-available-bytes is the free disk, absent where the database is elsewhere"),
        Line("4", "quota-used-bytes; a view with hidden objects does not tell it"),
    ),
    "RFC 5689": (
        Line("3", "extended MKCOL makes calendars, and refuses other kinds"),
        Line("5.1", "mkcol-response: which property kept the collection from being made"),
    ),
    "RFC 5995": (
        Line("3", "POST adds an object under a name of the server's choice"),
        Line("3.2.1", "DAV:add-member, for who may write"),
    ),
    "RFC 6638": (
        Line("2.4.1", "calendar-user-address-set with the mail address"),
        Line("2.4.2", "calendar-user-type"),
        Line("2", "inbox, outbox, implicit scheduling", _NO_SCHEDULING),
        Line("9.1", "schedule-calendar-transp"),
        Line("9.2", "schedule-default-calendar-URL", _NO_SCHEDULING),
    ),
    "RFC 6764": (
        Line("5", "/.well-known/caldav leads to the DAV root, for every method"),
        Line("6", "from the host name alone to the calendars, as five clients do it"),
    ),
    "RFC 7232": (
        Line("3.1", "If-Match, lists included, checked in the transaction that writes"),
        Line("3.2", "If-None-Match: 304 on GET, 412 on writes"),
        Line("3.3", "If-Modified-Since", "optional; two changes in one second would be told as none"),
        Line("3.4", "If-Unmodified-Since, checked in the transaction that writes"),
    ),
    "RFC 7240": (
        Line("4.2", "return=minimal leaves out what is not found"),
        Line("4.2 representation", "return=representation on PUT, POST, MOVE and COPY"),
    ),
    "RFC 7265": (
        Line("3", "GET of an object as jCal by content negotiation, with an ETag of its own"),
        Line("3 values", "every value as ical.js writes it, over the corpus"),
        Line("3 reports", "calendar-data as jCal in reports"),
        Line("3 writing", "PUT and POST of jCal, kept as the iCalendar that it means, over the corpus"),
        Line("3 refused", "jCal that cannot be taken is refused by name, with the line or place in the JSON"),
    ),
    "RFC 7809": (
        Line(
            "3.1.1",
            "calendar-no-timezone in the DAV header",
            "it points to a service of zones, and none is run",
        ),
        Line("3.1.3", "CalDAV-Timezones: F leaves out standard zones, in GET and in reports; others stay"),
        Line("3.1.3 asked", "CalDAV-Timezones: T defines standard zones that an object only names"),
        Line("3.1.4", "objects that name a standard zone without defining it are taken"),
        Line("3.1.5", "calendar-timezone and calendar-timezone-id follow one another; valid-timezone"),
        Line("3.1.6", "timezone-id in calendar-query"),
        Line("5.1", "timezone-service-set", "no service of zones is run here, and none is claimed"),
        Line("5.2", "calendar-timezone-id"),
    ),
    "RFC 7953": (
        Line("3.1", "VAVAILABILITY with AVAILABLE parts, their rules and overrides, is understood"),
        Line("3.2", "BUSYTYPE, PRIORITY and the rest are kept as sent"),
        Line("4", "all time of an availability but its available parts is busy"),
        Line("4 priority", "of several the one of higher priority decides"),
        Line("7.2.2", "VAVAILABILITY objects in calendars, found by component and by time range"),
        Line("7.2.3", "free-busy-query counts them"),
        Line(
            "7.2.4", "calendar-availability, on the home (there is no inbox); it counts on her own schedule"
        ),
    ),
    "RFC 8144": (
        Line("2.1", "return=minimal on PROPFIND and REPORT, and Brief"),
        Line("2.2", "return=minimal on PROPPATCH, MKCALENDAR and MKCOL"),
        Line("3.2", "a refused condition answers with what is there"),
        Line("4", "depth-noroot leaves out the collection itself"),
    ),
    "RFC 8607": (Line("3", "attachments on the server", "inline ATTACH is kept; nothing more is claimed"),),
    "RFC 9110": (Line("15.5.6", "405 says what is allowed there"),),
}
