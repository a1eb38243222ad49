import { readFileSync } from 'node:fs';
import type { FakeRelay } from './fake-relay.ts';
import type { RunningProgram } from './programs.ts';

/** Bytes an hour that a capturing device writes to its disk, as measured over so many seconds. */
export async function writtenPerHour(program: RunningProgram, relay: FakeRelay, seconds: number): Promise<number> {
  await relay.until(() => relay.frames.length >= 50);
  const written = () => Number(/^write_bytes: (\d+)/m.exec(readFileSync(`/proc/${program.child.pid}/io`, 'utf8'))?.[1]);
  const before = written();
  const frames = relay.frames.length;
  await relay.until(() => relay.frames.length >= frames + seconds * 10, `${seconds} s more`, (seconds + 20) * 1000);
  const perHour = ((written() - before) * 3600) / seconds;
  process.stderr.write(`a healthy hour writes ${(perHour / 1e6).toFixed(2)} MB, by ${seconds} s of it\n`);
  return perHour;
}
