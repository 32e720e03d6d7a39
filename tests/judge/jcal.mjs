// jCal as ical.js makes it: one iCalendar text per line of stdin (as JSON), one jCal or error per line of stdout.
import readline from 'node:readline';
import ICAL from 'ical.js';

for await (const line of readline.createInterface({ input: process.stdin })) {
  try {
    console.log(JSON.stringify({ jcal: ICAL.parse(JSON.parse(line)) }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error.message) }));
  }
}
