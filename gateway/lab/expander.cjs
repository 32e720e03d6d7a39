// Recurrence for the laboratory: one JSON request per line on stdin, one JSON answer per line on stdout.
// Request: {id, start: {value, tzid?}, lines: [..], zone?: VTIMEZONE text, after?, before?, limit, scan}
//   value is an iCalendar DATE or local DATE-TIME; after/before are the same form, half-open, in the zone of start.
// Answer: {id, starts: [{value, utc}], complete} or {id, error}.
"use strict";
const ICAL = require("./vendor/ical.es5.min.cjs");
const readline = require("node:readline");

function component(request) {
  const { value, tzid } = request.start;
  const head = value.length === 8 ? `DTSTART;VALUE=DATE:${value}`
    : tzid ? `DTSTART;TZID=${tzid}:${value}` : `DTSTART:${value}`;
  const text = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//lab//EN", request.zone || null, "BEGIN:VEVENT", "UID:x",
    head, ...request.lines, "END:VEVENT", "END:VCALENDAR"].filter((line) => line !== null).join("\r\n");
  const calendar = new ICAL.Component(ICAL.parse(text));
  ICAL.TimezoneService.reset();
  for (const zone of calendar.getAllSubcomponents("vtimezone")) {
    ICAL.TimezoneService.register(new ICAL.Timezone(zone));
  }
  return calendar.getFirstSubcomponent("vevent");
}

function bound(text, like) {
  if (!text) return null;
  const time = ICAL.Time.fromString(
    text.length === 8 ? `${text.slice(0, 4)}-${text.slice(4, 6)}-${text.slice(6, 8)}`
      : `${text.slice(0, 4)}-${text.slice(4, 6)}-${text.slice(6, 8)}T${text.slice(9, 11)}:${text.slice(11, 13)}:${text.slice(13, 15)}`);
  time.zone = like.zone;
  return time;
}

function expand(request) {
  const event = component(request);
  const dtstart = event.getFirstPropertyValue("dtstart");
  const expansion = new ICAL.RecurExpansion({ component: event, dtstart });
  const after = bound(request.after, dtstart);
  const before = bound(request.before, dtstart);
  const starts = [];
  let seen = 0;
  let last = null;
  while (true) {
    if (++seen > request.scan) return { starts, complete: false };
    const next = expansion.next();
    if (!next) return { starts, complete: true };
    if (before && next.compare(before) >= 0) return { starts, complete: true };
    if (last !== null && next.compare(last) === 0) continue;
    last = next.clone();
    if (after && next.compare(after) < 0) continue;
    starts.push({ value: next.toICALString(), utc: next.zone === ICAL.Timezone.utcTimezone });
    if (starts.length >= request.limit) return { starts, complete: false };
  }
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  let answer;
  let id = null;
  try {
    const request = JSON.parse(line);
    id = request.id;
    answer = { id, ...expand(request) };
  } catch (error) {
    answer = { id, error: String(error && error.message || error) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
});
