import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { MachineFaults } from './harness/machine-faults.ts';
import { NotifySocket } from './harness/notify-socket.ts';
import { RunningProgram, root, temporaryFolder } from './harness/programs.ts';
import { until } from './harness/until.ts';

/** What systemd would wait for before it ends a program; it is to be fed in half the time. */
const watchdogMs = 4000;
const ends: (() => unknown)[] = [];
afterAll(() => {
  for (const end of ends.toReversed()) end();
});

/** A program under a notify socket, with a watchdog. */
async function watched(file: string, args: (folder: string) => readonly string[], env: NodeJS.ProcessEnv = {}) {
  const folder = temporaryFolder();
  const socket = await new NotifySocket(join(folder.path, 'notify')).start();
  const program = new RunningProgram(file, args(folder.path), {
    NODE_OPTIONS: `--import ${join(root, 'test/harness/hang.ts')}`,
    ...env,
    NOTIFY_SOCKET: socket.path,
    WATCHDOG_USEC: String(watchdogMs * 1000),
  });
  ends.push(
    () => folder.remove(),
    () => socket.stop(),
    () => program.child.kill('SIGKILL'),
  );
  await until(() => socket.told.some(({ line }) => line === 'READY=1') || undefined, { what: 'READY=1' });
  await until(() => socket.fed() > 0 || undefined, { what: 'the first feeding' });
  return { socket, program };
}

/** A device whose relay refuses every connection. */
const device = (env: NodeJS.ProcessEnv = {}) =>
  watched(
    'device/main.ts',
    (folder) => {
      writeFileSync(join(folder, 'token'), 'none', { mode: 0o600 });
      const files = ['--token-file', join(folder, 'token'), '--data-dir', join(folder, 'data')];
      return ['--relay', 'ws://127.0.0.1:9', '--room', 'hall', '--source', 'tone', ...files];
    },
    env,
  );

const relay = (env: NodeJS.ProcessEnv = {}) =>
  watched(
    'relay/main.ts',
    (folder) => {
      writeFileSync(join(folder, 'token'), '0123456789abcdef0123', { mode: 0o600 });
      return ['--listen', '127.0.0.1:0', '--data-dir', folder, '--admin-token-file', join(folder, 'token')];
    },
    env,
  );

/** systemd would end the program now. */
const starved = (socket: NotifySocket) =>
  until(() => performance.now() - (socket.fedAtMs ?? 0) > watchdogMs || undefined, {
    what: 'the end of the feeding',
    timeoutMs: 50_000,
  });

describe.concurrent('the watchdog of systemd', () => {
  test('is fed by a device that has no network at all', async () => {
    const { socket } = await device();
    const before = socket.fed();
    await until(() => socket.fed() >= before + 4 || undefined, { what: 'four more feedings' });
    expect(socket.longestGapMs()).toBeLessThan(watchdogMs);
  });

  test('is not fed once the sound of a device gets stuck', async () => {
    const { socket, program } = await device({ SALA_TEST_HANG: 'capture' });
    program.child.kill('SIGUSR2');
    await starved(socket);
    expect(program.output).toContain('the source gives nothing');
  });

  test('is not fed once the event loop of a device stands still', async () => {
    const { socket, program } = await device({ SALA_TEST_HANG: 'loop' });
    program.child.kill('SIGUSR2');
    await starved(socket);
  });

  test('is not fed once the disk of a device does not answer', async ({ skip }) => {
    const folder = temporaryFolder();
    ends.push(() => folder.remove());
    const faults = MachineFaults.make(join(folder.path, 'faults'));
    if (!faults) return skip('there is no C compiler');
    const { socket, program } = await device(faults.env);
    faults.syncTakes(120_000);
    await starved(socket);
    await until(() => program.output.includes('no answer in time') || undefined, { what: 'the reason' });
  });

  test('is fed by a relay, until its event loop stands still', async () => {
    const { socket, program } = await relay({ SALA_TEST_HANG: 'loop' });
    const before = socket.fed();
    await until(() => socket.fed() >= before + 2 || undefined, { what: 'two more feedings' });
    program.child.kill('SIGUSR2');
    await starved(socket);
  });
});
