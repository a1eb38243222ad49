import type { HeldAudio } from './buffer.ts';
import type { BufferListener } from './buffer-options.ts';
import { Uplink, type UplinkHealth, type UplinkOptions } from './uplink.ts';

export interface UplinksOptions extends Omit<UplinkOptions, 'room' | 'audio' | 'delivers'> {
  readonly room: string;
  readonly buffer: HeldAudio & { readonly formerRooms: readonly string[]; formerly(room: string): HeldAudio };
  /** How often it is looked whether something of former rooms is left. */
  readonly lookEveryMs?: number;
}

/** A room whose relay does not take what was captured for it (it was deleted, the kit's right to it ended) waits so long. */
const refusedRetryMs = 600_000;
const defaultLookEveryMs = 1000;

/**
 * The line of the room that is served, and beside it, one former room after the other, a second one that brings home what
 * was captured there. That one runs only while the relay answers, and ends when nothing is left.
 */
export class Uplinks implements BufferListener {
  readonly #options: UplinksOptions;
  #room: string;
  #live: Uplink;
  #former: { readonly room: string; readonly uplink: Uplink } | null = null;
  /** Former rooms that were refused, and until when they wait. */
  readonly #waiting = new Map<string, number>();
  readonly #ending = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #stopping: Promise<void> | null = null;

  constructor(options: UplinksOptions) {
    this.#options = options;
    this.#room = options.room;
    this.#live = new Uplink({ ...options, audio: options.buffer });
  }

  /** The room that is served. */
  get room(): string {
    return this.#room;
  }

  start(): void {
    this.#live.start();
    // Without a key of its own a device has no right to any other room.
    const { isKit = false, lookEveryMs = defaultLookEveryMs } = this.#options;
    if (isKit) this.#timer = setInterval(() => this.#look(), lookEveryMs);
  }

  /** Serves another room from now on; the buffer does so already. */
  serve(room: string): void {
    if (room === this.#room || this.#stopping !== null) return;
    this.#end(this.#live);
    if (this.#former) this.#leave();
    this.#waiting.clear();
    this.#room = room;
    this.#live = new Uplink({ ...this.#options, room, audio: this.#options.buffer });
    this.#live.start();
    this.#options.onChange();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([this.#live.stop(), this.#former?.uplink.stop(), ...this.#ending]);
  }

  /** Of the line that is for the room served. */
  health(): UplinkHealth {
    return this.#live.health();
  }

  /** Tells the relay how the device is, where it listens. */
  report(): void {
    this.#live.report();
  }

  started: BufferListener['started'] = (stream) => this.#live.started(stream);
  frame: BufferListener['frame'] = (stream, position, audio) => this.#live.frame(stream, position, audio);
  ended: BufferListener['ended'] = (stream) => this.#of(stream.room)?.ended(stream);
  hole: BufferListener['hole'] = (stream, hole) => this.#of(stream.room)?.hole(stream, hole);
  anchor: BufferListener['anchor'] = (stream, anchor) => this.#of(stream.room)?.anchor(stream, anchor);
  revived: BufferListener['revived'] = () => {
    this.#live.revived();
    this.#former?.uplink.revived();
  };

  #of(room: string): Uplink | undefined {
    return room === this.#room ? this.#live : this.#former?.room === room ? this.#former.uplink : undefined;
  }

  /** Goes on to the next former room where there is one, and not before the relay answers: what is spoken now goes first. */
  #look(): void {
    const { buffer, now, log } = this.#options;
    const answers = /^(connected|other-source|refused)$/.test(this.#live.health().state);
    if (this.#former) {
      const { room, uplink } = this.#former;
      const isRefused = uplink.health().state === 'refused';
      const isDone = buffer.formerly(room).offered().length === 0;
      if (isRefused) this.#waiting.set(room, now() + refusedRetryMs);
      if (isDone) log.info({ event: 'delivered', room }, 'All that was captured for a former room is handed in');
      if (isDone || isRefused || !answers) this.#leave();
    }
    if (this.#former || !answers) return;
    const room = buffer.formerRooms.find((each) => (this.#waiting.get(each) ?? 0) <= now());
    if (room === undefined) return;
    const uplink = new Uplink({
      ...this.#options,
      ...{ room, audio: buffer.formerly(room), delivers: true, onChange: () => {} },
    });
    this.#former = { room, uplink };
    uplink.start();
  }

  #leave(): void {
    if (this.#former) this.#end(this.#former.uplink);
    this.#former = null;
  }

  #end(uplink: Uplink): void {
    const ending = uplink.stop().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }
}
