import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { EngineResult } from '../../relay/canonical/contract.ts';
import type { EngineCall } from '../../relay/canonical/engine-process.ts';
import { Job, type JobOptions } from '../../relay/canonical/job.ts';
import { createLog, type Logger } from '../../systemd/log.ts';
import { heard, type MadeRecording, makeRecording } from './canonical-recording.ts';
import { readTalk, talk } from './canonical-run.ts';
import { MemoryStore } from './memory-store.ts';

/** The job in this process: a store in memory, an engine that says what it is told, real FLAC. */
export class JobBench {
  readonly store = new MemoryStore();
  readonly lines: Record<string, unknown>[] = [];
  readonly calls: EngineCall[] = [];
  /** What the engine reads of its files. */
  readonly told: { vad: unknown; vocabulary: string; audio: number }[] = [];
  readonly ending = new AbortController();
  readonly recording: MadeRecording;
  hear: (call: EngineCall) => EngineResult | Promise<EngineResult> = ({ engine }) => heard('hello world', engine);
  readonly #workDir: string;
  #nowMs = 0;

  constructor(workDir: string, recording = makeRecording()) {
    this.#workDir = workDir;
    this.recording = recording;
    this.put(recording);
  }

  put({ objects }: MadeRecording): void {
    for (const [key, body] of objects) this.store.objects.set(key, body);
  }

  /** What is left on the disk. */
  get left(): string[] {
    return existsSync(this.#workDir) ? readdirSync(this.#workDir) : [];
  }

  job(options: Partial<JobOptions> = {}): Job {
    const log: Logger = createLog('silent')('job');
    log.info = (line: unknown) => void this.lines.push(typeof line === 'object' ? { ...line } : {});
    return new Job({
      store: this.store,
      log,
      signal: this.ending.signal,
      now: () => Date.parse('2026-11-20T12:00:00Z'),
      clock: () => this.#nowMs++,
      pausesMs: [0, 0],
      engines: {
        run: async (call) => {
          this.calls.push(call);
          const { vad, vocabulary, audio } = call;
          const read = (file: string) => readFileSync(file, 'utf8');
          this.told.push({ vad: JSON.parse(read(vad)), vocabulary: read(vocabulary), audio: audio.length });
          return this.hear(call);
        },
      },
      options: {
        ...{ engine: 'parakeet', model: null, streaming: true, turns: false, turnsModel: null },
        ...{ engineTime: null, replace: false, attempt: null, workDir: this.#workDir },
        ...options,
      },
    });
  }

  run(options: Partial<JobOptions> = {}) {
    return this.job(options).run(this.recording.key);
  }

  read() {
    return readTalk((key) => this.store.text(key), talk);
  }

  failures(): unknown[] {
    return this.store.keys('failed.json').map((key) => this.store.json(key));
  }
}
