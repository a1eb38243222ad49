import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { ask, bearer, type Prey, Tally } from './wire.ts';

const event = (n: number, title = `Talk ${n}`) =>
  `<event id="${n}" guid="${n}"><date>2026-12-01T09:00:00+01:00</date><start>09:00</start><duration>00:30</duration><title>${title}</title></event>`;
const xml = (inside: string, head = '') =>
  `<?xml version="1.0"?>${head}<schedule><conference><title>x</title></conference><day index="1" date="2026-12-01"><room name="prey">${inside}</room></day></schedule>`;
const laughs = Array.from({ length: 12 }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`).join('');
const json = (days: unknown) => JSON.stringify({ schedule: { conference: { title: 'x', days } } });

/** Files that are small to send and large to read, that reach out of themselves, or that are no schedule at all. */
const files: Readonly<Record<string, string | Buffer>> = {
  'a billion laughs': xml(event(1, '&l12;'), `<!DOCTYPE s [<!ENTITY l0 "lol">${laughs}]>`),
  'an entity that is a file': xml(event(1, '&x;'), '<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
  'deep XML': xml('<a>'.repeat(100_000) + '</a>'.repeat(100_000)),
  'wide XML': xml(Array.from({ length: 20_000 }, (_, n) => event(n)).join('')),
  'a tag of a megabyte': xml(`<event ${'a="1" '.repeat(150_000)}/>`),
  'deep JSON': `{"schedule":${'['.repeat(400_000)}${']'.repeat(400_000)}}`,
  'wide JSON': `{"schedule":{"conference":{"days":[${'{},'.repeat(300_000)}{}]}}}`,
  'keys of prototypes': '{"schedule":{"__proto__":{"a":1},"conference":{"constructor":{"prototype":{}},"days":[]}}}',
  'days of the year 275760': json([
    {
      index: 1,
      date: '+275760-09-13',
      rooms: { prey: [{ id: 1, date: '+275760-09-13T00:00:00Z', duration: '99999:00', title: 'x' }] },
    },
  ]),
  'one line of CSV': `${'"a",'.repeat(500_000)}"a"`,
  'a quote that never ends': `title,start,end,room\n"${'x'.repeat(1_000_000)}`,
  'twenty megabytes': Buffer.alloc(20_000_000, 32),
  compressed: gzipSync(Buffer.alloc(30_000_000)),
  noise: randomBytes(200_000),
  'no bytes': Buffer.alloc(0),
};

const urls = [
  'http://169.254.169.254/latest/meta-data/',
  'https://169.254.169.254/latest/meta-data/',
  'https://127.0.0.1/schedule.json',
  'https://[::1]/schedule.json',
  'https://[::ffff:169.254.169.254]/',
  'https://2852039166/',
  'https://0x7f.1/',
  'https://localhost/schedule.json',
  'https://10.0.0.1/',
  'https://user:password@192.168.0.1/',
  'file:///etc/passwd',
  'gopher://127.0.0.1:6379/_x',
];

async function wasFetched({ port, tokens: { admin } }: Prey): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/schedule`, { headers: bearer(admin) });
  const { state }: { state: { lastGoodMs: number | null; message: string } } = JSON.parse(await answer.text());
  return state.lastGoodMs === null ? state.message : 'fetched';
}

/** A schedule that an organizer was handed by somebody else. */
export async function schedules(prey: Prey): Promise<Tally> {
  const tally = new Tally();
  const headers = { ...bearer(prey.tokens.admin), 'content-type': 'application/octet-stream' };
  for (const [name, body] of Object.entries(files))
    tally.note(name, await ask(prey, 'PUT', '/api/schedule/file', { headers, body, timeout: 60_000 }));
  for (const url of urls) {
    const body = JSON.stringify({ source: { kind: 'url', url } });
    const json = { ...headers, 'content-type': 'application/json' };
    const answer = await ask(prey, 'PUT', '/api/schedule', { headers: json, body });
    // A name is looked up, and what it leads to is not asked: the state says so.
    tally.note('an address of our own', answer === '200' ? `200 ${await wasFetched(prey)}` : answer);
  }
  await ask(prey, 'DELETE', '/api/schedule', { headers });
  return tally;
}
