import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { temporaryFolder } from './device-core.ts';

const figures = z.object({
  audioBytes: z.number(),
  writtenBytes: z.number(),
  memory: z.array(z.number()),
  heldMs: z.number(),
  droppedMs: z.number(),
});

/** What an outage of so many seconds costs: bytes to flash for each byte of audio, and memory after each 100 s of it. */
export async function outage(seconds: number) {
  const folder = temporaryFolder();
  try {
    const program = join(import.meta.dirname, 'outage.ts');
    const { stdout } = await promisify(execFile)(process.execPath, [program, folder.path, String(seconds)]);
    const { audioBytes, writtenBytes, memory, ...rest } = figures.parse(JSON.parse(stdout));
    const megabytes = memory.map((bytes) => Math.round(bytes / 1e6));
    const flash = writtenBytes / audioBytes;
    process.stderr.write(
      `an outage of ${seconds} s: ${flash.toFixed(2)} times the audio written, ${megabytes.at(-1)} MB of memory\n`,
    );
    return { flash, megabytes, ...rest };
  } finally {
    folder.remove();
  }
}
