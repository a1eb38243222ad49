import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { EngineFailure, EngineListener, EngineResult } from '../relay/engines/engine.ts';
import { PocketSphinxEngine, type PocketSphinxOptions } from '../relay/engines/pocketsphinx.ts';
import { createLog } from '../systemd/log.ts';
import { isLong } from './harness/lengths.ts';
import { welcome } from './harness/welcome.ts';
import { wordErrorRate } from './harness/words.ts';

const frameBytes = 3200;
const english = { room: 'aula', language: 'en-US' };
const realHost = new URL('../relay/engines/pocketsphinx-host.ts', import.meta.url).href;
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sala-pocketsphinx-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

class Recorder implements EngineListener {
  readonly partials: EngineResult[] = [];
  readonly finals: EngineResult[] = [];
  readonly calls: string[] = [];
  failure: EngineFailure | null = null;

  ready(): void {
    this.calls.push('ready');
  }
  partial(result: EngineResult): void {
    this.calls.push(`partial ${result.id}`);
    this.partials.push(result);
  }
  final(result: EngineResult): void {
    this.calls.push(`final ${result.id}`);
    this.finals.push(result);
  }
  ended(): void {
    this.calls.push('ended');
  }
  failed(failure: EngineFailure): void {
    this.calls.push('failed');
    this.failure = failure;
  }

  /** Resolves once a call that starts with `name` was made. */
  async called(name: string, timeout = 60_000): Promise<void> {
    await vi.waitFor(() => expect(this.calls.some((call) => call.startsWith(name))).toBe(true), {
      timeout,
      interval: 20,
    });
  }
}

function open(options: Partial<PocketSphinxOptions> = {}, settings = english) {
  const engine = new PocketSphinxEngine({
    log: createLog('silent')('test'),
    execPath: process.execPath,
    ...options,
  });
  const heard = new Recorder();
  const session = engine.open(settings, heard);
  const write = (audio: Buffer) => {
    for (let at = 0; at < audio.length; at += frameBytes)
      session.write(audio.subarray(at, at + frameBytes), { stream: 'any', position: at / 2 });
  };
  return { engine, heard, session, write };
}

/** A child program in the recogniser's place. */
function stub(name: string, code: string): string {
  const path = join(folder, `${name}.mjs`);
  writeFileSync(path, code);
  return path;
}

const silence = (seconds: number) => Buffer.alloc(seconds * 32_000);
const sayReady = `console.log(JSON.stringify({ type: 'ready' }));`;
const whole = { audio: welcome.audio(), text: welcome.text() };
const unhurried = { limits: { maxBacklogMs: 600_000 } };

describe('speech', () => {
  test('is captioned with at most 15 % of its words wrong, each word in its place', async () => {
    const { heard, session, write } = open(unhurried);
    const { audio, text: spoken } = isLong ? whole : welcome.first(6);
    write(audio);
    session.end(240_000);
    await heard.called('ended', 240_000);

    const said = heard.finals.map(({ text }) => text).join(' ');
    expect(wordErrorRate(spoken, said)).toBeLessThanOrEqual(0.15);
    expect(said).toMatch(/^[a-z' .-]+$/);
    let at = 0;
    for (const { text, start, end, words, language } of heard.finals) {
      expect(language).toBe('en-US');
      expect(text).toBe(words.map((word) => word.text).join(' '));
      expect([start, end]).toEqual([words[0]?.start, words.at(-1)?.end]);
      for (const word of words) {
        expect(word.start).toBeGreaterThanOrEqual(at);
        expect(word.end).toBeGreaterThan(word.start);
        expect(word.confidence).toBeGreaterThanOrEqual(0);
        expect(word.confidence).toBeLessThanOrEqual(1);
        at = word.end;
      }
    }
    expect(at).toBeLessThanOrEqual(audio.length / 2);
    expect(new Set(heard.finals.map(({ id }) => id)).size).toBe(heard.finals.length);
    expect(heard.calls[0]).toBe('ready');
    expect(heard.calls.at(-1)).toBe('ended');
  }, 270_000);

  test('shows partials of a sentence before its final, and none after', async () => {
    const { heard, session, write } = open();
    write(welcome.audio().subarray(0, 32_000 * 7.5));
    session.end(60_000);
    await heard.called('ended');
    const [first] = heard.finals;
    const final = heard.calls.indexOf(`final ${first?.id}`);
    expect(heard.calls.indexOf(`partial ${first?.id}`)).toBeGreaterThan(0);
    expect(heard.calls.indexOf(`partial ${first?.id}`)).toBeLessThan(final);
    expect(heard.calls.lastIndexOf(`partial ${first?.id}`)).toBeLessThan(final);
  }, 60_000);

  test('is final soon after the speaker pauses, with no more audio than silence', async () => {
    const { heard, session, write } = open();
    write(welcome.audio().subarray(0, 32_000 * 3.6));
    write(silence(1));
    await heard.called('final');
    expect(heard.finals[0]?.text).toContain('welcome');
    session.abort();
  }, 60_000);

  test('keeps its place after long silence', async () => {
    const { heard, session, write } = open(unhurried);
    const sentence = welcome.audio().subarray(0, 32_000 * 3.6);
    write(sentence);
    write(silence(60));
    write(sentence);
    write(silence(1));
    session.end(60_000);
    await heard.called('ended');
    const [first, second] = heard.finals;
    expect((second?.start ?? 0) - (first?.start ?? 0)).toBeGreaterThan(16_000 * (63.6 - 0.3));
    expect((second?.start ?? 0) - (first?.start ?? 0)).toBeLessThan(16_000 * (63.6 + 0.3));
  }, 60_000);

  test('without pauses is cut into finals of at most 26 s', async () => {
    const { heard, session, write } = open(unhurried);
    const { audio, text: spoken } = isLong ? whole : welcome.first(8);
    write(withoutPauses(audio));
    session.end(240_000);
    await heard.called('ended', 240_000);
    expect(heard.finals.length).toBeGreaterThanOrEqual(2);
    for (const { start, end } of heard.finals) expect(end - start).toBeLessThanOrEqual(26 * 16_000);
    const said = heard.finals.map(({ text }) => text).join(' ');
    expect(wordErrorRate(spoken, said)).toBeLessThanOrEqual(0.25);
  }, 270_000);

  test('is nowhere in silence', async () => {
    const { heard, session, write } = open(unhurried);
    write(silence(20));
    session.end(60_000);
    await heard.called('ended');
    expect(heard.calls).toEqual(['ready', 'ended']);
  }, 60_000);
});

/** Speech whose every silence is shortened to 0.1 s. */
function withoutPauses(audio: Buffer): Buffer {
  const kept: Buffer[] = [];
  let quiet = 0;
  for (let at = 0; at + 320 <= audio.length; at += 320) {
    const frame = audio.subarray(at, at + 320);
    let peak = 0;
    for (let i = 0; i < frame.length; i += 2) peak = Math.max(peak, Math.abs(frame.readInt16LE(i)));
    quiet = peak < 300 ? quiet + 1 : 0;
    if (quiet <= 10) kept.push(frame);
  }
  return Buffer.concat(kept);
}

describe('a session that cannot work says what to install', () => {
  test.each([
    ['the library', 'pocketsphinx-library', { libraryPath: '/nowhere/libpocketsphinx.so.3' }],
    ['the model', 'pocketsphinx-model', { modelDir: '/nowhere/model' }],
  ])('without %s', async (_, code, options) => {
    const { heard } = open(options);
    await heard.called('failed');
    expect(heard.failure).toMatchObject({ kind: 'configuration', code });
    expect(heard.failure?.hint).toContain('apt install libpocketsphinx3 pocketsphinx-en-us');
    expect(heard.calls).toEqual(['failed']);
  });

  test('without koffi', async () => {
    const hostPath = stub(
      'no-koffi',
      `import { registerHooks } from 'node:module';
       registerHooks({ resolve(name, context, next) {
         if (name === 'koffi') throw new Error('Cannot find package');
         return next(name, context);
       } });
       await import(${JSON.stringify(realHost)});`,
    );
    const { heard } = open({ hostPath });
    await heard.called('failed');
    expect(heard.failure).toMatchObject({ kind: 'configuration', code: 'pocketsphinx-koffi' });
    expect(heard.failure?.hint).toContain('npm install');
  });

  test('with a library that is another version', async () => {
    // Any library without this version's entry point looks the same from here.
    const libraryPath = execFileSync('sh', ['-c', 'ls /lib/*/libm.so.6 | head -n 1'], { encoding: 'utf8' }).trim();
    const { heard } = open({ libraryPath });
    await heard.called('failed');
    expect(heard.failure).toMatchObject({ kind: 'configuration', code: 'pocketsphinx-version' });
  });

  test('in Italian, before anything is started', async () => {
    const italian = { room: 'aula', language: 'it-IT' };
    const { engine, heard } = open({ execPath: '/nowhere/node' }, italian);
    expect(engine.check(italian)?.hint).toContain('transcribe');
    expect(engine.check({ room: 'aula', language: 'en-GB' })).toBeNull();
    await heard.called('failed');
    expect(heard.failure).toMatchObject({ kind: 'configuration', code: 'language-unsupported' });
  });

  test('when its program does not start', async () => {
    const { heard } = open({ execPath: '/nowhere/node' });
    await heard.called('failed');
    expect(heard.failure?.kind).toBe('backoff');
    expect(heard.calls).toEqual(['failed']);
  });
});

describe('a recogniser that', () => {
  test('crashes asks to be opened again', async () => {
    const hostPath = stub(
      'crash',
      `${sayReady} process.stdin.once('data', () => process.kill(process.pid, 'SIGSEGV'));`,
    );
    const { heard, write } = open({ hostPath });
    await heard.called('ready');
    write(silence(0.1));
    await heard.called('failed');
    expect(heard.failure?.kind).toBe('reopen');
    expect(heard.calls).toEqual(['ready', 'failed']);
  });

  test('crashes before it ever was ready is left to rest', async () => {
    const { heard } = open({ hostPath: stub('early', 'process.exit(1);') });
    await heard.called('failed');
    expect(heard.failure?.kind).toBe('backoff');
  });

  test('hangs is replaced', async () => {
    const hostPath = stub('hang', `${sayReady} process.stdin.resume();`);
    const { heard, write } = open({ hostPath, limits: { stallTimeoutMs: 400 } });
    await heard.called('ready');
    write(silence(2));
    await heard.called('failed');
    expect(heard.failure?.kind).toBe('reopen');
  });

  test('gets no audio for long is not taken for one that hangs', async () => {
    const hostPath = stub(
      'patient',
      `${sayReady}
       let bytes = 0;
       process.stdin.on('data', (chunk) => {
         bytes += chunk.length;
         if (bytes === 64_000) setTimeout(() => console.log(JSON.stringify({ type: 'progress', samples: 32_000 })), 100);
         if (bytes > 64_000) console.log(JSON.stringify({ type: 'partial', number: 0, text: 'back', start: 0, end: 1, words: [] }));
       });`,
    );
    const { heard, session, write } = open({ hostPath, limits: { stallTimeoutMs: 500 } });
    await heard.called('ready');
    write(silence(2));
    // Four times the stall timeout, of nothing: the promise is about time that passes.
    await new Promise((resolve) => setTimeout(resolve, 2000));
    write(silence(0.1));
    await heard.called('partial');
    expect(heard.failure).toBeNull();
    session.abort();
  });

  test('is slower than speech is given up, with the reason', async () => {
    const hostPath = stub('slow', `${sayReady} setInterval(() => {}, 1000);`);
    const { heard, write } = open({ hostPath, limits: { maxBacklogMs: 3000 } });
    write(silence(3.2));
    await heard.called('failed');
    expect(heard.failure).toMatchObject({ kind: 'backoff', code: 'pocketsphinx-too-slow' });
  });

  test('says what is no message is replaced', async () => {
    const { heard } = open({ hostPath: stub('babble', `console.log('{"type":"final","words":[]}');`) });
    await heard.called('failed');
    expect(heard.calls).toEqual(['failed']);
  });

  test('does not finish in time fails rather than ends', async () => {
    const hostPath = stub('endless', `${sayReady} setInterval(() => {}, 1000);`);
    const { heard, session } = open({ hostPath });
    await heard.called('ready');
    session.end(100);
    session.end(100);
    await heard.called('failed');
    expect(heard.calls).toEqual(['ready', 'failed']);
  });
});

test('an aborted session is silent and its process is gone', async () => {
  const hostPath = stub(
    'pid',
    `console.log(JSON.stringify({ type: 'partial', number: 0, text: String(process.pid), start: 0, end: 1, words: [] }));
     setInterval(() => {}, 1000);`,
  );
  const { heard, session } = open({ hostPath });
  await heard.called('partial');
  const pid = Number(heard.partials[0]?.text);
  session.abort();
  session.abort();
  session.write(Buffer.alloc(frameBytes), null);
  session.end(10);
  await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow(), { timeout: 10_000, interval: 20 });
  expect(heard.calls).toHaveLength(1);
});
