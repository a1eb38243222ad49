import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestRelay, temporaryFolder } from './harness/programs.ts';

/** Of a token as it stands in an address: whatever is done to it, one of these would show. */
const partsOf = (token: string) => [token, token.slice(-24), encodeURIComponent(token), token.split('_')[1] ?? token];

const folder = temporaryFolder();
let relay: TestRelay;
let read: string;
let publish: string;

beforeAll(async () => {
  relay = await TestRelay.start({ dataDir: folder.path });
  ({ read, publish } = await relay.room('hall'));
});
afterAll(async () => {
  await relay.stop();
  folder.remove();
});

/** These bytes on a line of their own, and what the relay says to them. */
function raw(request: string): Promise<string> {
  return new Promise((done) => {
    const socket = connect(relay.port, '127.0.0.1');
    let answer = '';
    socket.on('data', (bytes) => {
      answer += String(bytes);
    });
    socket.on('error', () => {});
    socket.on('close', () => done(answer));
    socket.end(request, 'latin1');
  });
}

test('a token in an address stands in nothing that the relay writes, whatever is wrong with the rest', {
  timeout: 60_000,
}, async () => {
  const wrong = `sub_0123456789ab_${'WrongSecret'.repeat(4).slice(0, 43)}`;
  const answers: string[] = [];
  const statuses = new Set<number>();
  for (const token of [read, publish, wrong, relay.adminToken])
    for (const what of ['now.txt', 'now.json', 'now.xml', 'transcript.txt', 'captions', 'audio'])
      for (const room of ['hall', 'nowhere', 'No%20Room', '..%2f..'])
        for (const rest of ['', '&lines=x&letters=', '&%zz=%', `&lines=${token}`, `&${token}`, `&token=${token}`]) {
          const answer = await fetch(`${relay.url}/api/rooms/${room}/${what}?token=${token}${rest}`, {
            method: rest === '&%zz=%' ? 'POST' : 'GET',
            headers: { referer: `${relay.url}/?token=${token}` },
          });
          statuses.add(answer.status);
          answers.push(await answer.text(), JSON.stringify([...answer.headers]));
        }
  expect([...statuses].sort()).toEqual([200, 400, 401, 403, 404, 405, 426]);
  const path = `/api/rooms/hall/now.txt?token=${read}`;
  const lines = [
    `GET ${path} HTTP/9.9\r\n\r\n`,
    `GET ${path} garbage\r\n\r\n`,
    `GET ${path}`,
    `GET http://[${path} HTTP/1.1\r\nhost: [\r\n\r\n`,
    `GET ${path}\u0000\u00ff HTTP/1.1\r\nhost: x\r\n\r\n`,
    `GET ${path} HTTP/1.1\r\nhost: a b\r\nconnection: close\r\n\r\n`,
    `GET ${path}&x=${'y'.repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`,
    `GET ${path} HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n`,
    `GET ${path} HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    `GET /api/rooms/hall/captions?token=${read} HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: sala.captions.v1\r\n\r\n`,
  ];
  for (const line of lines) answers.push(await raw(line));
  const metrics = await fetch(`${relay.url}/metrics`, { headers: { authorization: `Bearer ${relay.adminToken}` } });
  expect(metrics.status).toBe(200);
  answers.push(await metrics.text());
  await relay.stop(); // all it had to say is said
  expect(relay.program.output).toContain('"event":"stopped"'); // what it writes is heard here
  for (const token of [read, publish, wrong, relay.adminToken])
    for (const part of partsOf(token)) {
      if (part.length < 8) continue;
      expect(relay.program.output.includes(part), `the journal: ${part}`).toBe(false);
      expect(answers.filter((answer) => answer.includes(part))).toEqual([]);
    }
});
