import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { captionsProtocol } from '../relay/protocol.js';
import { root } from './harness/programs.ts';
import { parseMetrics, type Series } from './harness/prometheus.ts';
import { Talk } from './harness/talk.ts';
import { until } from './harness/until.ts';

let talk: Talk;
let text: string;
let read: ReturnType<typeof parseMetrics>;

beforeAll(async () => {
  talk = await new Talk({ numbers: 60, segmentWords: 3 }).start();
  const { relay } = talk.parts;
  await relay.call('PUT', '/api/rooms/quiet', { name: 'A "title"\\ of two\nwords', engine: 'script:quiet' });
  await talk.captioned();
  // A refused door and a refused call.
  const door = new WebSocket(`${relay.url.replace('http', 'ws')}/api/rooms/hall/captions`, [captionsProtocol]);
  await new Promise((done) => door.once('error', done));
  await fetch(`${relay.url}/api/rooms`);
  text = await until(async () => {
    const answer = await fetch(`${relay.url}/metrics`, { headers: { authorization: `Bearer ${relay.adminToken}` } });
    const body = await answer.text();
    return body.includes('sala_database_copy_age_seconds ') ? body : undefined;
  });
  read = parseMetrics(text);
});
afterAll(() => talk.stop());

const one = (name: string, labels: Record<string, string> = {}): number | undefined =>
  read.series.find(
    (each) => each.name === name && Object.entries(labels).every(([key, value]) => each.labels[key] === value),
  )?.value;

describe('the metrics of a relay that captions', () => {
  test('are strict text format, every family with its help, its type and a name by the conventions', () => {
    const ours = [...read.families].filter(([name]) => name.startsWith('sala_'));
    expect(ours.length).toBeGreaterThan(50);
    for (const [name, { type, help }] of ours) {
      expect(help, name).toMatch(/^[A-Z].{3,}/);
      expect(type === 'counter', `${name} ${type}`).toBe(name.endsWith('_total'));
      // The unit comes last, and is a base unit.
      expect(name).not.toMatch(/_(ms|milliseconds|minutes|hours|kilobytes|percent)(_|$)/);
      expect(name).not.toMatch(/_(seconds|bytes)_(?!total$)/);
    }
  });

  test('tell an operator how the relay is', () => {
    expect(read.series.find(({ name }) => name === 'sala_build_info')?.labels).toMatchObject({
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      node: process.versions.node,
    });
    expect(one('sala_ready')).toBe(1);
    for (const each of ['database_read', 'database_write', 'database_copy', 'spool_sync', 'rooms_look'])
      expect(one(`sala_${each}_age_seconds`), each).toBeLessThan(60);
    expect(one('sala_disk_free_bytes')).toBeGreaterThan(0);
    expect(one('sala_spool_failing')).toBe(0);
    expect(one('sala_spool_bytes')).toBeGreaterThan(0);
    expect(one('sala_engine_sessions_max')).toBe(25);
    expect(one('sala_paid_today_money')).toBeGreaterThan(0);
    expect(one('sala_refusals_total', { code: 'token-missing' })).toBe(1);
    expect(one('sala_http_answers_total', { status: '401' })).toBe(1);
    expect(one('sala_sockets', { right: 'read' })).toBe(1);
    expect(one('nodejs_eventloop_lag_p99_seconds')).toBeDefined();
  });

  test('tell of every room', () => {
    for (const room of ['hall', 'quiet']) {
      expect(one('sala_room_lag_seconds', { room }), room).toBeDefined();
      expect(one('sala_room_paused', { room })).toBe(0);
      expect(one('sala_room_captions_unsaved', { room })).toBe(0);
    }
    expect(one('sala_room_readers', { room: 'hall' })).toBe(1);
    const captions = one('sala_room_captions_total', { room: 'hall' }) ?? 0;
    expect(captions).toBeGreaterThanOrEqual(20);
    expect(one('sala_room_audio_received_seconds_total', { room: 'hall' })).toBe(6);
    // Each final of three words is there within a few seconds.
    const latency = 'sala_room_caption_latency_seconds';
    expect(one(`${latency}_count`, { room: 'hall' })).toBe(captions);
    expect(one(`${latency}_bucket`, { room: 'hall', le: '+Inf' })).toBe(captions);
    // A few milliseconds here, or none where this machine's wall clock was set back meanwhile: test/latency.test.ts has the figures.
    expect(one(`${latency}_sum`, { room: 'hall' })).toBeLessThan(captions * 5);
    const ends = read.series.filter(({ name, labels }) => name === `${latency}_bucket` && labels.room === 'hall');
    expect(ends.map(({ value }) => value)).toEqual(ends.map(({ value }) => value).toSorted((a, b) => a - b));
  });

  test('hold no token, no address and nothing that was said or written', () => {
    const { relay, publish, read: reading } = talk.parts;
    for (const secret of [
      relay.adminToken,
      publish,
      reading,
      ...[publish, reading].map((each) => each.split('_')[1] ?? each),
    ])
      expect(text).not.toContain(secret);
    const allowed = /^([a-z0-9_.:+-]*|v?\d[\w.+-]*|[a-z]+ [a-z-]+)$/i;
    const isOdd = ({ labels }: Series) => Object.values(labels).some((value) => !allowed.test(value));
    expect(read.series.filter(isOdd)).toEqual([]);
    expect(
      read.series.filter(({ labels }) =>
        Object.values(labels).some((each) => /127\.0\.0\.1|\bn\d+\b|title/.test(each)),
      ),
    ).toEqual([]);
  });

  test('are what the dashboard asks for, and nothing else', () => {
    const dashboard = readFileSync(join(root, 'provisioning/grafana/sala.json'), 'utf8');
    const asked = JSON.stringify(JSON.parse(dashboard)).matchAll(/"(?:expr|query)":"((?:[^"\\]|\\.)*)"/g);
    const expressions = [...asked].map(([, each = '']) => each);
    expect(expressions.length).toBeGreaterThan(15);
    const names = new Set(expressions.flatMap((each) => each.match(/\b(?:sala|nodejs|process)_[a-z0-9_]+/g) ?? []));
    expect(names.size).toBeGreaterThan(20);
    const known = new Set([...read.families.keys(), ...read.series.map(({ name }) => name)]);
    expect([...names].filter((name) => !known.has(name))).toEqual([]);
    // Labels too, where they are named.
    const labels = new Set(read.series.flatMap((each) => Object.keys(each.labels)));
    for (const each of expressions)
      for (const [, list = ''] of each.matchAll(/\bby ?\(([^)]*)\)/g))
        for (const label of list.split(',')) expect([...labels, 'code', 'severity', 'state']).toContain(label.trim());
  });
});

describe('the parser of this test', () => {
  test.each([
    ['a sample without its family', 'a 1\n'],
    ['a family twice', '# HELP a b\n# TYPE a gauge\na 1\n# HELP a b\n'],
    ['a series twice', '# HELP a b\n# TYPE a gauge\na{x="1"} 1\na{x="1"} 2\n'],
    ['a quote in a label', '# HELP a b\n# TYPE a gauge\na{x="1"2"} 1\n'],
    ['a line that does not end', '# HELP a b\n# TYPE a gauge\na 1'],
    ['no number', '# HELP a b\n# TYPE a gauge\na x\n'],
  ])('refuses %s', (_, wrong) => {
    expect(() => parseMetrics(wrong)).toThrow();
  });

  test('takes escapes', () => {
    const { series } = parseMetrics('# HELP a b\n# TYPE a gauge\na{x="q\\"\\\\\\n",y=""} +Inf\n');
    expect(series).toEqual([{ name: 'a', labels: { x: 'q"\\\n', y: '' }, value: Number.POSITIVE_INFINITY }]);
  });
});
