import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import WebSocket from 'ws';
import { audioProtocol, bearerPrefix, captionsProtocol, liveProtocol } from '../relay/protocol.js';
import { remember, type TestRelay } from './harness/programs.ts';
import { Talk } from './harness/talk.ts';
import { until } from './harness/until.ts';

/** A word that only what was said, or written in its place, holds. */
const marker = 'Zarathustra';
/** What the numbered talk says. */
const said = /\bn\d+ n\d+\b/;

let talk: Talk;
let cookie = '';
const secrets: string[] = [];
/** What anybody was answered, but for the answers that are there to tell a secret or the words. */
const answers: string[] = [];

const fake = (prefix: string) =>
  remember(`${prefix}_${randomBytes(6).toString('hex')}_${randomBytes(32).toString('base64url')}`);

async function call(path: string, init: RequestInit = {}): Promise<Response> {
  const answer = await fetch(new URL(path, talk.parts.relay.url), init);
  answers.push(await answer.clone().text());
  return answer;
}

const shows = (word: string) => talk.parts.reader.captions().some(({ text }) => text.includes(word));

/** Knocks at a door and leaves. */
function knock(relay: TestRelay, path: string, protocols: string[], headers: Record<string, string> = {}) {
  return new Promise<void>((done) => {
    const socket = new WebSocket(new URL(path, relay.url.replace('http', 'ws')), protocols, { headers });
    socket.once('error', () => done());
    socket.once('open', () => {
      socket.send('{"type":"hello"');
      socket.send(`{"type":"${marker}","token":"${secrets[0]}"}`);
    });
    socket.once('close', () => done());
    setTimeout(() => socket.terminate(), 2000).unref();
  });
}

beforeAll(async () => {
  talk = await new Talk({ numbers: 120, segmentWords: 3, relayArgs: ['--log-level', 'trace'] }).start();
  const { relay, publish, read } = talk.parts;
  const json = { 'content-type': 'application/json' };
  const origin = relay.url;
  const spare = await relay.room('spare'); // its sources disturb nobody
  const tokens = [relay.adminToken, publish, read, spare.publish, fake('adm'), fake('pub'), fake('sub')];
  secrets.push(...tokens);
  await talk.said(20);
  await relay.call('PUT', '/api/rooms/hall/text-rules', {
    replacements: [{ find: 'n(1\\d\\d)', replace: `${marker}$1`, regex: true }],
    blocked: [{ word: 'n50', method: 'mask' }],
  });

  // Organizers' tokens and their sessions.
  const made = await relay.call<{ token: string }>('POST', '/api/tokens', { right: 'admin', label: 'colleague' });
  secrets.push(remember(made.token));
  const login = await call('/api/session', {
    method: 'POST',
    headers: { ...json, origin },
    body: JSON.stringify({ token: made.token }),
  });
  expect(login.status).toBe(200);
  const value = /=([^;]+);/.exec(login.headers.get('set-cookie') ?? '')?.[1] ?? '';
  expect(value.length).toBeGreaterThan(20);
  secrets.push(remember(value));
  cookie = (login.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
  for (const headers of [{ cookie, origin }, { cookie }, { cookie, origin: 'https://elsewhere.example' }])
    for (const path of ['/api/rooms', '/api/session', '/api/audit', `/api/rooms/hall?token=${made.token}`])
      await call(path, { headers });
  await call('/api/rooms/hall/clear', { method: 'POST', headers: { cookie } });
  await call('/api/session', { headers: { cookie: `${cookie}x; ${cookie}y` } });

  // Tokens where they belong, where they do not, and in bodies that are none.
  for (const token of tokens) {
    const bodies = [`{"token":"${token}"`, JSON.stringify({ token, also: token }), JSON.stringify({ [token]: token })];
    for (const body of [...bodies, JSON.stringify({ token }), JSON.stringify(token), `token=${token}`])
      for (const type of ['application/json', 'text/plain'])
        await call('/api/session', { method: 'POST', headers: { 'content-type': type, origin }, body });
    const headers = { authorization: `Bearer ${token}` };
    await call('/api/rooms/hall', { method: 'PUT', headers: { ...headers, ...json }, body: `{"engine":"${token}"}` });
    await call(`/api/rooms/hall/tokens/${token}`, { method: 'DELETE', headers });
    await call(`/api/tokens/${token}/rotation`, { method: 'POST', headers: { ...headers, ...json }, body: '{}' });
    await call(`/${token}`, { headers: { authorization: `Basic ${token}`, 'x-forwarded-for': token } });
    for (const [path, protocol] of [
      ['/api/rooms/hall/captions', captionsProtocol],
      ['/api/rooms/spare/audio', audioProtocol],
      ['/api/live', liveProtocol],
    ] as const) {
      await knock(relay, path, [protocol, `${bearerPrefix}${token}`]);
      await knock(relay, `${path}?token=${token}&log=${token}`, [protocol], headers);
    }
    await knock(relay, `/t/${token}/ws/transcript/hall`, []);
    await knock(relay, `/ws/audio/spare?lang=${token}&token=${token}`, []);
  }

  // What was said, and what is written in its place.
  const caption = await until(() => talk.parts.reader.captions()[0]);
  await relay.call('PUT', `/api/rooms/hall/captions/${caption.seq}`, { text: `${marker} spoke` });
  await relay.call('PUT', `/api/rooms/hall/captions/${caption.seq}`, { text: null });
  await relay.call('PUT', `/api/rooms/hall/captions/${caption.seq}`, { text: `${marker} spoke again` });
  await relay.call('POST', '/api/text-rules/preview', { text: `${marker} said n1`, room: 'hall' });
  await relay.call('GET', '/api/rooms/hall/captions/newest');
  await relay.call('GET', '/api/rooms/hall/transcript.vtt').catch(() => null);
  await until(() => shows(marker) || undefined, { what: 'the words that the rules wrote' });
  const audit = await relay.call('GET', '/api/audit');
  answers.push(JSON.stringify(audit));
  expect(await relay.stop()).toBe(0); // all it had to say is said
}, 120_000);
afterAll(() => talk.stop());

test('the journal at level trace holds none of the secrets that were shown to the relay', () => {
  const { output } = talk.parts.relay.program;
  expect(secrets.length).toBeGreaterThanOrEqual(8);
  for (const event of ['audit', 'listening', 'stopped']) expect(output).toContain(`"event":"${event}"`);
  for (const secret of secrets)
    for (const part of [
      secret,
      encodeURIComponent(secret),
      secret.slice(-24),
      secret.split('_').slice(2).join('_') || secret,
    ])
      expect(output.includes(part), `${secret.slice(0, 4)}…`).toBe(false);
});

test('nor anything that was said, or written in its place', () => {
  const { output } = talk.parts.relay.program;
  expect(
    talk.parts.reader
      .captions()
      .map(({ text }) => text)
      .join(' '),
  ).toMatch(said);
  expect(shows(marker)).toBe(true);
  expect(output).not.toContain(marker);
  expect(output).not.toMatch(said);
});

test('every line of it is JSON with a level, a time and a namespace', () => {
  const lines = talk.parts.relay.program.lines.filter((line) => line !== '');
  expect(lines.length).toBeGreaterThan(20);
  for (const line of lines)
    expect(JSON.parse(line)).toMatchObject({
      level: expect.stringMatching(/^(trace|debug|info|warn|error|fatal)$/),
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      ns: expect.any(String),
    });
});

test('the disk and the audit log hold no secret either', () => {
  const files = readdirSync(talk.relayDir, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile() && each.name !== 'admin-token')
    .map((each) => join(each.parentPath, each.name));
  expect(files.some((path) => path.endsWith('relay.db'))).toBe(true);
  for (const path of files.filter((each) => statSync(each).size < 50_000_000)) {
    const bytes = readFileSync(path);
    for (const secret of secrets) expect(bytes.includes(secret), `${path}: ${secret.slice(0, 4)}…`).toBe(false);
  }
  const audit = answers.at(-1) ?? '';
  expect(audit).toContain('"act"');
  for (const secret of secrets) expect(audit).not.toContain(secret);
  expect(audit).not.toContain(marker);
});
