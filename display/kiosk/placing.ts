import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { codeOf, messageOf } from '../../systemd/errors.ts';
import type { Logger } from '../../systemd/log.ts';
import { relayAddress, roomName } from './options.ts';

/** What the page is told at `/config.json`. */
export interface Placing {
  readonly relay: string;
  /** null: there is nothing to show yet; `waitsFor` says why. */
  readonly room: string | null;
  readonly token: string;
  /** What a QR code hands to the audience: never this kit's own key. */
  readonly readers: string;
  readonly waitsFor?: 'key' | 'room';
}

export interface PlacingFiles {
  readonly relay: string;
  readonly room?: string | undefined;
  readonly assignmentFile?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly readersTokenFile?: string | undefined;
}

const assignment = z.object({ room: roomName.nullable(), relay: relayAddress.optional() });
/** The relay's tokens are `KIND_ID_SECRET`; the credential that stands in for a key that is not there yet is no token. */
const token = /^[\x21-\x7e]+_[\x21-\x7e]+$/;
const maxTokenLength = 1000;
const maxFileBytes = 10_000;

/** Where this screen belongs, read anew each time: the agent puts its files there whenever it has them. */
export class Place {
  readonly #files: PlacingFiles;
  readonly #log: Logger;
  #told = '';

  constructor(files: PlacingFiles, log: Logger) {
    this.#files = files;
    this.#log = log;
  }

  async read(): Promise<Placing> {
    const { tokenFile, readersTokenFile } = this.#files;
    const { relay, room } = await this.#assigned();
    const key = await this.#token(tokenFile);
    const readers = await this.#token(readersTokenFile);
    const nowhere = { relay, room: null, token: '', readers: '' };
    if (tokenFile !== undefined && key === '') return { ...nowhere, waitsFor: 'key' };
    if (room === null) return { ...nowhere, waitsFor: 'room' };
    return { relay, room, token: key, readers };
  }

  async #assigned(): Promise<{ relay: string; room: string | null }> {
    const { assignmentFile, relay, room = null } = this.#files;
    const text = await this.#text(assignmentFile);
    if (text === '') return { relay, room };
    try {
      const given = assignment.parse(JSON.parse(text));
      return { relay: given.relay ?? relay, room: given.room };
    } catch (error) {
      this.#tell(`${assignmentFile}: ${messageOf(error)}`);
      return { relay, room };
    }
  }

  async #token(file: string | undefined): Promise<string> {
    const text = (await this.#text(file)).trim();
    return text.length <= maxTokenLength && token.test(text) ? text : '';
  }

  /** `''` where there is none, which is a state, not a fault. */
  async #text(file: string | undefined): Promise<string> {
    if (file === undefined) return '';
    try {
      return (await readFile(file, 'utf8')).slice(0, maxFileBytes);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') this.#tell(messageOf(error));
      return '';
    }
  }

  /** The same is told once. */
  #tell(message: string): void {
    if (message === this.#told) return;
    this.#told = message;
    this.#log.warn({ message }, 'a file that says where this screen belongs cannot be read');
  }
}
