import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { codeOf } from '../../systemd/errors.ts';
import type { Logger } from '../../systemd/log.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import { fetchAudio } from './audio.ts';
import { canonicalOf } from './chain/chain.ts';
import {
  type EngineResult,
  type Hearing,
  type JobIdentity,
  type LiveTranscript,
  liveTranscript,
  type Manifest,
  manifest as manifestSchema,
  recordingOf,
} from './contract.ts';
import type { EngineCall } from './engine-process.ts';
import { exits, faultOf, JobFault } from './job-fault.ts';
import { jobMetrics } from './job-metrics.ts';
import { type Publication, Publishing } from './publishing.ts';
import { inWorkFolder } from './work-folder.ts';

/** Told in the hash of the parameters: with a new number, recordings that were done can be done again. */
const pipelineVersion = 1;
const maxManifestBytes = 16 * 1024 * 1024;
const maxLiveBytes = 256 * 1024 * 1024;
const minEngineMs = 15 * 60_000;

const defaultModels: Readonly<Record<string, string>> = {
  parakeet: 'parakeet-tdt-0.6b-v3',
  whisper: 'large-v3-turbo',
  pocketsphinx: 'en-us',
};
/** Of the recording's length: a graphics processor needs a hundredth, PocketSphinx half of it, and twice on a machine that is busy. */
const engineTimes: Readonly<Record<string, number>> = { pocketsphinx: 6 };
const defaultEngineTime = 0.25;

export interface JobOptions {
  /** Where a room asks for none. */
  readonly engine: string;
  /** Of that engine; null: its own. */
  readonly model: string | null;
  readonly streaming: boolean;
  readonly turns: boolean;
  readonly turnsModel: string | null;
  /** How many times as long as the recording an engine may take; null: by the engine. */
  readonly engineTime: number | null;
  /** By `engine` whatever the room asks for, in place of a better one, and where it failed before. */
  readonly replace: boolean;
  /** Which attempt this is, and how many there are; null: nobody counts. */
  readonly attempt: { readonly number: number; readonly of: number } | null;
  readonly workDir: string;
}

export interface JobParts {
  readonly store: ObjectStore;
  readonly engines: { run(call: EngineCall, signal: AbortSignal): Promise<Hearing> };
  readonly options: JobOptions;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Wall clock time in ms. */
  readonly now: () => number;
  /** A clock in ms that never jumps. */
  readonly clock: () => number;
  /** From one try of a download to the next, in ms. */
  readonly pausesMs?: readonly number[];
}

const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

function jsonOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return null;
  }
}

/** Where an error comes from; not what it says, which may be what was said in the room. */
const framesOf = (error: unknown): string[] =>
  error instanceof Error ? (error.stack ?? '').split('\n').filter((line) => /^ +at /.test(line)) : [];

/** In which most of the recording was spoken. */
function languageOf({ languages, duration_ms }: Manifest): string {
  const lengths = new Map<string, number>();
  for (const [i, { from_ms, language }] of languages.entries()) {
    const toMs = languages[i + 1]?.from_ms ?? Math.max(duration_ms, from_ms);
    lengths.set(language, (lengths.get(language) ?? 0) + toMs - from_ms);
  }
  return [...lengths].toSorted(([, a], [, b]) => b - a)[0]?.[0] ?? 'und';
}

/** From the manifest of one recording to its canonical transcript. */
export class Job {
  readonly #parts: JobParts;
  readonly #publishing: Publishing;

  constructor(parts: JobParts) {
    this.#parts = parts;
    const { store, now, signal } = parts;
    this.#publishing = new Publishing({ store, now, signal });
  }

  /**
   * Transcribes and publishes, or finds that it was done.
   * @param key of the manifest
   * @throws {JobFault} why there is no transcript; a final one is left in the store, too
   */
  async run(key: string): Promise<Publication> {
    const { options, log, signal } = this.#parts;
    const startMs = this.#parts.clock();
    let identity: JobIdentity | null = null;
    try {
      const { body, recording } = await this.#manifest(key);
      const { data: manifest } = manifestSchema.safeParse(jsonOf(body));
      identity = this.#identity(recording, sha256(body), manifest?.engine ?? null);
      const before = await this.#publishing.outcome(identity, options.replace);
      if (before?.state === 'published') {
        log.info({ event: 'done-before', key, pointer: before.pointer }, 'It was transcribed before');
        return before;
      }
      if (before && !options.replace) throw failedBefore(before.failure);
      if (!manifest || !isOf(manifest, identity)) throw badManifest(key);
      const run = identity;
      return await inWorkFolder(options.workDir, (folder) => this.#transcribe(manifest, run, folder, startMs));
    } catch (error) {
      signal.throwIfAborted();
      const fault = faultOf(error);
      if (fault.exit === exits.mistake)
        log.error({ event: 'mistake', at: framesOf(fault.cause ?? fault) }, fault.message);
      if (identity && !(fault instanceof FailedBefore) && this.#isLast(fault))
        await this.#publishing.fail(identity, fault).catch((unsaid: unknown) => {
          throw faultOf(unsaid);
        });
      throw fault;
    }
  }

  async #transcribe(manifest: Manifest, run: JobIdentity, folder: string, startMs: number): Promise<Publication> {
    const { store, options, log, signal, clock, now, pausesMs } = this.#parts;
    const live = await this.#live(manifest);
    const audio = await fetchAudio(manifest, { store, folder, signal, clock, pausesMs });
    const engineStartMs = clock();
    const result = await this.#hear(manifest, run, folder, audio);
    const durationsMs = { download: audio.downloadMs, decode: audio.checkMs, engine: clock() - engineStartMs };
    const { voice } = audio;
    const { manifestSha256, paramsHash } = run;
    const product = canonicalOf({ manifest, manifestSha256, live, result, voice, paramsHash, now: clock, durationsMs });
    const publishStartMs = clock();
    const publication = await this.#publishing.publish(run, product, options.replace);
    const { report } = product;
    const steps = [...report.steps, { step: 'publish', ms: clock() - publishStartMs }];
    const attempt = options.attempt?.number ?? 1;
    const { pointer } = publication;
    log.info(
      jobMetrics({ run, pointer, report, steps, totalMs: clock() - startMs, atMs: now(), attempt }),
      'A recording was transcribed',
    );
    return publication;
  }

  #hear(
    manifest: Manifest,
    run: JobIdentity,
    folder: string,
    { files, voice }: Awaited<ReturnType<typeof fetchAudio>>,
  ): Promise<Hearing> {
    const { engines, signal } = this.#parts;
    return manifest.samples === 0
      ? Promise.resolve(nothingHeard(run))
      : this.#call(manifest, run, folder, files, voice.speech).then((call) => engines.run(call, signal));
  }

  async #call(
    manifest: Manifest,
    { engine }: JobIdentity,
    folder: string,
    audio: readonly string[],
    speech: readonly unknown[],
  ): Promise<EngineCall> {
    const { options } = this.#parts;
    const [vad, vocabulary, out] = [join(folder, 'vad.json'), join(folder, 'vocabulary'), join(folder, 'result.json')];
    await writeFile(vad, JSON.stringify({ speech }));
    await writeFile(vocabulary, manifest.vocabulary.map((term) => `${term.replaceAll(/\s+/g, ' ')}\n`).join(''));
    const { streaming, turns, turnsModel } = options;
    const factor = options.engineTime ?? engineTimes[engine] ?? defaultEngineTime;
    return {
      ...{ audio, out, vad, vocabulary, streaming, turns, turnsModel },
      engine: engine === 'recorded' ? options.engine : engine,
      model: this.#isDefault(engine) ? options.model : null,
      language: languageOf(manifest),
      timeoutMs: Math.round(Math.max(minEngineMs, manifest.duration_ms * factor)),
    };
  }

  async #manifest(key: string) {
    const { store, signal } = this.#parts;
    const recording = recordingOf(key);
    const hint = 'Name the key of a manifest: recordings/v1/EVENT/ROOM/TALK/manifest.json.';
    if (!recording) throw new JobFault(exits.bad, 'not-a-manifest', `${key} is no key of a manifest`, hint);
    try {
      return { recording, body: (await store.get(key, maxManifestBytes, signal)).body };
    } catch (error) {
      if (codeOf(error) !== 'store-missing') throw error;
      const gone = 'If its talk was deleted, all is as it should be; if not, look at the address of the store.';
      throw new JobFault(exits.bad, 'recording-missing', `There is no ${key} (any more)`, gone);
    }
  }

  async #live({ live }: Manifest): Promise<LiveTranscript> {
    const { store, signal } = this.#parts;
    const hint = 'Delete this recording while the relay still has the audio, and let it be made again.';
    const body = await store.get(live.key, maxLiveBytes, signal).then(
      (found) => found.body,
      (error: unknown) => {
        if (codeOf(error) === 'store-missing') return null;
        throw error;
      },
    );
    const { data } = liveTranscript.safeParse(body && sha256(body) === live.sha256 ? jsonOf(body) : null);
    if (data) return data;
    throw new JobFault(exits.bad, 'live-damaged', `${live.key} is not what the manifest says`, hint);
  }

  #identity(
    recording: NonNullable<ReturnType<typeof recordingOf>>,
    manifestSha256: string,
    asked: Manifest['engine'],
  ): JobIdentity {
    const { options } = this.#parts;
    const [own, file] = options.engine.split(/:(.*)/s);
    const engine = options.replace ? (own ?? options.engine) : (asked ?? own ?? options.engine);
    const model = (this.#isDefault(engine) ? (file ?? options.model) : null) ?? defaultModels[engine] ?? engine;
    const { streaming, turns } = options;
    const paramsHash = sha256(JSON.stringify({ pipelineVersion, streaming, turns }));
    return { ...recording, manifestSha256, engine, model: basename(model), paramsHash };
  }

  /** Whether the job's own options are those of this engine. */
  #isDefault(engine: string): boolean {
    return this.#parts.options.engine.split(':')[0] === engine;
  }

  /** Whether nobody will try again by himself. */
  #isLast(fault: JobFault): boolean {
    const { attempt } = this.#parts.options;
    return fault.isFinal || (attempt !== null && (fault.exit === exits.machine || attempt.number >= attempt.of));
  }
}

/** It was told by the run that found it. */
class FailedBefore extends JobFault {}

const failedBefore = ({ code, message, hint }: { code: string; message: string; hint: string }): JobFault =>
  new FailedBefore(exits.bad, code, `It failed before: ${message}`, `${hint} With --replace it is tried again.`);

const badManifest = (key: string): JobFault =>
  new JobFault(
    exits.bad,
    'manifest-bad',
    `${key} is no manifest of this recording that can be understood`,
    'A relay and a job of the same version write and read the same: update the older one.',
  );

/** Whether the manifest says of itself what its key says. */
function isOf(manifest: Manifest, { event, room, talk, revision }: JobIdentity): boolean {
  return manifest.event === event && manifest.room === room && manifest.talk === talk && manifest.revision === revision;
}

const nothingHeard = ({ engine, model }: JobIdentity): EngineResult => ({
  schema: 'sala.engine.v1',
  engine: { name: engine, model, version: 'none' },
  duration_ms: 0,
  segments: [],
  dropped: [],
  turns: null,
});
