// What tsdav does with a CalDAV server, step by step; one JSON object per step on stdout, read by the test.
import { createDAVClient } from 'tsdav';

const [serverUrl, username, password] = process.argv.slice(2);
const tell = (step, found) => console.log(JSON.stringify({ step, found }));
const nameOf = (url) => decodeURIComponent(new URL(url).pathname.split('/').filter(Boolean).at(-1));
const ical = (uid, summary, start, end, ...lines) =>
  [
    'BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//test//EN', 'BEGIN:VEVENT', `UID:${uid}`,
    'DTSTAMP:20260301T000000Z', `DTSTART:${start}`, `DTEND:${end}`, `SUMMARY:${summary}`, ...lines,
    'END:VEVENT', 'END:VCALENDAR', '',
  ].join('\r\n');

const client = await createDAVClient({
  serverUrl,
  credentials: { username, password },
  authMethod: 'Basic',
  defaultAccountType: 'caldav',
});

const calendars = await client.fetchCalendars();
tell('calendars', calendars.map((one) => [one.displayName, one.components, one.reports]));
const calendar = calendars.find((one) => one.displayName === 'Free');

const objects = async (more = {}) =>
  (await client.fetchCalendarObjects({ calendar, ...more })).sort((a, b) => a.url.localeCompare(b.url));
const put = async (filename, iCalString) =>
  (await client.createCalendarObject({ calendar, filename, iCalString })).status;

tell('created', [
  await put('one.ics', ical('one', 'One', '20260310T090000Z', '20260310T100000Z')),
  await put('series.ics', ical('series', 'Daily', '20260311T090000Z', '20260311T100000Z', 'RRULE:FREQ=DAILY')),
  await put('one.ics', ical('one', 'Again', '20260310T090000Z', '20260310T100000Z')),
]);
tell('listed', (await objects()).map((one) => [nameOf(one.url), one.data.includes('SUMMARY:One'), one.etag.length > 9]));

const timeRange = { start: '2026-03-12T00:00:00Z', end: '2026-03-14T00:00:00Z' };
tell('week', (await objects({ timeRange })).map((one) => nameOf(one.url)));
tell('expanded', (await objects({ timeRange, expand: true })).map((one) => one.data.match(/^DTSTART.*$/gm)));
tell('by url', (await objects({ objectUrls: [`${calendar.url}one.ics`] })).map((one) => nameOf(one.url)));

const known = { ...calendar, objects: await objects() };
const one = known.objects.find((found) => nameOf(found.url) === 'one.ics');
const changed = { ...one, data: one.data.replace('SUMMARY:One', 'SUMMARY:Changed') };
tell('updated', (await client.updateCalendarObject({ calendarObject: changed })).status);
tell('outdated', (await client.updateCalendarObject({ calendarObject: changed })).status);
await put('two.ics', ical('two', 'Two', '20260320T090000Z', '20260320T100000Z'));
const series = known.objects.find((found) => nameOf(found.url) === 'series.ics');
tell('deleted', (await client.deleteCalendarObject({ calendarObject: series })).status);

tell('dirty', (await client.isCollectionDirty({ collection: calendar })).isDirty);
const { created, updated, deleted } = (
  await client.smartCollectionSync({
    collection: { ...known, objectMultiGet: client.calendarMultiGet },
    method: 'webdav',
    detailedResult: true,
  })
).objects;
tell('synced', [created, updated, deleted].map((found) => found.map((each) => nameOf(each.url))));

const busy = await client.freeBusyQuery({ url: calendar.url, timeRange: { start: '2026-03-10T00:00:00Z', end: '2026-03-11T00:00:00Z' } });
tell('busy', [busy.status, /20260310T090000Z\/20260310T100000Z/.test(JSON.stringify(busy))]);

const made = await client.makeCalendar({ url: new URL('mine/', new URL('.', calendar.url.replace(/\/$/, ''))).href, props: { 'd:displayname': 'Mine' } });
tell('made', made.map((found) => found.status));
tell('then', (await client.fetchCalendars()).map((found) => found.displayName).sort());
