// The foreign judge: expands calendar objects with ical.js and prints instants. One JSON job per input line,
// one JSON answer per output line, until the input ends.
//
// job:    {"ical": text, "zones": {tzid: VTIMEZONE text}, "zone": tzid, "jobs": [{"uid", "from", "to"}]}
// answer: {"results": [{"occurrences": [[start, end], ...]} | {"error": text}, ...]} or {"error": text}
//
// Instants are seconds since 1970. ical.js brings no time zones: it uses the VTIMEZONEs of the file, and for
// TZIDs without one (and for floating times and dates) those in "zones", which the caller makes from zoneinfo.
// So rules and exceptions are judged by foreign code; where a file has no VTIMEZONE of its own, offsets are
// not. ical.js has neither EXRULE nor RDATE periods, leaves DTSTART out of sets that have only RDATEs, and does
// not show overrides that no rule made: those four are done here, by RFC 5545 §3.8.5.

import { createInterface } from "node:readline";
import ICAL from "ical.js";

ICAL.design.strict = false; // dates without VALUE=DATE, as real files have them
const MAX_STEPS = 200000;

function zoneOf(text) {
  const component = new ICAL.Component(ICAL.parse(text));
  return new ICAL.Timezone(component);
}

function seconds(time, zone) {
  const copy = time.clone();
  const isFloating = copy.isDate || !copy.zone || copy.zone === ICAL.Timezone.localTimezone;
  if (!isFloating) return copy.toUnixTime();
  const placed = new ICAL.Time(
    { year: copy.year, month: copy.month, day: copy.day,
      hour: copy.isDate ? 0 : copy.hour, minute: copy.isDate ? 0 : copy.minute,
      second: copy.isDate ? 0 : copy.second, isDate: false },
    zone,
  );
  return placed.toUnixTime();
}

// Tasks end at DUE; ical.js knows only DTEND.
function asEvent(component) {
  if (component.name === "vevent") return component;
  const due = component.getFirstProperty("due");
  if (due) {
    const name = component.hasProperty("dtstart") ? "dtend" : "dtstart";
    const end = new ICAL.Property(name);
    if (due.getParameter("tzid")) end.setParameter("tzid", due.getParameter("tzid"));
    component.addProperty(end);
    end.setValue(due.getFirstValue());
    component.removeAllProperties("due");
  }
  return component;
}

function takePeriods(component) {
  const periods = [];
  for (const property of component.getAllProperties("rdate")) {
    if (property.type !== "period") continue;
    for (const value of property.getValues()) periods.push([value.start, value.getEnd()]);
    component.removeProperty(property);
  }
  return periods;
}

function excludedByRule(component, event, last, zone) {
  const excluded = new Set();
  for (const property of component.getAllProperties("exrule")) {
    const iterator = property.getFirstValue().iterator(event.startDate);
    for (let next = iterator.next(), steps = 0; next; next = iterator.next()) {
      const at = seconds(next, zone);
      if (at > last || ++steps > MAX_STEPS) break;
      excluded.add(at);
    }
  }
  return excluded;
}

function expand(components, job, zone) {
  const found = new Map();
  const keep = (start, end) => {
    if (end < start) end = start;
    const overlaps = start === end ? job.from <= start && start < job.to : start < job.to && end > job.from;
    if (overlaps) found.set(`${start}/${end}`, [start, end]);
  };
  const keepTimes = (start, end) => keep(seconds(start, zone), seconds(end, zone));
  const ready = components.map(asEvent).filter((component) => component.hasProperty("dtstart"));
  const overrides = ready.filter((component) => component.hasProperty("recurrence-id"));
  const master = ready.find((component) => !component.hasProperty("recurrence-id"));
  const events = overrides.map((component) => new ICAL.Event(component, { exceptions: [] }));
  const named = new Set(events.map((event) => seconds(event.recurrenceId, zone)));
  for (const event of events) keepTimes(event.startDate, event.endDate);
  if (!master) return [...found.values()];
  const periods = takePeriods(master);
  const event = new ICAL.Event(master, { exceptions: overrides });
  for (const [start, end] of periods) if (!named.has(seconds(start, zone))) keepTimes(start, end);
  const isRuled = master.hasProperty("rrule");
  if (!isRuled) {
    const excluded = master.getAllProperties("exdate").flatMap((p) => p.getValues().map((v) => seconds(v, zone)));
    const at = seconds(event.startDate, zone);
    if (!named.has(at) && !excluded.includes(at)) keepTimes(event.startDate, event.endDate);
    if (!master.hasProperty("rdate")) return [...found.values()];
  }
  // An override may move an instance back into the window from beyond it: those stand already.
  const last = job.to + 400 * 86400 * Math.min(1, overrides.length);
  const excluded = excludedByRule(master, event, last, zone);
  const iterator = event.iterator();
  for (let steps = 0, next = iterator.next(); next; next = iterator.next()) {
    if (++steps > MAX_STEPS) throw new Error("too many steps");
    const at = seconds(next, zone);
    if (at >= last) break;
    if (named.has(at) || excluded.has(at)) continue;
    const details = event.getOccurrenceDetails(next);
    keepTimes(details.startDate, details.endDate);
  }
  return [...found.values()];
}

function answer(request) {
  ICAL.TimezoneService.reset();
  const zone = zoneOf(request.zones[request.zone]);
  for (const [tzid, text] of Object.entries(request.zones)) ICAL.TimezoneService.register(zoneOf(text), tzid);
  let parsed = ICAL.parse(request.ical);
  if (typeof parsed[0] === "string") parsed = [parsed];
  const calendars = parsed.map((jcal) => new ICAL.Component(jcal));
  const byUid = new Map();
  for (const calendar of calendars) {
    for (const vtimezone of calendar.getAllSubcomponents("vtimezone")) {
      const own = new ICAL.Timezone(vtimezone);
      if (own.tzid) ICAL.TimezoneService.register(own, own.tzid);
    }
    for (const component of calendar.getAllSubcomponents()) {
      if (!["vevent", "vtodo", "vjournal"].includes(component.name)) continue;
      const uid = String(component.getFirstPropertyValue("uid") ?? "").trim();
      if (!byUid.has(uid)) byUid.set(uid, []);
      byUid.get(uid).push(component);
    }
  }
  const results = request.jobs.map((job) => {
    const components = byUid.get(job.uid);
    if (!components) return { error: "no such UID" };
    try {
      return { occurrences: expand(components, job, zone) };
    } catch (error) {
      return { error: String(error.message ?? error) };
    }
  });
  return { results };
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  if (!line) continue;
  let result;
  try {
    result = answer(JSON.parse(line));
  } catch (error) {
    result = { error: String(error.message ?? error) };
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
