import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';

const url = (path: string) => JSON.stringify(new URL(`../${path}`, import.meta.url).href);

/** What `body` prints in a process of its own whose last file handle is taken; it has `log`, and `print`, which needs none. */
async function withoutHandles(body: string): Promise<string> {
  const program = `
    import { openSync } from 'node:fs';
    const print = process._rawDebug;
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    process.on('uncaughtException', (error) => print('crash: ' + error.message));
    ${body}
    setTimeout(() => process.exit(0), 300);`;
  const command = 'ulimit -n 64; exec "$0" --input-type=module -e "$1"';
  // In a group of its own, which a wrong kill takes along.
  const child = spawn('sh', ['-c', command, process.execPath, program], { detached: true });
  const [said, [, signal]] = await Promise.all([text(child.stderr), once(child, 'close')]);
  return signal === null ? said.trim() : `${said.trim()} ${signal}`;
}
const takeAll = 'try { for (;;) openSync("/dev/null", "r"); } catch {}';

test('a recogniser that finds no file handle left fails its session alone', async () => {
  const said = await withoutHandles(`
    import { RecogniserSession, recogniserLimits } from ${url('relay/engines/recogniser-session.ts')};
    const listener = { failed: ({ kind, message }) => print(kind + ': ' + message) };
    const words = { id: '1', recogniser: 'Sphinx', code: 'sphinx', tooSlowHint: '', language: 'en-US' };
    const session = new RecogniserSession({ ...words, listener, log, limits: recogniserLimits });
    ${takeAll}
    session.start(process.execPath, '/host.js', {});
    session.write(new Uint8Array(3200));
    session.end(100);`);
  expect(said).toMatch(/^backoff: The Sphinx process did not start: .*EMFILE$/);
});

test('a capture process for which no file handle is left has ended, and is tried again', async () => {
  const said = await withoutHandles(`
    import { MixerProcess } from ${url('device/sources/mixer-process.ts')};
    const capture = new MixerProcess(['open', 'mixer', '0', '0'], { execPath: process.execPath, log });
    ${takeAll}
    capture.start({ message() {}, audio() {}, ended: (reason) => print('ended: ' + reason) });
    await capture.kill();`);
  expect(said).toMatch(/^ended: .*EMFILE$/);
});
