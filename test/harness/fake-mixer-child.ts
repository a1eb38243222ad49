/**
 * Stands in for the capture child and behaves as badly as the mixer's name says: `fake-mixer-child.ts open NAME`. Each start adds
 * a line to the file that SALA_TEST_STARTS names.
 */
import { appendFileSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { encodeAudioPacket, encodeMessagePacket, sharedMonotonicMs } from '../../device/sources/packets.ts';
import { chunkMs, timedSound } from './timed-sound.ts';

const name = process.argv[3] ?? '';
const starts = process.env.SALA_TEST_STARTS ?? '/dev/null';
appendFileSync(starts, `${name}\n`);
process.stdin.on('close', () => process.exit(0));
process.stdin.resume();

const put = (packet: Uint8Array) => {
  for (let at = 0; at < packet.length; ) {
    try {
      at += writeSync(3, packet, at);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) process.exit(0);
    }
  }
};
const say = (message: unknown) => put(encodeMessagePacket(message));

/** Audio of 50 ms each, `rate` times as fast as time passes, each sample `level`. */
async function give(seconds: number, { rateHz = 16_000, channels = 1, level = 1000, rate = 1 } = {}): Promise<void> {
  say({ type: 'opened', name, rateHz, channels });
  const chunk = Buffer.from(new Int16Array((rateHz / 20) * channels).fill(level).buffer);
  const startedMs = sharedMonotonicMs();
  for (let i = 1; i <= seconds * 20; i++) {
    const dueMs = startedMs + (i * 50) / rate;
    const waitMs = dueMs - sharedMonotonicMs();
    if (waitMs > 0) await delay(waitMs);
    put(encodeAudioPacket(chunk, sharedMonotonicMs()));
  }
}

/** Sound that tells when it was made; each piece is handed on a little later, as a busy machine would. */
async function giveTimed(seconds: number, rateHz: number, channels: number): Promise<void> {
  say({ type: 'opened', name, rateHz, channels });
  const startedMs = sharedMonotonicMs();
  for (let i = 1; i <= (seconds * 1000) / chunkMs; i++) {
    const dueMs = startedMs + i * chunkMs;
    await delay(Math.max(0, dueMs + ((i * 7) % 30) - sharedMonotonicMs()));
    put(encodeAudioPacket(timedSound({ rateHz, channels }, dueMs), sharedMonotonicMs()));
  }
}

const spin = () => {
  for (;;);
};

if (name === 'crashes') process.exit(1);
else if (name === 'spins') spin();
else if (name === 'spins-later') {
  await give(1);
  spin();
} else if (name === 'chatters') {
  for (;;) {
    say({ type: 'progress' });
    await delay(100);
  }
} else if (name === 'babbles') {
  for (;;) say({ type: 'nonsense' });
} else if (name === 'lies') {
  for (;;) put(Buffer.alloc(1000, 99));
} else if (name === 'unpaced') await give(1e6, { rate: 1e6 });
else if (name === 'wrong-rate') await give(1e6, { rate: 3 });
else if (name === 'noisy') {
  const line = Buffer.from(`${'ALSA lib pcm.c: input/output error '.repeat(4)}\n`.repeat(700));
  setInterval(() => {
    for (const fd of [1, 2]) {
      try {
        writeSync(fd, line);
      } catch {
        // The pipe is full: that much was said.
      }
    }
  }, 5);
  await give(1e6);
} else if (name === 'changes') {
  // Each time it comes back it is another card.
  const start = readFileSync(starts, 'utf8').split('\n').length - 1;
  if (start === 1) await give(2, { rateHz: 48_000, channels: 2, level: 1000 });
  else if (start === 2) await give(2, { rateHz: 44_100, channels: 1, level: 2000 });
  else await give(1e6, { rateHz: 16_000, channels: 6, level: 3000 });
  process.exit(1);
} else if (name.startsWith('leaves ')) {
  // "leaves SECONDS RATE CHANNELS": gone without a word for so long, then back with these.
  const [, seconds, rateHz, channels] = name.split(' ').map(Number);
  const file = `${starts}.left`;
  if (readFileSync(starts, 'utf8').split('\n').length === 2) {
    await giveTimed(3, 16_000, 1);
    writeFileSync(file, String(sharedMonotonicMs()));
    await delay(1e6);
  }
  const backMs = Number(readFileSync(file, 'utf8')) + (seconds ?? 0) * 1000;
  const fault = { code: 'mixer-absent', message: 'There is no mixer.', hint: 'Plug it in.' };
  while (sharedMonotonicMs() < backMs) {
    say({ type: 'searching', fault });
    await delay(100);
  }
  await giveTimed(1e6, rateHz ?? 0, channels ?? 0);
} else await give(1e6);
