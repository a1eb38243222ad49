/** FLAC by Debian's program: what is in a file is what was given. About 1 s. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { encodeFlac } from '../relay/archive/flac.ts';
import { temporaryFolder } from './harness/programs.ts';
import { noise } from './harness/random.ts';

function folder(): string {
  const made = temporaryFolder();
  onTestFinished(made.remove);
  return made.path;
}
const never = new AbortController().signal;
async function* piecesOf(audio: Uint8Array, bytes = 64_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < audio.length; at += bytes) yield audio.subarray(at, at + bytes);
}
const decoded = (file: string) =>
  execFileSync('flac', ['-s', '-d', '-c', '--force-raw-format', '--endian=little', '--sign=signed', file], {
    maxBuffer: 1e9,
  });

/** A program in the place of flac. */
function inPlace(script: string): string {
  const file = join(folder(), 'flac');
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return file;
}

test.each([1, 2] as const)('%i channels come back bit by bit, with the hash of the file', async (channels) => {
  const audio = noise(channels, 16_000 * 7 * 2 * channels);
  const file = join(folder(), 'part-0001.flac');
  const made = await encodeFlac(piecesOf(audio), { file, channels, program: 'flac', signal: never });
  expect(decoded(file).equals(audio)).toBe(true);
  const bytes = readFileSync(file);
  expect(made).toEqual({ file, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') });
});

test('a source may use its memory again: no piece is asked for before the encoder has the one before', async () => {
  const audio = noise(3, 640_000);
  const file = join(folder(), 'part-0001.flac');
  const slow = inPlace('sleep 0.1; exec flac "$@"');
  // Small pieces that wait in a row, and such as are larger than what the kernel takes at once.
  const inTheSameMemory = async function* () {
    const buffer = new Uint8Array(320_000);
    for (const [from, to] of [
      ...Array.from({ length: 100 }, (_, i) => [i * 1000, i * 1000 + 1000]),
      [100_000, 400_000],
      [400_000, 640_000],
    ]) {
      const piece = audio.subarray(from, to);
      buffer.set(piece);
      yield buffer.subarray(0, piece.length);
      buffer.fill(0);
    }
  };
  await encodeFlac(inTheSameMemory(), { file, channels: 1, program: slow, signal: never });
  expect(decoded(file).equals(audio)).toBe(true);
});

test('what a failed run left is no obstacle, and nothing stands under the name before all is good', async () => {
  const file = join(folder(), 'part-0001.flac');
  writeFileSync(`${file}.making`, 'half of it');
  const audio = noise(1, 64_000);
  const failing = async function* () {
    yield audio;
    throw new Error('the spool cannot be read');
  };
  const to = { file, channels: 1, program: 'flac', signal: never } as const;
  await expect(encodeFlac(failing(), to)).rejects.toThrow('the spool cannot be read');
  expect(existsSync(file)).toBe(false);
  await encodeFlac(piecesOf(audio), to);
  expect(decoded(file).equals(audio)).toBe(true);
  expect(readdirSync(join(file, '..'))).toEqual(['part-0001.flac']);
});

test('a program that is missing, fails, or changes what it is given is told apart', async () => {
  const file = join(folder(), 'part-0001.flac');
  const encode = (program: string) =>
    encodeFlac(piecesOf(noise(1, 640_000)), { file, channels: 1, program, signal: never });
  await expect(encode('/nowhere/flac')).rejects.toMatchObject({ code: 'flac-missing' });
  await expect(encode(inPlace('echo "No space left on device" >&2; exit 1'))).rejects.toMatchObject({
    code: 'flac-failed',
    message: expect.stringContaining('No space left'),
  });
  const lossy = inPlace('case "$*" in *--test*) exec flac "$@" ;; *) head -c 600000 | flac "$@" ;; esac');
  await expect(encode(lossy)).rejects.toMatchObject({
    code: 'flac-failed',
    message: expect.stringContaining('does not hold'),
  });
  expect(existsSync(file)).toBe(false);
});

test('it ends when it is told to', async () => {
  const file = join(folder(), 'part-0001.flac');
  const stop = new AbortController();
  const endless = async function* () {
    for (let i = 0; ; i++) {
      if (i === 5) stop.abort();
      yield noise(1, 32_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await expect(
    encodeFlac(endless(), { file, channels: 1, program: 'flac', signal: stop.signal }),
  ).rejects.toMatchObject({
    name: 'AbortError',
  });
  expect(existsSync(file)).toBe(false);
});
