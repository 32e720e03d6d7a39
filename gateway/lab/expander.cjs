// Recurrence for the laboratory: one JSON request per line on stdin, one JSON answer per line on stdout.
// Request: {id, start: {value, tzid?}, lines: [..], zones?: [VTIMEZONE text], after?, before?, limit, scan}
//   value is an iCalendar DATE or local DATE-TIME; after/before are the same form, half-open, in the zone of start.
// ical.js parses, iterates rules and converts zones; merging rules and dates, EXRULE and two corrections are done here.
// Answer: {id, starts: [{value}], complete} or {id, error}.
"use strict";
const ICAL = require("./vendor/ical.es5.min.cjs");
const readline = require("node:readline");

function component(request) {
  const { value, tzid } = request.start;
  const form = value.length === 8 ? `;VALUE=DATE:${value}` : tzid ? `;TZID=${tzid}:${value}` : `:${value}`;
  const lines = [`DTSTART${form}`, ...request.lines];
  // ical.js leaves the start out of a set that has only RDATEs (RFC 5545 §3.8.5.2: it belongs to it).
  if (!request.lines.some((line) => /^RRULE[:;]/i.test(line))) lines.push(`RDATE${form}`);
  const text = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//lab//EN", ...(request.zones || []), "BEGIN:VEVENT", "UID:x",
    ...lines, "END:VEVENT", "END:VCALENDAR"].join("\r\n");
  const calendar = new ICAL.Component(ICAL.parse(text));
  ICAL.TimezoneService.reset();
  for (const zone of calendar.getAllSubcomponents("vtimezone")) {
    ICAL.TimezoneService.register(new ICAL.Timezone(zone));
  }
  return calendar.getFirstSubcomponent("vevent");
}

function bound(text, like) {
  if (!text) return null;
  const day = `${text.slice(0, 4)}-${text.slice(4, 6)}-${text.slice(6, 8)}`;
  const time = ICAL.Time.fromString(
    text.length === 8 ? day : `${day}T${text.slice(9, 11)}:${text.slice(11, 13)}:${text.slice(13, 15)}`);
  time.zone = like.zone;
  return time;
}

// ical.js lets the 30th of February run over into March; RFC 5545 §3.3.10 says that such a date is left out.
function isPhantom(rule, time, dtstart) {
  if (rule.freq !== "YEARLY" && rule.freq !== "MONTHLY") return false;
  const months = rule.parts.BYMONTH;
  if (months && !months.map(Number).includes(time.month)) return true;
  const days = rule.parts.BYMONTHDAY;
  if (days) {
    const length = ICAL.Time.daysInMonth(time.month, time.year);
    return !days.map(Number).some((day) => (day > 0 ? day : length + 1 + day) === time.day);
  }
  const plain = !Object.keys(rule.parts).some((name) => /^BY(DAY|YEARDAY|WEEKNO|SETPOS)$/.test(name));
  return plain && time.day !== dtstart.day;
}

function* ruled(rule, dtstart) {
  const limit = rule.count;
  const free = rule.clone();
  free.count = null;
  const iterator = free.iterator(dtstart);
  for (let number = 0, next = iterator.next(); next && !(limit && number >= limit); next = iterator.next()) {
    if (isPhantom(rule, next, dtstart)) { yield null; continue; }
    number += 1;
    yield next.clone();
  }
}

function* dated(event, dtstart) {
  const times = event.getAllProperties("rdate").flatMap((property) => property.getValues())
    .map((value) => (value instanceof ICAL.Period ? value.start : value).clone());
  times.sort((one, other) => one.compare(other));
  for (const time of times) {
    if (!time.isDate && time.zone !== dtstart.zone) yield time.convertToZone(dtstart.zone);
    else yield time;
  }
}

// Merges ordered sources; null means a step without a result, so that the caller can count steps.
function* merged(sources) {
  const heads = [];
  for (const source of sources) heads.push({ source, head: undefined });
  while (true) {
    let best = null;
    for (const entry of heads) {
      while (entry.head === undefined || entry.head === null) {
        const step = entry.source.next();
        if (step.done) { entry.head = false; break; }
        entry.head = step.value;
        if (entry.head === null) yield null;
      }
      if (entry.head && (best === null || entry.head.compare(best.head) < 0)) best = entry;
    }
    if (best === null) return;
    const time = best.head;
    best.head = undefined;
    yield time;
  }
}

function values(event, name) {
  return event.getAllProperties(name).flatMap((property) => property.getValues());
}

// What ical.js 2.2 expands wrongly (seen against other engines) is refused, not approximated.
function refuseWrong(rule) {
  if (rule.parts.BYWEEKNO) throw new Error("BYWEEKNO is not supported");
  const ordinal = (rule.parts.BYDAY || []).some((day) => /\d/.test(day));
  if (rule.freq === "YEARLY" && ordinal && !rule.parts.BYMONTH) {
    throw new Error("a numbered BYDAY of a whole year is not supported");
  }
}

function expand(request) {
  const event = component(request);
  for (const name of ["rrule", "exrule"]) values(event, name).forEach(refuseWrong);
  const dtstart = event.getFirstPropertyValue("dtstart");
  const after = bound(request.after, dtstart);
  const before = bound(request.before, dtstart);
  const excluded = values(event, "exdate");
  const isExcluded = (time) => excluded.some((other) => other.compare(time) === 0);
  const exrules = values(event, "exrule").map((rule) => ({ source: ruled(rule, dtstart), last: undefined }));
  const byRule = (time) => exrules.some((entry) => {
    while (entry.last === undefined || entry.last === null || entry.last.compare(time) < 0) {
      const step = entry.source.next();
      if (step.done) return false;
      entry.last = step.value;
    }
    return entry.last.compare(time) === 0;
  });
  const starts = [];
  let steps = 0;
  let barren = 0;
  let last = null;
  for (const time of merged([...values(event, "rrule").map((rule) => ruled(rule, dtstart)), dated(event, dtstart)])) {
    if (++steps > request.scan) return { starts, complete: false };
    barren = time === null ? barren + 1 : 0;
    if (barren > 1000) return { starts, complete: true };
    if (time === null) continue;
    if (before && time.compare(before) >= 0) return { starts, complete: true };
    if (last !== null && time.compare(last) === 0) continue;
    last = time;
    if ((after && time.compare(after) < 0) || isExcluded(time) || byRule(time)) continue;
    starts.push({ value: time.toICALString() });
    if (starts.length >= request.limit) return { starts, complete: false };
  }
  return { starts, complete: true };
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
