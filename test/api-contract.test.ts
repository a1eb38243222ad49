import { randomBytes } from 'node:crypto';
import { Agent, request as httpRequest, type RequestOptions } from 'node:http';
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase } from '../relay/database.ts';
import { Rooms } from '../relay/rooms.ts';
import { TestApi } from './harness/api.ts';
import { type Case, casesOf, pages, type World } from './harness/api-cases.ts';
import { type Answer, Contract, type Operation } from './harness/api-contract.ts';
import { segment } from './harness/canonical-relay.ts';
import { recordTalks } from './harness/fetched-talks.ts';
import { remember, TestRelay, temporaryFolder } from './harness/programs.ts';

const folder = temporaryFolder();
let world: World;
let contract: Contract;
let document: unknown;

/** A room that has been captioned, corrected and cleared. */
function captioned(dataDir: string): void {
  const db = openDatabase(dataDir);
  new Rooms(db, { language: 'en-US', engine: 'script:load' }).put('hall', {});
  const insert = db.prepare('INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
  for (let seq = 1; seq <= 5; seq++) {
    const start = 1_796_110_200_000 + seq * 1000;
    const place = { start, end: start + 900, stream: '00000000-0000-4000-8000-000000000000', from: 0, to: 16_000 };
    const said = { text: `said ${seq}`, language: 'en-US', speaker: seq === 3 ? '1' : null, late: seq === 4 };
    const marks = seq === 5 ? { marks: [{ kind: 'pii', type: 'NAME', start, end: start + 100 }] } : {};
    const message = { type: 'caption', seq, final: true, ...said, ...place, ...marks };
    const words = JSON.stringify([['said', start, start + 400]]);
    insert.run('hall', seq, 'caption', null, start, place.end, JSON.stringify(message), words);
  }
  db.close();
}

beforeAll(async () => {
  captioned(folder.path);
  await recordTalks(folder.path, [
    { talk: 'opening', title: 'Opening', live: ['one'], segments: [segment(0, 'One.'), segment(1, 'Two.')] },
    { talk: 'waiting', title: 'Waiting', live: ['two'], segments: [], isAwaited: true },
  ]);
  const args = [
    ...['--recording-store', `folder:${folder.path}/store`],
    '--max-requests-per-minute',
    '1000000',
    '--max-failed-attempts',
    '1000000',
    '--max-failed-reads',
    '1000000',
  ];
  const relay = await TestRelay.start({ dataDir: folder.path, args });
  const read = await relay.token('hall', 'read');
  const publish = await relay.token('hall', 'publish');
  await relay.call('PUT', '/api/rooms/hall/talks/t1', {
    title: 'Opera',
    start: 1_796_110_200_000,
    end: 1_796_113_800_000,
  });
  const kit = { name: 'hall-1', kind: 'device', room: 'hall' };
  const { token: enrolment } = await relay.call<{ token: string }>('POST', '/api/kits', kit);
  world = { relay, read, publish, enrolment };
  document = await (await fetch(`${relay.url}/openapi.json`)).json();
  contract = new Contract(document);
});
afterAll(async () => {
  await world.relay.stop();
  folder.remove();
});

type Sent = Omit<Case, 'status' | 'prepare'>;

async function send(
  { method, path }: Operation,
  { params = {}, query, body, type, headers, token }: Sent,
): Promise<Answer> {
  const at = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? `no-${name}`));
  const raw = typeof body === 'string' ? body : JSON.stringify(body);
  const bearer = token === undefined ? world.relay.adminToken : token;
  return request(`${world.relay.url}${at}${query ? `?${query}` : ''}`, raw, {
    method,
    headers: {
      ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
      ...(raw === undefined
        ? {}
        : { 'content-type': type ?? 'application/json', 'content-length': Buffer.byteLength(raw) }),
      ...headers,
    },
  });
}

/** Over a connection of its own, which one that was refused in the midst of its body may not be used again for. */
function request(url: string, body: string | undefined, options: RequestOptions): Promise<Answer> {
  const agent = new Agent({ keepAlive: true });
  return new Promise<Answer>((done, fail) => {
    const asked = httpRequest(url, { ...options, agent }, (response) => {
      asked.off('error', fail).on('error', () => {}); // what is still on its way is not read any more
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', fail);
      response.on('end', () => {
        const { statusCode: status = 0, headers } = response;
        done({ status, type: headers['content-type'] ?? '', text: Buffer.concat(chunks).toString() });
      });
    });
    asked.on('error', fail);
    asked.end(body);
  }).finally(() => agent.destroy());
}

const rightCases = (operation: Operation) => casesOf(world)[operation.name] ?? [];
/** The first right call, on what is there already. */
function example(operation: Operation): Sent {
  const { prepare, status, ...first } = rightCases(operation)[0] ?? { status: 0 };
  return { ...first, params: { room: 'hall', id: 'none', seq: 1, talk: 't1', ...first.params } };
}

/** What of the answer is not as described, or not as expected; empty where all is. */
async function breachOf(operation: Operation, what: string, sent: Sent, statuses: number[]): Promise<string[]> {
  const answer = await send(operation, sent).catch((error: unknown) => {
    throw new Error(`${operation.name}, ${what}`, { cause: error });
  });
  const breach = contract.breach(operation, answer);
  if (breach) return [`${operation.name}, ${what}: ${breach}`];
  if (statuses.length === 0 || statuses.includes(answer.status)) return [];
  return [`${operation.name}, ${what}: ${answer.status} instead of ${statuses}: ${answer.text.slice(0, 200)}`];
}

/** Sends each; how many there were. */
async function walk(calls: (operation: Operation) => Promise<[what: string, sent: Sent, statuses: number[]][]>) {
  const wrong: string[] = [];
  let count = 0;
  for (const operation of contract.operations)
    for (const [what, sent, statuses] of await calls(operation)) {
      count++;
      wrong.push(...(await breachOf(operation, what, sent, statuses)));
    }
  expect(wrong).toEqual([]);
  return count;
}

test('the description is one, and the running relay gives the same as its source', async () => {
  expect(await new Validator().validate(JSON.parse(JSON.stringify(document)))).toMatchObject({ valid: true });
  const api = new TestApi();
  const { paths }: { paths: unknown } = await (await api.app.request('/openapi.json')).json();
  expect(document).toMatchObject({ paths });
  api.rooms.remove();
});

test('every route of the app is described or a page, and every operation has a case', async () => {
  const api = new TestApi();
  const described = new Set(contract.operations.map(({ name }) => name.replace(/\{(\w+)\}/g, ':$1')));
  const served = api.app.routes.filter(({ method }) => method !== 'ALL');
  const isPage = (path: string) => pages.includes(path) || path.startsWith('/display/lib/');
  expect(served.filter(({ method, path }) => !described.has(`${method} ${path}`) && !isPage(path))).toEqual([]);
  expect(described.size).toBeGreaterThan(40);
  const names = contract.operations.map(({ name }) => name);
  expect(names.filter((name) => (casesOf(world)[name] ?? []).length === 0)).toEqual([]);
  expect(Object.keys(casesOf(world)).filter((name) => !names.includes(name))).toEqual([]);
  api.rooms.remove();
});

describe('each operation', { timeout: 120_000 }, () => {
  test('answers a right call as it is described', async () => {
    const wrong: string[] = [];
    for (const operation of contract.operations)
      for (const { prepare, status, ...sent } of rightCases(operation)) {
        if (sent.body !== undefined && sent.type === undefined && status < 400)
          expect({ [operation.name]: contract.takes(operation, sent.body) }).toEqual({ [operation.name]: true });
        const params = { ...sent.params, ...(await prepare?.(world)) };
        wrong.push(...(await breachOf(operation, `right, ${JSON.stringify(sent)}`, { ...sent, params }, [status])));
      }
    expect(wrong).toEqual([]);
  });

  test('is refused without a token, with a wrong one, and with one of too little right', async () => {
    const unknown = remember(`adm_${randomBytes(6).toString('hex')}_${randomBytes(32).toString('base64url')}`);
    await walk(async (operation) => {
      if (!operation.security) return [];
      const sent = example(operation);
      const isRead = (await send(operation, { ...sent, token: world.read })).status !== 403;
      // Logging out is no secret.
      const without = operation.name === 'DELETE /api/session' ? [204] : [401];
      return [
        ['without a token', { ...sent, token: null }, without],
        ['with an unknown token', { ...sent, token: unknown }, [401]],
        ['with no token at all in the header', { ...sent, token: '' }, without],
        ...(isRead ? [] : [['with a read token', { ...sent, token: world.read }, [403]] as [string, Sent, number[]]]),
      ];
    });
  });

  test('is refused with a room, an id or a place that cannot be', async () => {
    await walk(async (operation) => {
      const sent = example(operation);
      const names = [...operation.path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
      const odd = ['nowhere', 'Not A Room', '%2e%2e', 'a'.repeat(300), '-1', '0', '\u0000', 'ünï', '"', '1e9'];
      return names.flatMap((name) =>
        odd.map((value): [string, Sent, number[]] => [
          `${name} = ${JSON.stringify(value.slice(0, 20))}`,
          { ...sent, params: { ...sent.params, [name]: value } },
          [],
        ]),
      );
    });
  });

  test('answers nonsense in its query as described', async () => {
    await walk(async (operation) => {
      const sent = example(operation);
      const names = operation.parameters.filter((each) => each.in === 'query').map(({ name }) => name);
      const values = [
        '',
        '-1',
        '0',
        '1e99',
        'x',
        '%00',
        '[]',
        'true',
        '2026-99-99T00:00:00Z',
        '9'.repeat(400),
        'a=b&&',
      ];
      return [
        ...names.flatMap((name) =>
          values.map((value): [string, Sent, number[]] => [
            `${name}=${value.slice(0, 20)}`,
            { ...sent, query: `${name}=${encodeURIComponent(value)}` },
            [],
          ]),
        ),
        ['unknown parameter', { ...sent, query: 'colour=red&colour=blue&=&%zz' }, []],
      ];
    });
  });

  test('takes a body that is no JSON in the types that are described alone, and no nonsense', async () => {
    const count = await walk(async (operation) => {
      const types = Object.keys(operation.requestBody?.content ?? {});
      if (types.length === 0 || types.includes('application/json')) return [];
      const sent = example(operation);
      // Any bytes are bytes: they are refused by what they are a piece of.
      const refusals = operation.path.endsWith('/archive') ? [404, 409] : [400, 415];
      const nonsense = ['', '\u0000', '[]', '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'];
      return [
        ...types.flatMap((type) =>
          nonsense.map((body): [string, Sent, number[]] => [
            `${type} ${body}`,
            { ...sent, type, body },
            refusals.filter((status) => status !== 415),
          ]),
        ),
        ['no body', { ...sent, body: undefined }, refusals],
        ['too long', { ...sent, body: 'x'.repeat(5_300_000) }, [413]],
      ];
    });
    expect(count).toBeGreaterThan(10);
  });

  test('refuses every body that the description forbids', async () => {
    let forbidden = 0;
    const count = await walk(async (operation) => {
      if (!operation.requestBody?.content['application/json']) return [];
      const sent = example(operation);
      const bodies: unknown[] = [[], null, 'text', 42, true, [{}], { colour: 'red' }, ...mutations(sent.body)];
      const calls = bodies.map((body): [string, Sent, number[]] => {
        const isForbidden = !contract.takes(operation, body);
        if (isForbidden) forbidden++;
        // A string of JSON is sent as it is.
        const raw = JSON.stringify(body);
        return [`body ${raw.slice(0, 120)}`, { ...sent, body: raw }, isForbidden ? [400, 413] : []];
      });
      const { body: _, ...without } = sent;
      return [
        ...calls,
        ['no JSON', { ...sent, body: '{"name":' }, [400]],
        ['no body', without, []],
        ['an empty body', { ...sent, body: '' }, []],
        ['another type', { ...sent, body: 'name=x', type: 'application/x-www-form-urlencoded' }, [415]],
        ['no type that there is', { ...sent, body: '{}', type: 'nonsense' }, [415]],
        [
          'too long',
          {
            ...sent,
            body: JSON.stringify({ name: 'x'.repeat(600_000) }),
          },
          [413],
        ],
        ['deeply nested', { ...sent, body: `${'['.repeat(20_000)}${']'.repeat(20_000)}` }, [400, 413]],
      ];
    });
    expect(forbidden).toBeGreaterThan(100);
    expect(count).toBeGreaterThan(forbidden);
  });
});

/** A right body with one thing wrong in it, at every depth: another type, something missing, something unknown. */
function mutations(body: unknown): unknown[] {
  if (Array.isArray(body)) {
    const [first] = body;
    return [...mutations(first).map((each) => [each]), [null], [42], ['x'.repeat(10_000)], Array(3000).fill(first)];
  }
  if (typeof body !== 'object' || body === null) return [null, 42, -1, 'x', '', [], {}, true, 'x'.repeat(10_000)];
  const entries = Object.entries(body);
  return [
    { ...body, colour: 'red' },
    ...entries.map(([name]) => Object.fromEntries(entries.filter(([each]) => each !== name))),
    ...entries.flatMap(([name, value]) => mutations(value).map((each) => ({ ...body, [name]: each }))),
  ];
}
