import type { Explained } from '../../systemd/errors.ts';
import type { Logger } from '../../systemd/log.ts';
import { type CaptureProcess, type ChildMessage, MixerProcess, type MixerProcessOptions } from './mixer-process.ts';
import { PaceGuard } from './pace-guard.ts';
import type { Source, SourceFormat, SourceListener, SourceState } from './source.ts';

export interface MixerOptions extends MixerProcessOptions {
  /** The mixer's whole name, or a part that only it has. */
  readonly name: string;
  /** What to open it with; the mixer's own default and all its channels (at most 8) where left out. */
  readonly rateHz?: number;
  readonly channels?: number;
}

const timing = {
  /** From the start of the child, or its last word, to the first audio. */
  startTimeoutMs: 5000,
  /** However much it says meanwhile, unless that no mixer is there. */
  maxStartMs: 15_000,
  /** Audio is held back this long, to see that it comes no faster than time passes. */
  probationMs: 200,
  /** The same for one that failed that before: no more of its audio gets through. */
  suspectProbationMs: 2000,
  /** An unplugged mixer gives no error, no close and no end: only its silence shows it. */
  audioTimeoutMs: 1000,
  watchIntervalMs: 100,
  /** The last one, a slow kit's start of the child (0.9 s) and the first audio's way (0.7 s) stay below the 3 s in which a
   * mixer that is back is to be captured. */
  retryMs: [250, 500, 1000, 1200],
  /** After so long a stretch of audio the retries begin anew. */
  healthyAfterMs: 10_000,
};

/** A sound card's input, captured by a child process that is replaced whenever it fails or falls silent. */
export class MixerSource implements Source {
  readonly #options: MixerOptions;
  readonly #makeProcess: (args: readonly string[]) => CaptureProcess;
  readonly #log: Logger;
  #listener: SourceListener | null = null;
  #process: CaptureProcess | null = null;
  #format: SourceFormat | null = null;
  #deviceName: string;
  #capturingSince: number | null = null;
  #pace = new PaceGuard();
  /** The first audio of a process, until it has shown its pace; null from then on. */
  #probation: { readonly audio: Buffer; readonly capturedAtMs: number }[] | null = [];
  /** The last process gave sound too fast. */
  #suspect = false;
  #startedAt = 0;
  #heardAt = 0;
  #attempt = 0;
  #shown = '';
  #watch: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  /** The last process that was given up, until it is gone. */
  #dying: Promise<void> = Promise.resolve();
  #stopped: Promise<void> | null = null;

  /** @param makeProcess takes the arguments of the capture child */
  constructor(
    options: MixerOptions,
    makeProcess = (args: readonly string[]): CaptureProcess => new MixerProcess(args, options),
  ) {
    this.#options = options;
    this.#makeProcess = makeProcess;
    this.#log = options.log;
    this.#deviceName = options.name;
  }

  start(listener: SourceListener): void {
    this.#listener = listener;
    this.#show({ state: 'starting', name: this.#options.name });
    this.#watch = setInterval(() => this.#check(), timing.watchIntervalMs);
    this.#open();
  }

  stop(): Promise<void> {
    this.#stopped ??= (async () => {
      clearInterval(this.#watch);
      clearTimeout(this.#retry);
      const process = this.#process;
      this.#process = null;
      await Promise.all([process?.kill(), this.#dying]);
    })();
    return this.#stopped;
  }

  #open(): void {
    const { name, rateHz = 0, channels = 0 } = this.#options;
    const process = this.#makeProcess(['open', name, String(rateHz), String(channels)]);
    this.#process = process;
    this.#format = null;
    this.#capturingSince = null;
    this.#pace = new PaceGuard();
    this.#probation = [];
    this.#startedAt = performance.now();
    this.#heardAt = this.#startedAt;
    // A process that was given up may still speak until it is gone: it is not listened to.
    const current = () => this.#process === process;
    process.start({
      message: (message) => current() && this.#hear(message),
      audio: (audio, capturedAtMs) => current() && this.#audio(audio, capturedAtMs),
      ended: (reason) => {
        if (!current()) return;
        this.#again({
          code: 'capture-failed',
          message: `Capturing "${this.#deviceName}" ended: ${reason}.`,
          hint: 'It starts again by itself. If this goes on, unplug the mixer and plug it in again.',
        });
      },
    });
  }

  #hear(message: ChildMessage): void {
    this.#heardAt = performance.now();
    switch (message.type) {
      case 'opened':
        this.#deviceName = message.name.slice(0, 256);
        this.#format = { rateHz: message.rateHz, channels: message.channels };
        break;
      case 'searching':
        this.#startedAt = this.#heardAt;
        this.#attempt = 0;
        this.#fault(message.fault);
        break;
      case 'failed':
        this.#again(message.fault);
        break;
      case 'dropped':
        this.#log.warn({ ms: message.ms }, 'the device did not read captured audio in time');
        break;
    }
  }

  #audio(audio: Buffer, capturedAtMs: number): void {
    const format = this.#format;
    if (!format) return;
    const now = performance.now();
    this.#heardAt = now;
    this.#capturingSince ??= now;
    if (!this.#pace.allows((audio.length / 2 / format.channels / format.rateHz) * 1000, capturedAtMs)) {
      this.#suspect = true;
      this.#again({
        code: 'mixer-too-fast',
        message: `"${this.#deviceName}" gives sound faster than time passes (${format.rateHz} Hz, ${format.channels} channels).`,
        hint: 'Give its own rate with --source-rate, or choose another sound input; --list-sources shows them.',
      });
      return;
    }
    if (now - this.#capturingSince >= timing.healthyAfterMs) this.#attempt = 0;
    if (this.#probation === null) {
      this.#listener?.audio(audio, format, capturedAtMs);
      return;
    }
    this.#probation.push({ audio, capturedAtMs });
    const probationMs = this.#suspect ? timing.suspectProbationMs : timing.probationMs;
    if (capturedAtMs - (this.#probation[0]?.capturedAtMs ?? capturedAtMs) < probationMs) return;
    const held = this.#probation;
    this.#probation = null;
    this.#suspect = false;
    this.#show({ state: 'capturing', name: this.#deviceName, format });
    for (const each of held) this.#listener?.audio(each.audio, format, each.capturedAtMs);
  }

  #check(): void {
    if (!this.#isSilent()) return;
    // After a standstill of this process its timers run before what waits in the pipe is read.
    setImmediate(() => {
      if (!this.#isSilent()) return;
      // A mixer that was captured was waited for already, and may be back: a loose plug.
      const waitMs = this.#capturingSince === null ? this.#backoffMs() : timing.retryMs[0];
      this.#again(
        {
          code: 'mixer-silent',
          message: `"${this.#deviceName}" gives no audio.`,
          hint: 'Check that the mixer is switched on and its USB cable is plugged in at both ends. Capture goes on by itself.',
        },
        waitMs,
      );
    });
  }

  #isSilent(): boolean {
    if (this.#process === null) return false;
    const now = performance.now();
    if (this.#capturingSince !== null) return now - this.#heardAt > timing.audioTimeoutMs;
    return now - this.#heardAt > timing.startTimeoutMs || now - this.#startedAt > timing.maxStartMs;
  }

  /** Gives the process up and opens a new one a little later. */
  #again(fault: Explained, waitMs = this.#backoffMs()): void {
    const process = this.#process;
    this.#process = null;
    this.#fault(fault);
    // The card is free only when the old process is gone.
    this.#dying = (process?.kill() ?? Promise.resolve()).then(() => {
      if (this.#stopped !== null) return;
      this.#retry = setTimeout(() => this.#open(), waitMs);
    });
  }

  #backoffMs(): number {
    return timing.retryMs[Math.min(this.#attempt++, timing.retryMs.length - 1)] ?? 0;
  }

  #fault(fault: Explained): void {
    this.#show({ state: 'fault', name: this.#deviceName, fault });
  }

  /** Each state once, however often it is found again. */
  #show(state: SourceState): void {
    const shown = JSON.stringify(state);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#listener?.state(state);
  }
}
