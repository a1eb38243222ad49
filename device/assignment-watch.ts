import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { z } from 'zod';
import { roomPattern } from '../relay/protocol.js';
import { messageOf } from '../systemd/errors.ts';
import type { Logger } from '../systemd/log.ts';

const assignment = z.object({ room: z.string().regex(roomPattern), relay: z.string().optional() });

export interface AssignmentWatchOptions {
  readonly file: string;
  /** What the device serves while there is no assignment. */
  readonly room: string;
  /** An assignment of another relay is of another event. */
  readonly relay: string;
  readonly onRoom: (room: string) => void;
  readonly log: Logger;
}

/** The file is replaced as a whole; looking at it costs nothing. */
const lookEveryMs = 250;

const hostOf = (url: string) => (URL.canParse(url) ? new URL(url).host : url);

/** The room that a kit's agent wrote down, as it changes. A file that is missing or damaged changes nothing. */
export class AssignmentWatch {
  readonly #options: AssignmentWatchOptions;
  #room: string;

  constructor(options: AssignmentWatchOptions) {
    this.#options = options;
    this.#room = this.#read() ?? options.room;
  }

  /** The room that is served now. */
  get room(): string {
    return this.#room;
  }

  start(): void {
    watchFile(this.#options.file, { interval: lookEveryMs, persistent: false }, this.#look);
    this.#look();
  }

  stop(): void {
    unwatchFile(this.#options.file, this.#look);
  }

  readonly #look = (): void => {
    const room = this.#read();
    if (room === null || room === this.#room) return;
    this.#options.log.info({ event: 'room', room, before: this.#room }, 'Another room is served from now on');
    this.#room = room;
    this.#options.onRoom(room);
  };

  #read(): string | null {
    const { file, relay, log } = this.#options;
    try {
      const { room, relay: of = relay } = assignment.parse(JSON.parse(readFileSync(file, 'utf8')));
      return hostOf(of) === hostOf(relay) ? room : null;
    } catch (error) {
      log.debug({ error: messageOf(error) }, 'no assignment');
      return null;
    }
  }
}
