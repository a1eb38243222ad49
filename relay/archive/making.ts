import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { SalaError } from '../../systemd/errors.ts';
import { type LiveTranscript, type Manifest, manifest as manifestSchema } from '../canonical/contract.ts';
import type { CaptionLog } from '../captions.ts';
import { sampleRate } from '../protocol.js';
import type { Assignment } from '../rooms.ts';
import type { TextRules } from '../text-rules.ts';
import type { CutPlan } from './cut.ts';
import { audioOf, type ReadPiece } from './cut-audio.ts';
import { encodeFlac, type MadeFile } from './flac.ts';
import { type AudioPart, liveOf, manifestOf } from './manifest.ts';
import type { Recording } from './recordings.ts';
import type { QueuedFile } from './upload.ts';

/** What else a room says of a talk. */
export interface TalkFacts {
  readonly log: Pick<CaptionLog, 'id' | 'seq' | 'spoken'>;
  readonly assignments: readonly Assignment[];
  readonly vocabulary: readonly string[];
  readonly textRules: { readonly room: TextRules; readonly event: TextRules };
}

export interface MakingParts {
  readonly event: string;
  readonly read: ReadPiece;
  /** Debian's encoder, by name or path. */
  readonly flac: string;
  readonly partSamples: number;
}

/** Half an hour. */
export const usualPartSamples = 1800 * sampleRate;

const manifestName = 'manifest.json';

/**
 * Writes all files of a recording into a folder, the manifest last: where that is, all is. What was there before goes.
 * @throws what encoding, reading and the disk throw; nothing of it is under its own name then
 */
export async function makeFiles(
  folder: string,
  { recording, plan, facts }: { recording: Recording; plan: CutPlan; facts: TalkFacts },
  { event, read, flac, partSamples }: MakingParts,
  signal: AbortSignal,
): Promise<Manifest> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o750 });
  const parts: AudioPart[] = [];
  for (let from = 0; from < plan.samples; from += partSamples) {
    const to = Math.min(plan.samples, from + partSamples);
    const name = `part-${String(parts.length + 1).padStart(4, '0')}.flac`;
    const audio = audioOf(plan, from, to, read);
    const made = await encodeFlac(audio, { file: join(folder, name), channels: plan.channels, program: flac, signal });
    parts.push({ ...made, name, fromSample: from, toSample: to });
  }
  const live = await liveOf(plan, facts.log, recording.redact, async () => {
    await setImmediate();
    signal.throwIfAborted();
  });
  const { log, revision } = live;
  const liveFile = { ...(await writeJson(folder, 'live.json', live)), name: 'live.json', log, revision };
  const made = manifestOf({ event, recording, plan, parts, live: liveFile, ...facts });
  await writeJson(folder, manifestName, made);
  return made;
}

/**
 * The files of a recording in the order in which they are to be stored: the manifest last.
 * @throws {SalaError} `recording-incomplete` where they were never all made
 */
export async function filesIn(folder: string, group: string): Promise<QueuedFile[]> {
  const file = join(folder, manifestName);
  try {
    const body = await readFile(file);
    const { parts, live } = manifestSchema.parse(JSON.parse(body.toString()));
    const key = `${dirname(live.key)}/${manifestName}`;
    const local = (stored: { key: string }) => join(folder, stored.key.slice(dirname(live.key).length + 1));
    return [
      ...parts.map(({ key, sha256, bytes }) => ({ key, sha256, bytes, contentType: 'audio/flac' })),
      { key: live.key, sha256: live.sha256, bytes: live.bytes, contentType: 'application/json' },
      { key, sha256: hashOf(body), bytes: body.length, contentType: 'application/json' },
    ].map((each) => ({ ...each, file: local(each), group }));
  } catch (cause) {
    throw new SalaError(`${folder} does not hold a whole recording`, {
      code: 'recording-incomplete',
      hint: 'It is made again by itself.',
      cause,
    });
  }
}

/** Removes the folders of recordings that need none any more. @param folder that of all of them */
export async function sweepFolders(folder: string, isNeeded: (room: string, talk: string) => boolean): Promise<void> {
  const namesIn = (within: string) => readdir(within).catch((): string[] => []);
  for (const room of await namesIn(folder))
    for (const talk of await namesIn(join(folder, room)))
      if (!isNeeded(room, talk)) await rm(join(folder, room, talk), { recursive: true, force: true });
}

async function writeJson(folder: string, name: string, value: LiveTranscript | Manifest): Promise<MadeFile> {
  const body = Buffer.from(JSON.stringify(value));
  const file = join(folder, name);
  const handle = await open(`${file}.making`, 'w', 0o640);
  try {
    await handle.writeFile(body);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${file}.making`, file);
  await syncFolders(folder);
  return { file, bytes: body.length, sha256: hashOf(body) };
}

const hashOf = (body: Uint8Array) => createHash('sha256').update(body).digest('hex');

/** The folder, and those that name it: up to the data folder. */
async function syncFolders(folder: string): Promise<void> {
  let each = folder;
  for (let level = 0; level < 5; level++, each = dirname(each)) {
    const handle = await open(each, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}
