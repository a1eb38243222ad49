import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttp2, createSecureServer } from 'node:http2';
import { createServer as createHttps } from 'node:https';
import { connect, createServer as createTcp, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { TranscribeEngine } from '../relay/engines/transcribe.ts';
import { CauseFinder } from '../relay/engines/transcribe-cause.ts';
import { classifyFailure } from '../relay/engines/transcribe-failures.ts';
import { probe } from '../relay/engines/transcribe-probe.ts';
import { captureLog } from './harness/doors.ts';
import { EngineRecorder, play } from './harness/engine-recorder.ts';
import { numberedBlocks } from './harness/numbered-signal.ts';
import { temporaryFolder } from './harness/programs.ts';
import { until } from './harness/until.ts';
import { standInEnvironment } from './stand-ins/transcribe-environment.ts';

const folder = temporaryFolder();
const servers: Server[] = [];
const sockets = new Set<Socket>();
const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
const days = 86_400_000;

/** Listens somewhere; the address. */
async function listen(server: Server, protocol = 'https:'): Promise<URL> {
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  servers.push(server);
  const address = server.address();
  return new URL(`${protocol}//127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`);
}

function certificate(name: string, organization: string): { key: Buffer; cert: Buffer } {
  const [key, cert] = [join(folder.path, `${name}.key`), join(folder.path, `${name}.pem`)];
  const subject = ['-subj', `/O=${organization}/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`];
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert];
  execFileSync('openssl', ['req', '-x509', ...made, ...subject], { stdio: 'ignore' });
  return { key: readFileSync(key), cert: readFileSync(cert) };
}

afterEach(() => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  for (const server of servers.splice(0)) server.close();
  vi.unstubAllEnvs();
});
afterAll(() => folder.remove());

describe('each step of a connection that does not work is told from the others', () => {
  test('a name that there is not', async () => {
    expect(await probe(new URL('https://transcribestreaming.nowhere.invalid'))).toMatchObject({
      code: 'transcribe-connection',
      message: expect.stringMatching(/transcribestreaming\.nowhere\.invalid could not be resolved/),
      hint: expect.stringContaining('AWS_REGION'),
    });
  });

  test('nobody listens, and a proxy that was set is mentioned', async () => {
    const told = await probe(new URL('https://127.0.0.1:9'), { proxy: 'http://proxy.example:3128' });
    expect(told?.message).toContain('ECONNREFUSED');
    expect(told?.hint).toContain('A proxy is set in the environment; the relay connects directly');
    expect(JSON.stringify(told)).not.toContain('3128');
  });

  test('packets that are dropped', async () => {
    // One who listens and is stopped: once its queue is full, the kernel answers nobody.
    const listener = `const s = require('net').createServer(); s.listen({port: 0, host: '127.0.0.1', backlog: 1}, () => console.log(s.address().port))`;
    const child = spawn(process.execPath, ['-e', listener], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const [line] = await once(child.stdout, 'data');
      child.kill('SIGSTOP');
      const port = Number(String(line));
      for (let i = 0; i < 4; i++) sockets.add(connect({ port, host: '127.0.0.1' }).on('error', () => {}));
      await until(async () => {
        const told = await probe(new URL(`https://127.0.0.1:${port}`), { stepTimeoutMs: 300 });
        return told?.message.includes('something drops the packets') || undefined;
      });
    } finally {
      child.kill('SIGKILL');
    }
  });

  test('somebody who takes connections and does not speak TLS', async () => {
    expect(await probe(await listen(createTcp(() => {})), { stepTimeoutMs: 200 })).toMatchObject({
      message: expect.stringContaining('does not agree on TLS (it does not answer)'),
    });
    const plain = await listen(createTcp((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')));
    expect(await probe(plain)).toMatchObject({ message: expect.stringContaining('does not agree on TLS') });
    const deaf = await listen(createTcp((socket) => socket.destroy()));
    expect(await probe(deaf)).toMatchObject({ message: expect.stringContaining('does not agree on TLS') });
  });

  test('a clock that is wrong, by what the service says it is', async () => {
    const target = await listen(
      createHttp2((_request, response) => response.end()),
      'http:',
    );
    expect(await probe(target)).toBeNull();
    expect(await probe(target, { now: () => Date.now() + 240_000 })).toBeNull();
    expect(await probe(target, { now: () => 86_400_000 })).toMatchObject({
      code: 'transcribe-clock',
      message: expect.stringMatching(/clock is \d{5} days behind/),
      hint: expect.stringContaining('timedatectl'),
    });
    expect(await probe(target, { now: () => Date.now() + 3 * 3_600_000 })).toMatchObject({
      message: 'The relay’s clock is 3 hours ahead.',
    });
  });
});

describe.skipIf(!hasOpenssl)('somebody else in between', () => {
  let proxy: { key: Buffer; cert: Buffer };
  beforeAll(() => {
    proxy = certificate('localhost', 'Venue Web Filter');
  });

  test('who opens TLS is named, with what to do', async () => {
    const target = await listen(createSecureServer(proxy, (_request, response) => response.end()));
    target.hostname = 'localhost';
    expect(await probe(target)).toMatchObject({
      code: 'transcribe-untrusted',
      message: expect.stringMatching(/localhost is not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\).*“Venue Web Filter”/),
      hint: expect.stringContaining('NODE_EXTRA_CA_CERTS'),
    });
  });

  test('a wrong clock is told before the certificate that it makes look wrong', async () => {
    const target = await listen(createSecureServer(proxy, (_request, response) => response.end()));
    expect(await probe(target, { now: () => Date.now() - 400 * days })).toMatchObject({
      code: 'transcribe-clock',
      message: 'The relay’s clock is 400 days behind.',
    });
  });

  test('who speaks no HTTP/2 gives no time, and is not taken for the service', async () => {
    const target = await listen(createHttps(proxy, (_request, response) => response.end()));
    expect(await probe(target)).toMatchObject({ code: 'transcribe-untrusted' });
  });
});

describe('a room without connection', () => {
  const open = async (engine: TranscribeEngine) => {
    const recorder = new EngineRecorder();
    const session = engine.open({ room: 'hall', language: 'en-US' }, recorder);
    await play(session, numberedBlocks(0, 300), { speed: 10, until: () => recorder.isOver });
    await recorder.over();
    const [failure] = recorder.failures;
    if (!failure) throw new Error('it did not fail');
    return failure;
  };

  test('is told at once that there is none, and why as soon as a probe knows', async () => {
    const { log, lines } = captureLog();
    const target = await listen(createTcp((socket) => socket.destroy()));
    for (const [name, value] of Object.entries(standInEnvironment(target.origin))) vi.stubEnv(name, value);
    const engine = new TranscribeEngine({ log });
    const first = await open(engine);
    expect(first).toMatchObject({ code: 'transcribe-connection', kind: 'backoff' });
    expect(await engine.findCause(first)).toMatchObject({ message: expect.stringContaining('does not agree on TLS') });
    const second = await open(engine);
    expect(second).toMatchObject({ kind: 'backoff', message: expect.stringContaining('does not agree on TLS') });
    expect(lines.filter((line) => line.includes('"event":"connection-cause"'))).toHaveLength(1);
  });

  test('and without credentials, because whatever gives them does not answer, is told of them', async () => {
    const file = join(folder.path, 'config');
    writeFileSync(file, '[default]\ncredential_process = sleep 20\n');
    const { AWS_ACCESS_KEY_ID: _id, AWS_SECRET_ACCESS_KEY: _key, ...rest } = standInEnvironment('http://127.0.0.1:9');
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) vi.stubEnv(name, undefined);
    for (const [name, value] of Object.entries({ ...rest, AWS_CONFIG_FILE: file })) vi.stubEnv(name, value);
    const engine = new TranscribeEngine({ log: captureLog().log, options: { startTimeoutMs: 1000 } });
    const failure = await open(engine);
    expect(failure).toMatchObject({
      code: 'transcribe-start-timeout',
      message: expect.stringContaining('no AWS credentials within 1 s'),
      hint: expect.stringContaining('instance profile'),
    });
    expect(await engine.findCause(failure)).toBeNull();
  });

  test.each([
    ['Signature expired: 20261121T080000Z is now earlier than 20261121T115500Z', 'transcribe-clock'],
    ['The request signature we calculated does not match the signature you provided.', 'transcribe-credentials'],
  ])('and with a signature that is refused, is told of its clock or of its key: %s', (message, code) => {
    const error = Object.assign(new Error(message), { name: 'InvalidSignatureException' });
    expect(classifyFailure(error, { socketError: null, ready: false, ageMs: 0 }).code).toBe(code);
  });

  test('is probed once a minute, however many rooms fail, and what was found is forgotten when it no longer holds', async () => {
    let now = 0;
    let connections = 0;
    const target = await listen(
      createTcp((socket) => {
        connections++;
        socket.destroy();
      }),
    );
    const finder = new CauseFinder({ log: captureLog().log, now: () => now });
    const failure = { code: 'transcribe-connection', kind: 'backoff', message: 'Broke.', hint: 'Wait.' } as const;
    const told = finder.explained(failure, target);
    expect(told).toMatchObject(failure);
    await finder.find(told);
    for (let i = 0; i < 10; i++) expect(finder.explained(failure, target).message).toContain('TLS');
    expect(connections).toBe(1);
    now = 61_000;
    expect(finder.explained(failure, target).message).toContain('TLS');
    await until(() => connections === 2 || undefined, { what: 'the second probe' });
    now = 1_000_000;
    expect(finder.explained(failure, target).message).toBe('Broke.');
    expect(await finder.find(failure)).toBeNull();
  });
});
