import { dirname } from 'node:path';
import { z } from 'zod';
import type { KitAssignment } from '../../relay/kit-protocol.ts';
import { roomPattern } from '../../relay/protocol.js';
import { type Files, replaceFile } from './files.ts';

/** What the kit's programs read: world-readable, no secret. */
export interface AssignmentText extends KitAssignment {
  readonly relay: string;
  /** When it was written; of the kit's own clock, for people. */
  readonly atMs: number;
}

const written = z.object({ room: z.string().regex(roomPattern), title: z.string(), relay: z.string() });

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
};

/** `assignment.json`: which room the kit serves. Replaced as a whole, and only when it says something else. */
export class AssignmentFile {
  readonly #files: Files;
  readonly #file: string;
  readonly #relay: string;
  readonly #now: () => number;
  #current: KitAssignment | null = null;
  /** One write at a time, in order. */
  #writing: Promise<void> = Promise.resolve();

  constructor(files: Files, file: string, relay: string, now: () => number) {
    this.#files = files;
    this.#file = file;
    this.#relay = relay;
    this.#now = now;
  }

  /** The room and its title; null before the first. */
  get current(): KitAssignment | null {
    return this.#current;
  }

  /** What was assigned before this start; one that cannot be read counts as none. */
  async load(): Promise<void> {
    const text = await this.#files.read(this.#file).catch(() => null);
    const { data } = written.safeParse(text && parseJson(text.toString('utf8')));
    if (data && data.relay === this.#relay) this.#current = { room: data.room, title: data.title };
  }

  /** @throws the system's error where it cannot be written; then the next call tries again */
  set({ room, title }: KitAssignment): Promise<void> {
    this.#writing = this.#writing.catch(() => {}).then(() => this.#write({ room, title }));
    return this.#writing;
  }

  async #write(next: KitAssignment): Promise<void> {
    if (this.#current?.room === next.room && this.#current.title === next.title) return;
    await this.#files.makeFolder(dirname(this.#file), 0o755);
    const text: AssignmentText = { ...next, relay: this.#relay, atMs: this.#now() };
    await replaceFile(this.#files, this.#file, `${JSON.stringify(text)}\n`, 0o644);
    this.#current = next;
  }
}
